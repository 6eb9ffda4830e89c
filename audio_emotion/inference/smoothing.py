"""What a timeline's answers go through one by one: smoothing, the least confidence, merging.

A stage takes the next answer and returns those that are now settled; it holds back no more than it needs.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import IntArray, Prediction
from audio_emotion.inference.model import apply_min_confidence

_MEDIAN_REACH = 2  # windows to either side
_STAY = 0.9
_VITERBI_WINDOWS = 64


class Stage(Protocol):
    """What answers go through one by one; some wait for those that follow."""

    def push(self, said: Prediction) -> list[Prediction]: ...

    def flush(self) -> list[Prediction]: ...


def stages(
    smooth: Literal["median", "viterbi"] | None = None,
    min_confidence: float = 0.0,
    merge: bool = False,
    min_duration_s: float = 0.0,
) -> list[Stage]:
    """Return the stages that a timeline's settings ask for, in their order.

    The arguments are fields of :class:`~audio_emotion.inference.timeline.TimelineConfig`.
    """
    asked: list[Stage] = []
    if smooth:
        asked.append(Median() if smooth == "median" else Viterbi())
    if min_confidence:
        asked.append(ConfidenceFilter(min_confidence))
    if merge or min_duration_s:
        asked.append(Merge(min_duration_s))
    return asked


def run_stages(asked: list[Stage], answers: list[Prediction], last: bool = False) -> list[Prediction]:
    """Put the next answers through the stages; return what comes out at the end, with ``last`` all that was held."""
    for stage in asked:
        answers = [said for answer_ in answers for said in stage.push(answer_)] + (stage.flush() if last else [])
    return answers


def _scores(run: Sequence[Prediction]) -> npt.NDArray[np.float64]:
    """Return scores as (n_windows, n_labels)."""
    return np.array([list(said.scores.values()) for said in run])


class Median:
    """Each label's median over the windows around, as far as speech reaches."""

    def __init__(self) -> None:
        self._run: list[Prediction] = []  # the next to be given, and those around it
        self._next = 0

    def push(self, said: Prediction) -> list[Prediction]:
        if said.label == NO_SPEECH:
            return [*self.flush(), said]
        self._run.append(said)
        return [self._given()] if len(self._run) > self._next + _MEDIAN_REACH else []

    def flush(self) -> list[Prediction]:
        rest = [self._given() for _ in range(self._next, len(self._run))]
        self._run, self._next = [], 0
        return rest

    def _given(self) -> Prediction:
        said = self._run[self._next]
        around = self._run[max(0, self._next - _MEDIAN_REACH) : self._next + _MEDIAN_REACH + 1]
        medians = np.median(_scores(around), axis=0)
        medians /= max(medians.sum(), 1e-12)
        if self._next == _MEDIAN_REACH:
            del self._run[0]
        else:
            self._next += 1
        scores = dict(zip(said.scores, medians.tolist(), strict=True))
        best = max(scores, key=lambda label: scores[label])
        return replace(said, label=best, score=scores[best], scores=scores)


class Viterbi:
    """The likeliest sequence of labels, each staying with a probability of 0.9.

    The network's scores stand for the likelihoods, every label being taken for equally frequent.
    """

    def __init__(self) -> None:
        self._run: list[Prediction] = []
        self._before: list[IntArray] = []  # for each window but the first: the best label before, for each label
        self._best = np.empty(0)  # log probability of the likeliest sequence that ends in each label

    def push(self, said: Prediction) -> list[Prediction]:
        if said.label == NO_SPEECH:
            return [*self.flush(), said]
        heard = np.log(np.maximum(_scores([said])[0], 1e-12))
        if self._run:
            other = int(self._best.argmax())
            moved = self._best[other] + np.log((1 - _STAY) / max(1, len(heard) - 1))
            stayed = self._best + np.log(_STAY)
            self._before.append(np.where(stayed >= moved, np.arange(len(heard)), other))
            heard = heard + np.maximum(stayed, moved)
        self._best = heard - heard.max()
        self._run.append(said)
        if len(self._run) <= _VITERBI_WINDOWS:
            return []
        decided = _labelled(self._run.pop(0), self._path()[0])
        del self._before[0]
        return [decided]

    def flush(self) -> list[Prediction]:
        rest = [_labelled(said, label) for said, label in zip(self._run, self._path(), strict=True)]
        self._run, self._before = [], []
        return rest

    def _path(self) -> list[int]:
        """Return the number of each window's label along the likeliest sequence."""
        if not self._run:
            return []
        path = [int(self._best.argmax())]
        for before in reversed(self._before):
            path.append(int(before[path[-1]]))
        return path[::-1]


def _labelled(said: Prediction, number: int) -> Prediction:
    label = list(said.scores)[number]
    return replace(said, label=label, score=said.scores[label])


class ConfidenceFilter:
    """``unknown`` where the answer's score is below what was asked for."""

    def __init__(self, least: float) -> None:
        self._least = least

    def push(self, said: Prediction) -> list[Prediction]:
        return [apply_min_confidence(said, self._least)]

    def flush(self) -> list[Prediction]:
        return []


class Merge:
    """Neighbours of one label as one segment, and short segments left out."""

    def __init__(self, least_s: float) -> None:
        self._least_s = least_s
        self._current: Prediction | None = None

    def push(self, said: Prediction) -> list[Prediction]:
        if self._current is not None and self._current.label == said.label:
            self._current = _joined(self._current, said)
            return []
        done = self.flush()
        self._current = said
        return done

    def flush(self) -> list[Prediction]:
        done, self._current = self._current, None
        # a segment just as long as asked for is not to be lost to rounding
        return [] if done is None or done.end - done.start < self._least_s - 1e-6 else [done]


def _joined(first: Prediction, second: Prediction) -> Prediction:
    share = (second.end - second.start) / (second.end - first.start)
    scores = {label: (1 - share) * score + share * second.scores[label] for label, score in first.scores.items()}
    score = (1 - share) * first.score + share * second.score
    n_windows = first.n_windows + second.n_windows
    return replace(first, end=second.end, score=score, scores=scores, n_windows=n_windows)
