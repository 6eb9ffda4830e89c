"""Accuracy on the test speakers of a recipe's folds when something happens to the sound.

    audio-emotion train --config training/configs/whisper-tiny.toml --folds union --allow-missing --name RUN --data ...
    python training/robustness.py RUN --data ravdess=D/ravdess-speech --data crema-d=D/crema-d

Each model of the folds predicts the recordings of its own test speakers, as they are and in each of ``conditions.py``,
as ``infer`` does: ``no speech`` is wrong. The seeds of a fold are averaged, as in the bundled model. Of a large corpus
at most 300 recordings of a fold are tested. Writes training/records/robustness.json: for each corpus the UAR among its
labels as the mean over the folds, that of each sex over all folds where the corpus tells it, and the share of
predictions that stay the same.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from bundle import averaged, folders_by_fold
from compare import keep
from conditions import CONDITIONS, Change

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import Waveform
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.coverage import Coverage, coverage
from audio_emotion.evaluation import metrics
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.models import checkpoint
from audio_emotion.training.dataset import Dataset, load_dataset

RECORD = Path(__file__).parent / "records" / "robustness.json"
RATE, CLEAN, N_AT_MOST = 16_000, "as recorded", 300
ALL: dict[str, Change] = {CLEAN: lambda x, *_: x, **CONDITIONS}


@dataclass
class Fold:
    """The test side of a fold in one corpus, and what its model predicts in each condition."""

    utterances: list[Utterance]
    answers: dict[str, list[str]] = field(default_factory=dict)

    def uar(self, condition: str) -> float:
        """Return the UAR among the corpus's labels."""
        return metrics.uar([u.label for u in self.utterances], self.answers[condition])


def predictions(model: Model, condition: str, dataset: Dataset, utterances: Sequence[Utterance]) -> list[str]:
    """Return the labels of recordings in a condition; what is random about it depends on their numbers alone."""
    known = coverage(dataset.corpus.utterances, model.labels)
    labels = []
    for number, utterance in enumerate(utterances):
        samples = ALL[condition](np.asarray(dataset.sounds[utterance.digest]), RATE, np.random.default_rng(number))
        labels.append(among(model, Waveform(samples, RATE, RATE), known, utterance.corpus))
    return labels


def among(model: Model, waveform: Waveform, known: Coverage, corpus: str) -> str:
    """Return the prediction among the labels of a corpus, or ``no speech``."""
    prediction = model.predict_waveform(waveform)
    if prediction.label == NO_SPEECH:
        return NO_SPEECH
    own = set(known.by_corpus[corpus]) | ({"calm"} if known.neutral_may_be_calm(corpus) else set())
    best = max(own & set(prediction.scores), key=lambda label: prediction.scores[label])
    return known.as_in_corpus(best, corpus)


def tested(folder: Path, dataset: Dataset) -> dict[str, Fold]:
    """Return what a fold's model predicts for its test speakers, by corpus."""
    speakers = set(checkpoint.read_config(folder).training["speakers"]["test"])
    model = load_model(str(folder), "cpu", "onnx", threads=1)
    folds: dict[str, Fold] = {}
    for utterance in dataset.corpus.utterances:
        if utterance.speaker in speakers and utterance.label in model.labels:
            folds.setdefault(utterance.corpus, Fold([])).utterances.append(utterance)
    for fold in folds.values():
        fold.utterances = fold.utterances[:: -(-len(fold.utterances) // N_AT_MOST)]
        fold.answers = {name: predictions(model, name, dataset, fold.utterances) for name in ALL}
    return folds


def figures(folds: Sequence[Fold], condition: str) -> dict[str, float]:
    """Return the mean UAR of the folds, and what is counted over all of their predictions."""
    utterances = [u for fold in folds for u in fold.utterances]
    answers, plain = ([answer for fold in folds for answer in fold.answers[name]] for name in (condition, CLEAN))
    figures = {
        "uar": float(np.mean([fold.uar(condition) for fold in folds])),
        "same answer": float(np.mean(np.equal(answers, plain))),
        "no speech": answers.count(NO_SPEECH) / len(answers),
    }
    for sex in ("female", "male"):
        rows = [i for i, u in enumerate(utterances) if u.attributes.get("sex") == sex]
        if rows:
            figures[sex] = metrics.uar([utterances[i].label for i in rows], [answers[i] for i in rows])
    return {name: round(value, 4) for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="name of a run of folds")
    parser.add_argument("--data", action="append", required=True, help="corpora to test on")
    given = parser.parse_args()
    dataset = load_dataset(given.data)
    models = []
    for fold, folders in folders_by_fold(given.run).items():
        with averaged(folders) as folder:
            models.append(tested(folder, dataset))
        print(fold, flush=True)
    record = {
        corpus: {name: figures([folds[corpus] for folds in models if corpus in folds], name) for name in ALL}
        for corpus in dataset.corpus.names
    }
    keep(RECORD, {"run": given.run, "corpora": record})
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
