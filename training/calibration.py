"""Fit the temperature of a bundled model, so that a score means the same for voices that it does not know.

    python training/calibration.py default
    python training/calibration.py open --folds-only

Reads the logits that ``bundle.py`` (``folds.csv``: test sets of the folds by speaker) and ``left_out.py``
(``no-CORPUS.csv``: corpora that the recipe was trained without) keep in ``records/logits/NAME``. The temperature
maximizes the likelihood of both groups, which count alike, as do the corpora in a group. A corpus without calm says
nothing about calm: its neutral recordings are neutral or calm. With ``--folds-only`` no other corpus decides anything.

Writes the temperature and the calibration errors into the model folder, its card and ``records/bundled-NAME.json``, and
which ``--min-confidence`` to choose into ``records/risk-coverage-NAME.json``. Takes seconds and no recordings.
"""

import argparse
import csv
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import risk_coverage
from compare import keep
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax

from audio_emotion.core import paths
from audio_emotion.corpora.base import Utterance
from audio_emotion.evaluation import metrics
from audio_emotion.models import card, checkpoint

RECORDS = Path(__file__).parent / "records"
LOGITS = RECORDS / "logits"
NEUTRAL, CALM = "neutral", "calm"


@dataclass(frozen=True)
class Answers:
    """The logits of a model to the recordings of one corpus that it was not trained on.

    Attributes:
        labels: of the logits, in order.
        targets: a label for each recording.
        logits: (n, n_labels).
    """

    labels: tuple[str, ...]
    targets: tuple[str, ...]
    logits: np.ndarray

    @property
    def has_calm(self) -> bool:
        """Whether the corpus has recordings of that label."""
        return CALM in self.targets

    def log_likelihood(self, temperature: float) -> float:
        """Return the mean logarithm of the right score: of neutral or calm, for neutral of a corpus without calm."""
        log = log_softmax(self.logits / temperature, axis=1)
        right = np.array([self.labels.index(target) for target in self.targets])
        of_targets = log[np.arange(len(right)), right]
        if CALM in self.labels and not self.has_calm:
            neutral = right == self.labels.index(NEUTRAL)
            both = [self.labels.index(NEUTRAL), self.labels.index(CALM)]
            of_targets[neutral] = logsumexp(log[neutral][:, both], axis=1)
        return float(of_targets.mean())

    def scored(self, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the best score of each recording and whether it is right, (n,) each; calm is neutral without calm."""
        scores = softmax(self.logits / temperature, axis=1)
        answers = [self.labels[i] for i in scores.argmax(axis=1)]
        if not self.has_calm:
            answers = [NEUTRAL if answer == CALM else answer for answer in answers]
        return scores.max(axis=1), np.array([a == t for a, t in zip(answers, self.targets, strict=True)])


def write(path: Path, utterances: Sequence[Utterance], labels: Sequence[str], logits: np.ndarray) -> None:
    """Keep logits (n_utterances, n_labels) as logarithms of scores, with three decimals."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["corpus", "speaker", "file", "label", *labels])
        for utterance, row in zip(utterances, log_softmax(logits, axis=1), strict=True):
            described = (utterance.corpus, utterance.speaker, utterance.path.stem, utterance.label)
            writer.writerow([*described, *(f"{x:.3f}" for x in row)])


def read(path: Path) -> dict[str, Answers]:
    """Return the answers of each corpus in a file that :func:`write` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = tuple(rows[0])[4:]
    by_corpus: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_corpus.setdefault(row["corpus"], []).append(row)
    return {
        corpus: Answers(
            labels, tuple(row["label"] for row in own), np.array([[float(row[x]) for x in labels] for row in own])
        )
        for corpus, own in by_corpus.items()
    }


def left_out(name: str) -> dict[str, Answers]:
    """Return the answers of a model's recipe to each corpus that it was trained without."""
    return {corpus: own for path in sorted((LOGITS / name).glob("no-*.csv")) for corpus, own in read(path).items()}


def fit(groups: Sequence[Collection[Answers]]) -> float:
    """Return the temperature, 0.1 to 10, that maximizes the likelihood; groups count alike, and corpora in a group."""

    def loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        return -float(
            np.mean([np.mean([answers.log_likelihood(temperature) for answers in group]) for group in groups])
        )

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.1), np.log(10)), method="bounded").x))


def errors(corpora: Mapping[str, Answers], temperature: float) -> dict[str, float]:
    """Return the expected calibration error of all recordings together, ``all``, and of each corpus."""
    scored = {corpus: answers.scored(temperature) for corpus, answers in corpora.items()}
    best, correct = (np.concatenate(parts) for parts in zip(*scored.values(), strict=True))
    of = {"all": (best, correct), **scored}
    return {name: round(float(metrics.calibration_error(metrics.reliability(*own))), 4) for name, own in of.items()}


def calibrate(name: str, folds_only: bool, keep_temperature: bool = False) -> dict[str, Any]:
    """Fit the temperature of a bundled model, and write it and what follows from it; return what is recorded."""
    known, others = read(LOGITS / name / "folds.csv"), left_out(name)
    groups = [known.values()] if folds_only or not others else [known.values(), others.values()]
    present = checkpoint.read_config(paths.bundled_model_dir(name)).temperature
    temperature = present if keep_temperature else fit(groups)
    content = {
        "temperature": round(temperature, 4),
        "fitted on": [f"folds: {', '.join(known)}", *([f"left out: {', '.join(others)}"] if len(groups) > 1 else [])],
        "ECE": errors(known, temperature),
        "ECE on left-out corpora": errors(others, temperature) if others else {},
    }
    path = RECORDS / f"bundled-{name}.json"
    record = json.loads(path.read_text("utf-8"))
    if keep_temperature:
        content["fitted on"] = record.get("fitted on", content["fitted on"][:1])
    keep(path, record | content)
    update(paths.bundled_model_dir(name), content)
    if others:
        study = risk_coverage.study({corpus: answers.scored(temperature) for corpus, answers in others.items()})
        keep(RECORDS / f"risk-coverage-{name}.json", study)
    return content


def update(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the temperature and the errors into a model folder."""
    config = checkpoint.read(folder)
    kept = {key: value for key, value in config.figures.items() if not key.startswith("ECE")}
    shown = {f"ECE on {corpus}": error for corpus, error in content["ECE"].items() if corpus != "all"}
    apart = content["ECE on left-out corpora"].items()
    shown |= {f"ECE on {corpus}, left out": error for corpus, error in apart if corpus != "all"}
    config = replace(config, temperature=content["temperature"], figures=kept | shown)
    checkpoint.write(folder, config, card.render(config))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the bundled model")
    parser.add_argument("--folds-only", action="store_true", help="fit the temperature without the left-out corpora")
    parser.add_argument("--keep-temperature", action="store_true", help="measure the present temperature, fit none")
    given = parser.parse_args()
    print(json.dumps(calibrate(given.name, given.folds_only, given.keep_temperature), indent=1))


if __name__ == "__main__":
    main()
