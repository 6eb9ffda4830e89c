"""Which --min-confidence to choose for which risk, from the answers to corpora that a model was not trained on.

Coverage is the share of recordings whose best score reaches the threshold, risk the share of those that are wrong.
Every corpus counts alike in the means. ``calibration.py`` writes the record; ``model_card.py`` puts its tables into the
model card.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_emotion.evaluation import metrics

THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
RISKS = (0.4, 0.3, 0.2, 0.1)

Floats = npt.NDArray[np.float64]


def curve(best: Floats, correct: npt.NDArray[np.bool_], thresholds: Sequence[float]) -> tuple[Floats, Floats]:
    """Return coverage and risk at each threshold; the risk of no answers is 0."""
    answered = best[:, None] >= np.asarray(thresholds)
    coverage = answered.mean(axis=0)
    wrong = (answered & ~correct[:, None]).mean(axis=0)
    return coverage, np.divide(wrong, coverage, out=np.zeros_like(wrong), where=coverage > 0)


def study(corpora: Mapping[str, tuple[Floats, npt.NDArray[np.bool_]]]) -> dict[str, Any]:
    """Return the curve of each corpus, their mean, and the threshold for each risk."""
    record: dict[str, Any] = {"corpora": {}}
    fine = np.linspace(0, 1, 101)
    coverages, risks = zip(*(curve(*answers, fine) for answers in corpora.values()), strict=True)
    for name, (best, correct) in corpora.items():
        coverage, risk = curve(best, correct, THRESHOLDS)
        record["corpora"][name] = {
            "recordings": len(best),
            "calibration error": round(metrics.calibration_error(metrics.reliability(best, correct)), 4),
            "coverage": coverage.round(4).tolist(),
            "risk": risk.round(4).tolist(),
        }
    record["thresholds"] = list(THRESHOLDS)
    for name in ("coverage", "risk"):
        record[name] = np.mean([c[name] for c in record["corpora"].values()], axis=0).round(4).tolist()
    coverage, risk = np.mean(coverages, axis=0), np.mean(risks, axis=0)
    record["choose"] = {}
    for accepted in RISKS:
        # the least threshold from which on the mean risk stays below; thresholds without answers are no choice
        below = (risk <= accepted) & (coverage > 0)
        first = next((i for i in range(len(fine)) if below[i:][coverage[i:] > 0].all() and below[i]), None)
        record["choose"][str(accepted)] = (
            None if first is None else {"min confidence": round(fine[first], 2), "coverage": round(coverage[first], 4)}
        )
    return record


def table(record: Mapping[str, Any]) -> str:
    """Return what to choose, as Markdown."""
    rows = ["| accepted share of wrong answers | `--min-confidence` | recordings answered |", "|---|---|---|"]
    for accepted, choice in record["choose"].items():
        threshold, share = ("not reached", "")
        if choice is not None:
            threshold, share = f"{choice['min confidence']:.2f}", f"{choice['coverage']:.0%}"
        rows.append(f"| {float(accepted):.0%} | {threshold} | {share} |")
    start = f"Without it, {record['risk'][0]:.0%} of the answers are wrong"
    sources = ", ".join(f"{name} ({c['recordings']:,})" for name, c in record["corpora"].items())
    return "\n".join([f"{start}: on {sources}, each by a model trained without that corpus.", "", *rows])
