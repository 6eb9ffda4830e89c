"""Memory and time of training by the number of clips: 1,000, 10,000 and 100,000, made by repeating recordings.

Each size is a process of its own. It decodes a few corpora once, repeats their utterances under other names, trains the
default network for some batches of the first epoch, predicts a share of the validation set, and reports the highest
resident memory. The time of an epoch is extrapolated: the processor time of the measured batches (the loader's thread
included) times their number.

    python benchmarks/training_memory.py            # measures, and writes benchmarks/training_memory.json
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from audio_emotion.corpora.splits import split_utterances
from audio_emotion.training.callbacks import Callbacks
from audio_emotion.training.config import from_table
from audio_emotion.training.dataset import Dataset, SoundStore, load_dataset
from audio_emotion.training.loop import Trainer
from audio_emotion.training.validation import Validator

SIZES = (1_000, 10_000, 100_000)
RECORD = Path(__file__).with_suffix(".json")
CORPORA = ("ravdess=ravdess-speech", "emodb=emodb", "savee=savee")


def repeated(dataset: Dataset, n: int) -> Dataset:
    """Return a dataset of ``n`` utterances: those of ``dataset``, again and again, each under a digest of its own."""
    utterances, sounds = [], {}
    originals = dataset.corpus.utterances
    for number in range(n):
        original = originals[number % len(originals)]
        digest = f"{original.digest}-{number}"
        utterances.append(replace(original, digest=digest))
        sounds[digest] = dataset.sounds.stored(original.digest)
    corpus = replace(dataset.corpus, utterances=tuple(utterances))
    return replace(dataset, corpus=corpus, sounds=SoundStore(sounds, dataset.sampling_rate))


def measure(n: int, n_batches: int) -> dict[str, object]:
    """Train on ``n`` clips for some batches and return what it took."""
    torch.set_num_threads(1)
    data = Path(os.environ["AUDIO_EMOTION_DATA"])
    start = time.monotonic()
    dataset = load_dataset([f"{name}={data / folder}" for name, folder in (entry.split("=") for entry in CORPORA)])
    loading = time.monotonic() - start
    dataset = repeated(dataset, n)
    split = split_utterances("speaker", dataset.corpus.utterances, 0)
    config = from_table({"sampling": {"balance": "corpus-and-label"}})
    side = dataset.side(split.train)
    start = time.monotonic()
    trainer = Trainer(side, 8, config, "cpu", Callbacks())
    n_epoch = -(-len(side.sounds) // config.batch_size)
    preparing = time.monotonic() - start
    marks = [time.process_time()]
    for done, _ in enumerate(trainer._steps(), start=1):
        marks.append(time.process_time())
        if done == n_batches:
            break
    a_batch = (marks[-1] - marks[1]) / (len(marks) - 2)
    validation = dataset.side(split.validation).first(500)
    start = time.process_time()
    Validator(validation, trainer.model, config, "cpu").uar(trainer.model)
    return {
        "clips": n,
        "training clips": len(side.sounds),
        "peak resident GB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "seconds to find or decode the recordings": round(loading, 1),
        "seconds to prepare": round(preparing, 1),
        "batches of an epoch": n_epoch,
        "batches measured": len(marks) - 2,
        "CPU ms a batch": round(1000 * a_batch, 1),
        "CPU seconds an epoch, extrapolated": round(a_batch * n_epoch, 1),
        "CPU ms a validation clip": round((time.process_time() - start) * 1000 / len(validation.sounds), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.batches)))
        return
    rows = []
    for size in options.sizes:
        command = [sys.executable, __file__, "--one", str(size), "--batches", str(options.batches)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(rows[-1]), flush=True)
    RECORD.write_text(json.dumps({"cores": os.cpu_count(), "threads": 1, "runs": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
