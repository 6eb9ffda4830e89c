"""Stages that a timeline's predictions go through one by one: smoothing, minimum confidence, merging.

A stage takes the next prediction and returns those that are settled; it holds back no more than it needs.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import IntArray, Prediction
from audio_emotion.inference.prediction import apply_min_confidence

_MEDIAN_REACH = 2  # windows on either side
_STAY = 0.9  # probability that the label stays the same from one window to the next
_VITERBI_WINDOWS = 64  # a label is decided at the latest when so many windows have followed


class Stage(Protocol):
    """Takes predictions one by one; some stages wait for those that follow."""

    def push(self, prediction: Prediction) -> list[Prediction]: ...

    def flush(self) -> list[Prediction]: ...


def stages(
    smooth: Literal["median", "viterbi"] | None = None,
    min_confidence: float = 0.0,
    merge: bool = False,
    min_duration_s: float = 0.0,
) -> list[Stage]:
    """Return the stages of a timeline in order.

    The arguments are fields of :class:`~audio_emotion.inference.config.TimelineConfig`.
    """
    active: list[Stage] = []
    if smooth:
        active.append(Median() if smooth == "median" else Viterbi())
    if min_confidence:
        active.append(ConfidenceFilter(min_confidence))
    if merge or min_duration_s:
        active.append(Merge(min_duration_s))
    return active


def run_stages(active: list[Stage], predictions: list[Prediction], last: bool = False) -> list[Prediction]:
    """Pass predictions through the stages and return those that come out; ``last`` flushes every stage."""
    for stage in active:
        predictions = [out for prediction in predictions for out in stage.push(prediction)]
        predictions += stage.flush() if last else []
    return predictions


def _scores(run: Sequence[Prediction]) -> npt.NDArray[np.float64]:
    """Return scores as (n_windows, n_labels)."""
    return np.array([list(prediction.scores.values()) for prediction in run])


class Median:
    """Replaces each score by its median over five windows, within one run of speech."""

    def __init__(self) -> None:
        # The run of speech around the next output, e.g. with a reach of 2:  [a b NEXT d e]
        self._run: list[Prediction] = []
        self._next = 0  # index in the run of the next output

    def push(self, prediction: Prediction) -> list[Prediction]:
        if prediction.label == NO_SPEECH:
            return [*self.flush(), prediction]
        self._run.append(prediction)
        # A prediction is settled once two more have followed, or speech has ended.
        return [self._smoothed()] if len(self._run) > self._next + _MEDIAN_REACH else []

    def flush(self) -> list[Prediction]:
        rest = [self._smoothed() for _ in range(self._next, len(self._run))]
        self._run, self._next = [], 0
        return rest

    def _smoothed(self) -> Prediction:
        prediction = self._run[self._next]
        around = self._run[max(0, self._next - _MEDIAN_REACH) : self._next + _MEDIAN_REACH + 1]
        medians = np.median(_scores(around), axis=0)
        medians /= max(medians.sum(), 1e-12)
        # In the middle of a run the window slides on; at its beginning the window grows:
        # [A b c]   [a B c d]   [a b C d e]   then [b c D e f]
        if self._next == _MEDIAN_REACH:
            del self._run[0]
        else:
            self._next += 1
        scores = dict(zip(prediction.scores, medians.tolist(), strict=True))
        best = max(scores, key=lambda label: scores[label])
        return replace(prediction, label=best, score=scores[best], scores=scores)


class Viterbi:
    """The most likely sequence of labels, where a label stays the same with a probability of 0.9.

    The network's scores serve as likelihoods; all labels are assumed to be equally frequent.
    """

    def __init__(self) -> None:
        self._run: list[Prediction] = []
        self._before: list[IntArray] = []  # for each window but the first: the best label before, for each label
        self._best = np.empty(0)  # log probability of the most likely sequence that ends in each label

    def push(self, prediction: Prediction) -> list[Prediction]:
        if prediction.label == NO_SPEECH:
            return [*self.flush(), prediction]
        scores = np.log(np.maximum(_scores([prediction])[0], 1e-12))
        if self._run:
            # A change costs the same from every label, so only the best label can be worth changing from.
            other = int(self._best.argmax())
            moved = self._best[other] + np.log((1 - _STAY) / max(1, len(scores) - 1))
            stayed = self._best + np.log(_STAY)
            self._before.append(np.where(stayed >= moved, np.arange(len(scores)), other))
            scores = scores + np.maximum(stayed, moved)
        self._best = scores - scores.max()  # kept near 0, so that long runs do not underflow
        self._run.append(prediction)
        if len(self._run) <= _VITERBI_WINDOWS:
            return []
        decided = _labelled(self._run.pop(0), self._path()[0])
        del self._before[0]
        return [decided]

    def flush(self) -> list[Prediction]:
        rest = [_labelled(prediction, label) for prediction, label in zip(self._run, self._path(), strict=True)]
        self._run, self._before = [], []
        return rest

    def _path(self) -> list[int]:
        """Return the index of each window's label along the most likely sequence."""
        if not self._run:
            return []
        path = [int(self._best.argmax())]
        for before in reversed(self._before):
            path.append(int(before[path[-1]]))
        return path[::-1]


def _labelled(prediction: Prediction, number: int) -> Prediction:
    label = list(prediction.scores)[number]
    return replace(prediction, label=label, score=prediction.scores[label])


class ConfidenceFilter:
    """Changes a label to ``unknown`` if its score is below the minimum."""

    def __init__(self, minimum: float) -> None:
        self._minimum = minimum

    def push(self, prediction: Prediction) -> list[Prediction]:
        return [apply_min_confidence(prediction, self._minimum)]

    def flush(self) -> list[Prediction]:
        return []


class Merge:
    """Merges adjacent segments with the same label, and drops segments that are too short."""

    def __init__(self, min_duration_s: float) -> None:
        self._min_duration_s = min_duration_s
        self._current: Prediction | None = None

    def push(self, prediction: Prediction) -> list[Prediction]:
        if self._current is not None and self._current.label == prediction.label:
            self._current = _joined(self._current, prediction)
            return []
        done = self.flush()
        self._current = prediction
        return done

    def flush(self) -> list[Prediction]:
        done, self._current = self._current, None
        # a segment of exactly the minimum must not be lost to rounding
        return [] if done is None or done.end - done.start < self._min_duration_s - 1e-6 else [done]


def _joined(first: Prediction, second: Prediction) -> Prediction:
    # first     |---------|------|  second
    # share                ~~~~~~~~        of the duration of both: the weight of the second
    share = (second.end - second.start) / (second.end - first.start)
    scores = {label: (1 - share) * score + share * second.scores[label] for label, score in first.scores.items()}
    score = (1 - share) * first.score + share * second.score
    n_windows = first.n_windows + second.n_windows
    return replace(first, end=second.end, score=score, scores=scores, n_windows=n_windows)
