"""How often a bundled model takes other sounds for speech, and speech for none.

    python training/speech_output.py default D/not-speech --trained-on-noises --data ravdess=D/ravdess-speech ...
    python training/speech_output.py open D/not-speech --data crema-d=D/crema-d --speech emodb=D/emodb ...

The model predicts each recording of the folder as ``infer`` does. Where the noises trained its output ``speech``
(``--trained-on-noises``), each noise is predicted by a head that a fifth of them, ESC-50's fold of that noise, did not
train; their names do not tell the class, so a class may be on both sides. Speech is predicted as it is, and with white
noise at 10 dB. Writes ``training/records/speech-output-NAME.json``.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bundle
import numpy as np
import torch
from compare import keep
from conditions import CONDITIONS

from audio_emotion.audio import cache
from audio_emotion.audio.find import expand
from audio_emotion.audio.windows import speech_windows
from audio_emotion.core import paths
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import FloatArray, Waveform
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.training.dataset import Dataset, load_dataset

RATE = 16_000
N_SPEECH = 300
SPEECH_LIKE = ("laughing", "crying", "screaming", "moaning", "sighing")
"""Classes that may well be given an emotion: they do not count."""


def is_given_an_emotion(model: Model, samples: FloatArray) -> bool:
    """Return whether a model predicts anything but ``no speech``."""
    return model.predict_waveform(Waveform(samples, RATE, RATE)).label != NO_SPEECH


def by_class(model: Model, folder: Path) -> dict[str, list[bool]]:
    """Return whether each recording is given an emotion, by class: the first part of its name."""
    given: dict[str, list[bool]] = {}
    for path in expand([folder], recursive=True):
        given.setdefault(path.stem.partition("-")[0], []).append(is_given_an_emotion(model, cache.load(path, RATE)))
    return given


def held_out_noises(folder: Path, noises: Path, dataset: Dataset) -> list[bool]:
    """Return whether each noise is given an emotion by a head that its fold of ESC-50 did not train."""
    config, model = bundle.read_model(folder)
    threshold = np.log(config.speech_threshold / (1 - config.speech_threshold))
    speech = bundle.pooled_vectors(model, bundle.windows_with_speech(config, dataset))
    files = bundle.noise_files(noises)
    given = []
    for fold in sorted({path.stem.split("-")[1] for path in files}):
        own = f"noise-{fold}-"
        others = bundle.pooled_vectors(model, bundle.windows_without_speech(dataset, noises, skip=own))
        bundle.train_speech_head(model, speech, others)
        head = model.network.get_submodule("speech")
        for path in [path for path in files if path.stem.startswith(own)]:
            windows = speech_windows(cache.load(path, RATE), config.window_samples, RATE)
            with torch.inference_mode():
                pooled = torch.from_numpy(bundle.pooled_vectors(model, windows)) if len(windows) else None
                given.append(pooled is not None and bool((head(pooled) >= threshold).any()))
    return given


def lost(model: Model, dataset: Dataset, corpus: str) -> dict[str, float]:
    """Return the shares of a corpus's recordings that are called ``no speech``, as they are and in noise."""
    utterances = [u for u in dataset.corpus.utterances if u.corpus == corpus]
    some = utterances[:: max(1, len(utterances) // N_SPEECH)]
    shares: dict[str, float] = {"recordings": len(some)}
    for name, change in (("as recorded", None), ("white noise at 10 dB", CONDITIONS["white noise at 10 dB"])):
        sounds = [np.asarray(dataset.sounds[u.digest]) for u in some]
        changed = [x if change is None else change(x, RATE, np.random.default_rng(i)) for i, x in enumerate(sounds)]
        shares[name] = round(1 - float(np.mean([is_given_an_emotion(model, x) for x in changed])), 4)
    return shares


def share(given: Sequence[bool]) -> float:
    """Return the share of recordings that are given an emotion."""
    return round(float(np.mean(given)), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the model in the package")
    parser.add_argument("folder", type=Path, help="recordings without speech, CLASS-*")
    parser.add_argument("--trained-on-noises", action="store_true", help="the noises trained the model's output")
    parser.add_argument("--data", action="append", required=True, help="the corpora of the training")
    parser.add_argument("--speech", action="append", default=[], help="more corpora to lose speech of")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model, dataset = load_model(given.name, "cpu", threads=1), load_dataset(given.data)
    classes = by_class(model, given.folder)
    noises = classes.pop("noise")
    if given.trained_on_noises:
        noises = held_out_noises(paths.bundled_model_dir(given.name), given.folder, dataset)
    vocal = [answer for name, answers in classes.items() if name not in SPEECH_LIKE for answer in answers]
    record: dict[str, Any] = {
        "model": dict(model.config.sha256),
        "given an emotion": {"noises": share(noises), "vocal sounds": share(vocal)},
        "counts": {"noises": len(noises), "vocal sounds": len(vocal)},
        "by class": {name: share(answers) for name, answers in sorted(classes.items())},
        "speech lost": {corpus: lost(model, dataset, corpus) for corpus in dataset.corpus.names},
    }
    for source in given.speech:
        other = load_dataset([source], for_training=False)
        record["speech lost"] |= {corpus: lost(model, other, corpus) for corpus in other.corpus.names}
    keep(bundle.RECORDS / f"speech-output-{given.name}.json", record)
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
