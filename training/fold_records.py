"""What ``compare.py`` recorded on EmoBox folds 1-5: predictions, with their figures and temperature."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from compare import RECORDS
from scipy.special import softmax

from audio_emotion.core.emotions import emotions
from audio_emotion.evaluation import metrics
from audio_emotion.evaluation.evaluate import fit_temperature

NAME = "speech-embedding"


@dataclass(frozen=True)
class Fold:
    """One run's test set: what its model said, log-probabilities (n, n_labels), the labels' numbers, the figures."""

    split: str
    seed: int
    log: np.ndarray
    targets: np.ndarray
    figures: dict[str, float]


def folds(name: str = NAME) -> list[Fold]:
    """Read the records of EmoBox folds 1-5, all seeds of an architecture; utterances in order of their names."""
    found = []
    for path in sorted(RECORDS.glob(f"{name}-emobox-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
        log = np.array([[float(row[label]) for label in emotions()] for row in rows])
        targets = np.array([emotions().index(row["label"]) for row in rows])
        run = json.loads(path.with_suffix(".json").read_text("utf-8"))
        found.append(Fold(run["split"], run["seed"], log, targets, run["figures"]))
    if len({fold.split for fold in found}) < 5:
        raise SystemExit(f"{len(found)} records of {name} in {RECORDS}, not of 5 folds; run training/compare.py")
    return found


def temperature(some: Sequence[Fold]) -> float:
    """Return the temperature that fits the answers of some folds."""
    return fit_temperature(np.concatenate([fold.log for fold in some]), np.concatenate([fold.targets for fold in some]))


def calibration_error(log: np.ndarray, targets: np.ndarray) -> float:
    """Return the expected calibration error, of log-probabilities (n, n_labels)."""
    probabilities = softmax(log, axis=1)
    return metrics.calibration_error(
        metrics.reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == targets)
    )


def figures(held_out: Sequence[Fold]) -> dict[str, object]:
    """Return what the card shows."""
    uars = [fold.figures["uar"] for fold in held_out]
    seeds = sorted({fold.seed for fold in held_out})
    if len(held_out) != len(seeds) * len({fold.split for fold in held_out}):
        raise SystemExit("not every seed has every fold; training/compare.py goes on where it was")
    by_seed = [np.mean([fold.figures["uar"] for fold in held_out if fold.seed == seed]) for seed in seeds]
    targets = np.concatenate([fold.targets for fold in held_out])
    scaled = [
        fold.log / temperature([other for other in held_out if other.split != fold.split]) for fold in held_out
    ]  # each fold under the temperature of all others
    return {
        "protocol": "this recipe on EmoBox folds 1-5 of RAVDESS speech, speaker-independent, "
        f"{len(uars)} runs of {len(seeds)} seed(s)",
        "answers": len(targets),
        "UAR": float(np.mean(uars)),
        "UAR by run": ", ".join(f"{100 * uar:.1f}" for uar in uars),
        "UAR by seed": ", ".join(f"{100 * uar:.1f}" for uar in by_seed),
        "UAR's SD over seeds": float(np.std(by_seed, ddof=1)) if len(seeds) > 1 else None,
        "accuracy": float(np.mean([fold.figures["wa"] for fold in held_out])),
        "ECE before the temperature": calibration_error(np.concatenate([fold.log for fold in held_out]), targets),
        "ECE with the other folds' temperature": calibration_error(np.concatenate(scaled), targets),
    }
