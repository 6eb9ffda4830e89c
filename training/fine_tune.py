"""What a few clips of one's own are worth: a model on speakers and a corpus that it was not trained on, and fine-tuned.

    python training/fine_tune.py emodb=DIR=no-emodb-0,no-emodb-1,no-emodb-2 savee=DIR=no-savee-0,...

Each argument names a corpus, its folder and stored models of the bundled recipe that were trained without it, one a
seed, which are averaged. For each of three draws, two speakers are drawn; up to twenty of their clips a label are
trained on with the defaults of ``train --from``, and all clips of the other speakers are tested on. The model as it was
predicts the same test clips. UAR goes over the labels that corpus and model share; a second figure lets the model as it
was choose among those alone. Epochs, learning rate and batch were settled before this was first run, with a former
bundled model; so was that the head keeps the rows of shared labels, after a run on three draws of EmoDB without. Writes
training/records/fine-tuning.json.
"""

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from bundle import averaged

from audio_emotion import load_model
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.labels import label_set
from audio_emotion.corpora.splits import Split
from audio_emotion.evaluation import metrics
from audio_emotion.evaluation.evaluate import Evaluation, evaluate_utterances
from audio_emotion.models import checkpoint
from audio_emotion.training.base_model import FEW_CLIPS
from audio_emotion.training.config import from_table
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.job import TrainJob
from audio_emotion.training.train import run_job

RECORD = Path(__file__).parent / "records" / "fine-tuning.json"
N_CLIPS, N_SPEAKERS, DRAWS = 20, 2, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="+", metavar="CORPUS=FOLDER=MODEL[,MODEL...]")
    given = [argument.split("=") for argument in parser.parse_args().corpora]
    bases = {corpus: [checkpoint.find(n).resolve() for n in names.split(",")] for corpus, _, names in given}
    began = time.process_time()
    record: dict[str, object] = {"defaults": FEW_CLIPS}
    with tempfile.TemporaryDirectory() as home:
        os.environ["AUDIO_EMOTION_HOME"] = home
        for corpus, folder, _ in given:
            dataset = load_dataset([f"{corpus}={folder}"], "seven")
            with averaged(bases[corpus]) as base:
                before = evaluate_utterances(load_model(str(base), "cpu"), dataset.corpus.utterances)
                record[corpus] = [draw(dataset, base, before, seed) for seed in range(DRAWS)]
            print(corpus, json.dumps(record[corpus], indent=1), flush=True)
    record["seconds of one core"] = round(time.process_time() - began)
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def draw(dataset: Dataset, base: Path, before: Evaluation, seed: int) -> dict[str, object]:
    """Fine-tune on two speakers' clips, and test on the others."""
    split = few(dataset.corpus.utterances, seed)
    labels = ",".join(sorted({u.label for u in split.train}, key=dataset.labels.labels.index))
    own = replace(dataset, labels=label_set(labels))
    config = from_table({"origin": str(base), "seed": seed})
    trained = run_job(replace(TrainJob.named(f"few-{seed}", own, split, config), device="cpu"))
    assert trained.evaluation is not None
    tested = {u.path for u in split.test}
    rows = [i for i, u in enumerate(before.utterances) if u.path in tested]
    targets = [before.targets[i] for i in rows]
    among = before.among(labels.split(","))
    return {
        "trained on": sorted({u.speaker for u in split.train}),
        "clips": len(split.train),
        "test clips": len(split.test),
        "labels": labels,
        "UAR before": round(metrics.uar(targets, [before.answers[i] for i in rows]), 4),
        "UAR before, among these labels": round(metrics.uar(targets, [among[i] for i in rows]), 4),
        "UAR fine-tuned": round(trained.evaluation.uar, 4),
        "protocol": split.protocol,
    }


def few(utterances: Sequence[Utterance], seed: int) -> Split:
    """Draw two speakers and up to twenty of their clips a label; everybody else is tested."""
    rng = np.random.default_rng(seed)
    speakers = rng.permutation(sorted({u.speaker for u in utterances}))[:N_SPEAKERS].tolist()
    by_label = defaultdict(list)
    for utterance in utterances:
        if utterance.speaker in speakers:
            by_label[utterance.label].append(utterance)
    train = [clips[i] for clips in by_label.values() for i in rng.permutation(len(clips))[:N_CLIPS]]
    test = tuple(u for u in utterances if u.speaker not in speakers)
    return Split("few", tuple(train), (), test, remark=f"{N_SPEAKERS} speakers, {N_CLIPS} clips a label")


if __name__ == "__main__":
    main()
