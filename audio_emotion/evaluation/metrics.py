"""Metrics: from targets, answers and probabilities to numbers.

Shares are 0 to 1. A mean over labels (UAR, macro F1) goes over the labels that occur among the targets: a label that
the test set lacks has no recall, and answering it wrongly shows in the recall of the others.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float64]
"""(n, n_labels), each row summing to 1."""

N_BINS = 15
"""Bins of the reliability diagram and of the ECE, as in Guo et al. 2017."""

RESAMPLES = 2_000
"""Draws of the bootstrap."""

INTERVAL_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """What was reached on one label; ``support`` is its number of utterances."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of each pair of target and answer.

    Attributes:
        targets: names of the rows: the labels that occur among the targets.
        answers: names of the columns: every label, then what was answered beside them, as ``no speech``.
        counts: row by row, (n_targets, n_answers).
    """

    targets: tuple[str, ...]
    answers: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers with a top score above ``lower`` and up to ``upper``; means are None if there are none."""

    lower: float
    upper: float
    count: int
    mean_score: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % intervals, (low, high), of UAR and WA over so many speakers."""

    uar: tuple[float, float]
    wa: tuple[float, float]
    n_speakers: int


def uar(targets: Sequence[str] | Sequence[int], answers: Sequence[str] | Sequence[int]) -> float:
    """Return the unweighted average recall: the mean of the recalls of all labels that occur, 0 to 1."""
    from sklearn.metrics import recall_score

    return float(recall_score(targets, answers, labels=list(set(targets)), average="macro", zero_division=0.0))


def accuracy(targets: Sequence[str] | Sequence[int], answers: Sequence[str] | Sequence[int]) -> float:
    """Return the share of correct answers (weighted accuracy, WA), 0 to 1."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(targets, answers))


def f1(targets: Sequence[str], answers: Sequence[str], average: str) -> float:
    """Return the mean F1 of the labels that occur, ``macro`` (each alike) or ``weighted`` (by support), 0 to 1."""
    from sklearn.metrics import f1_score

    return float(f1_score(targets, answers, labels=list(set(targets)), average=average, zero_division=0.0))


def per_class(targets: Sequence[str], answers: Sequence[str], labels: Sequence[str]) -> tuple[ClassFigures, ...]:
    """Return the metrics of each of ``labels``, in that order; precision is 0 if a label is never predicted."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(targets, answers, labels=list(labels), zero_division=0.0)
    return tuple(
        ClassFigures(label, float(p), float(r), float(f), int(n))
        for label, p, r, f, n in zip(labels, *columns, strict=True)
    )


def confusion(targets: Sequence[str], answers: Sequence[str], labels: Sequence[str]) -> Confusion:
    """Count every pair of target and answer; answers may be outside ``labels``, targets may not."""
    from sklearn.metrics import confusion_matrix

    columns = (*labels, *sorted(set(answers) - set(labels)))
    occurring = set(targets)
    rows = [i for i, label in enumerate(labels) if label in occurring]
    counts = confusion_matrix(targets, answers, labels=list(columns))[rows]
    return Confusion(tuple(columns[i] for i in rows), columns, tuple(tuple(row) for row in counts.tolist()))


def reliability(
    top_scores: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_], n_bins: int = N_BINS
) -> tuple[Bin, ...]:
    """Sort answers into bins of equal width by their top score, (n,), with the accuracy of each bin.

    A score on an edge belongs to the lower bin, as in Guo et al. 2017.
    """
    # bins     (0, 0.1] (0.1, 0.2] ... (0.9, 1]      a score of 0 joins the first
    places = np.clip(np.ceil(top_scores * n_bins).astype(int) - 1, 0, n_bins - 1)
    bins = []
    for number in range(n_bins):
        inside = places == number
        count = int(inside.sum())
        means = (float(top_scores[inside].mean()), float(correct[inside].mean())) if count else (None, None)
        bins.append(Bin(number / n_bins, (number + 1) / n_bins, count, *means))
    return tuple(bins)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean gap of score and accuracy, weighted by the bins' counts."""
    total = sum(b.count for b in bins)
    return sum(
        b.count / total * abs(b.accuracy - b.mean_score)
        for b in bins
        if b.accuracy is not None and b.mean_score is not None
    )


def negative_log_likelihood(probabilities: Probabilities, targets: Sequence[int]) -> float:
    """Return the mean of -ln p(target), in nats; ``targets`` are columns of ``probabilities``."""
    from sklearn.metrics import log_loss

    # By number: given names, log_loss takes the columns to be in alphabetical order.
    return float(log_loss(targets, probabilities, labels=list(range(probabilities.shape[1]))))


def brier(probabilities: Probabilities, targets: Sequence[int]) -> float:
    """Return the Brier score: the squared distance to the target, summed over labels (0 to 2) and averaged."""
    right = np.eye(probabilities.shape[1])[list(targets)]
    return float(((probabilities - right) ** 2).sum(axis=1).mean())


def speaker_intervals(
    targets: Sequence[str], answers: Sequence[str], speakers: Sequence[str], rng: np.random.Generator
) -> Intervals | None:
    """Return percentile bootstrap intervals of UAR and WA: speakers are drawn with replacement, utterances with them.

    Utterances of one speaker are alike, so resampling utterances would give too narrow an interval. With few
    speakers even this one is rough; with a single one there is none, and the answer is None.
    """
    names = sorted(set(speakers))
    if len(names) < 2:
        return None
    labels = sorted(set(targets))
    support = np.zeros((len(names), len(labels)))
    right = np.zeros_like(support)
    for (speaker, target, is_right), count in Counter(
        (s, t, t == a) for s, t, a in zip(speakers, targets, answers, strict=True)
    ).items():
        place = names.index(speaker), labels.index(target)
        support[place] += count
        right[place] += count * is_right
    # A resample only matters by how often it draws each speaker, so all of them are one matrix product:
    # times drawn (resamples, n_speakers) @ counts (n_speakers, n_labels)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)  # times each was drawn
    support, right = drawn @ support, drawn @ right  # (resamples, n_labels)
    recalls = np.divide(right, support, out=np.full_like(right, np.nan), where=support > 0)
    return Intervals(
        _percentiles(np.nanmean(recalls, axis=1)),
        _percentiles(right.sum(axis=1) / support.sum(axis=1)),
        len(names),
    )


def _percentiles(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, INTERVAL_PERCENTILES)
    return float(low), float(high)
