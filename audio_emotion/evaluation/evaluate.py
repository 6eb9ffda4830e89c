"""The evaluation of a model on labelled utterances."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_emotion.core.errors import AudioError, CorpusError
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.coverage import CALM, coverage
from audio_emotion.corpora.load import sound
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.evaluation import metrics
from audio_emotion.evaluation.metrics import Bin, ClassFigures, Confusion, Intervals, Probabilities
from audio_emotion.inference.model import Model

UNREADABLE = "unreadable"
"""The answer for a recording that could not be decoded."""


@dataclass(frozen=True, slots=True)
class Group:
    """The metrics of the utterances that share a speaker, a sex or an intensity."""

    name: str
    n_utterances: int
    uar: float
    wa: float


@dataclass(frozen=True, slots=True)
class CorpusFigures:
    """The metrics of one corpus.

    Attributes:
        name: the corpus, such as ``crema-d``.
        labels: the model's labels that occur in it.
        n_utterances: number of tested utterances.
        n_speakers: number of tested speakers.
        uar_own_labels: UAR if only the labels of the corpus are allowed.
        uar: UAR among all labels of the model.
        wa: share of correct answers.
        intervals: of ``uar`` and ``wa``, over speakers; None for a single speaker.

    Calm counts as neutral if a corpus has no calm.
    """

    name: str
    labels: tuple[str, ...]
    n_utterances: int
    n_speakers: int
    uar_own_labels: float
    uar: float
    wa: float
    intervals: Intervals | None


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """A confusion of two labels: its count, its share of the target's utterances, and the recordings."""

    target: str
    answer: str
    count: int
    share: float
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean and standard deviation (n - 1; None for a single value) of a metric over several evaluations."""

    mean: float
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Summary":
        """Summarize the values of a metric."""
        return cls(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's answers for every utterance of a test set.

    Attributes:
        labels: the model's labels, in order.
        utterances: the tested utterances: path, label, speaker, attributes such as ``sex`` and ``intensity``.
        answers: the predicted labels. ``no speech`` and ``unreadable`` always count as wrong.
        probabilities: (n, n_labels). If an answer is not a label and has no scores, all labels are equally likely:
            ECE, NLL and Brier then count a wrong answer without confidence.
        left_out: number of utterances by label whose label the model does not have. They are not part of any metric.
        problems: one message per recording that could not be decoded.
    """

    labels: tuple[str, ...]
    utterances: tuple[Utterance, ...]
    answers: tuple[str, ...]
    probabilities: Probabilities
    left_out: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The label of each utterance."""
        return tuple(utterance.label for utterance in self.utterances)

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, sorted."""
        return tuple(sorted({utterance.speaker for utterance in self.utterances}))

    @cached_property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Which answers are correct, (n,)."""
        return np.array([target == answer for target, answer in zip(self.targets, self.answers, strict=True)])

    @cached_property
    def occurring(self) -> tuple[str, ...]:
        """The labels that occur; means over labels use these."""
        return tuple(label for label in self.labels if label in self.targets)

    @property
    def absent(self) -> tuple[str, ...]:
        """The labels that do not occur."""
        return tuple(label for label in self.labels if label not in self.targets)

    @property
    def unanswered(self) -> dict[str, int]:
        """Number of answers that are not labels, by answer."""
        return dict(sorted(Counter(answer for answer in self.answers if answer not in self.labels).items()))

    @property
    def only_answer(self) -> str | None:
        """The label that the model always predicts, although several labels occur; None if answers differ."""
        given = set(self.answers)
        return self.answers[0] if len(given) == 1 < len(self.occurring) and given <= set(self.labels) else None

    @property
    def uar(self) -> float:
        """Unweighted average recall: the mean of the recalls of all occurring labels, 0 to 1."""
        return metrics.uar(self.targets, self.answers)

    @property
    def accuracy(self) -> float:
        """Share of correct answers (weighted accuracy, WA), 0 to 1."""
        return metrics.accuracy(self.targets, self.answers)

    def among(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Return the answers if only ``labels`` are allowed: the most likely of them.

        A model with more labels than a corpus gets every answer with one of the others wrong. This separates that loss
        from low accuracy. Answers that are not labels, such as ``no speech``, stay.
        """
        columns = [self.labels.index(label) for label in labels]
        return tuple(
            labels[int(row[columns].argmax())] if answer in self.labels else answer
            for row, answer in zip(self.probabilities, self.answers, strict=True)
        )

    def scores(self) -> dict[str, float]:
        """Return all metrics that are one number, 0 to 1 except ``nll`` (nats) and ``brier`` (0 to 2)."""
        columns = [self.labels.index(target) for target in self.targets]
        return {
            "uar": self.uar,
            "wa": self.accuracy,
            "macro_f1": metrics.f1(self.targets, self.answers, "macro"),
            "weighted_f1": metrics.f1(self.targets, self.answers, "weighted"),
            "ece": metrics.calibration_error(self.reliability()),
            "nll": metrics.negative_log_likelihood(self.probabilities, columns),
            "brier": metrics.brier(self.probabilities, columns),
        }

    def intervals(self, rng: np.random.Generator) -> Intervals | None:
        """Return bootstrap intervals over speakers; None for a single speaker."""
        return metrics.speaker_intervals(self.targets, self.answers, [u.speaker for u in self.utterances], rng)

    def per_class(self) -> tuple[ClassFigures, ...]:
        """Return precision, recall, F1 and support of each occurring label."""
        return metrics.per_class(self.targets, self.answers, self.occurring)

    def confusion(self) -> Confusion:
        """Count every pair of target and answer."""
        return metrics.confusion(self.targets, self.answers, self.labels)

    def reliability(self) -> tuple[Bin, ...]:
        """Return the accuracy for each range of confidence."""
        return metrics.reliability(self.probabilities.max(axis=1), self.correct)

    def by(self, attribute: str) -> tuple[Group, ...]:
        """Return the metrics by ``speaker`` or by an attribute, sorted; utterances without the attribute are left out.

        The UAR of a group uses the labels that occur in it.
        """
        members: dict[str, list[int]] = {}
        for index, utterance in enumerate(self.utterances):
            name = utterance.speaker if attribute == "speaker" else utterance.attributes.get(attribute)
            if name:
                members.setdefault(name, []).append(index)
        groups = []
        for name, indices in sorted(members.items()):
            targets, answers = ([of[i] for i in indices] for of in (self.targets, self.answers))
            groups.append(Group(name, len(indices), metrics.uar(targets, answers), metrics.accuracy(targets, answers)))
        return tuple(groups)

    def by_corpus(self, rng: np.random.Generator) -> tuple[CorpusFigures, ...]:
        """Return the metrics of each corpus, sorted; the intervals are drawn from ``rng``."""
        known = coverage(self.utterances, self.labels)
        figures = []
        for corpus, own in known.by_corpus.items():
            rows = [i for i, utterance in enumerate(self.utterances) if utterance.corpus == corpus]
            targets, speakers = ([of[i] for i in rows] for of in (self.targets, [u.speaker for u in self.utterances]))
            allowed = (*own, CALM) if known.neutral_may_be_calm(corpus) else own
            among = self.among(allowed)
            answers, own_answers = ([known.as_in_corpus(of[i], corpus) for i in rows] for of in (self.answers, among))
            figures.append(
                CorpusFigures(
                    corpus,
                    own,
                    len(rows),
                    len(set(speakers)),
                    metrics.uar(targets, own_answers),
                    metrics.uar(targets, answers),
                    metrics.accuracy(targets, answers),
                    metrics.speaker_intervals(targets, answers, speakers, rng),
                )
            )
        return tuple(figures)

    def confused(self) -> tuple[ConfusedPair, ...]:
        """Return every confusion of two labels, the most frequent first."""
        paths: dict[tuple[str, str], list[Path]] = {}
        for utterance, answer in zip(self.utterances, self.answers, strict=True):
            if answer != utterance.label and answer in self.labels:
                paths.setdefault((utterance.label, answer), []).append(utterance.path)
        support = Counter(self.targets)
        order = sorted(paths, key=lambda p: (-len(paths[p]), self.labels.index(p[0]), self.labels.index(p[1])))
        return tuple(ConfusedPair(*p, len(paths[p]), len(paths[p]) / support[p[0]], tuple(paths[p])) for p in order)

    def table(self) -> str:
        """Return precision, recall, F1 and support of each label, as text."""
        from sklearn.metrics import classification_report

        return str(classification_report(self.targets, self.answers, labels=list(self.occurring), zero_division=0.0))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON and :meth:`from_dict`, with ``scores`` by label for each utterance."""
        return {
            "labels": list(self.labels),
            "utterances": [
                {
                    "path": str(utterance.path),
                    "start": utterance.start,
                    "end": utterance.end,
                    "speaker": utterance.speaker,
                    "attributes": dict(utterance.attributes),
                    "target": utterance.label,
                    "answer": answer,
                    "scores": dict(zip(self.labels, row, strict=True)),
                }
                for utterance, answer, row in zip(
                    self.utterances, self.answers, self.probabilities.tolist(), strict=True
                )
            ],
            "left_out": dict(self.left_out),
            "problems": list(self.problems),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Evaluation":
        """Return the evaluation from the values of :meth:`as_dict`."""
        labels, rows = tuple(content["labels"]), content["utterances"]
        return cls(
            labels,
            tuple(
                Utterance(Path(r["path"]), r["target"], r["speaker"], r["attributes"], start=r["start"], end=r["end"])
                for r in rows
            ),
            tuple(r["answer"] for r in rows),
            np.array([[r["scores"][label] for label in labels] for r in rows]),
            content["left_out"],
            tuple(content["problems"]),
        )


def evaluate(model: Model, data: str | PathLike[str] | Sequence[Utterance]) -> Evaluation:
    """Evaluate a model on labelled recordings.

    Args:
        model: the model.
        data: a folder or a table of recordings, or ``CORPUS=PATH``, as for ``audio-emotion evaluate``; or utterances.

    Raises:
        CorpusError: there are no recordings, or none with a label of the model.
    """
    if isinstance(data, str | PathLike):
        data = gather(parse_sources([fspath(data)])).utterances
    return evaluate_utterances(model, data)


def evaluate_utterances(
    model: Model, utterances: Sequence[Utterance], advance: Callable[[], None] = lambda: None
) -> Evaluation:
    """Evaluate ``model`` on every utterance whose label it has, one file at a time, as ``infer`` does.

    An unreadable file gets the answer ``unreadable``. ``advance`` is called once per utterance.

    Raises:
        CorpusError: no utterance has a label of the model.
    """
    labels = model.config.labels
    tested = tuple(u for u in utterances if u.label in labels)
    left_out = Counter(u.label for u in utterances if u.label not in labels)
    if not tested:
        raise CorpusError(
            f"nothing to test: the model has the labels {', '.join(labels)}, and the {len(utterances)} utterance(s) "
            f"are "
            f"{', '.join(sorted(left_out)) or 'none'}; use recordings with the model's labels"
        )
    answers, problems = [], []
    probabilities = np.full((len(tested), len(labels)), 1 / len(labels))
    for row, utterance in zip(probabilities, tested, strict=True):
        try:
            prediction = model.predict_waveform(sound(utterance, model.config.sampling_rate))
        except AudioError as error:
            answers.append(UNREADABLE)
            problems.append(str(error))
        else:
            answers.append(prediction.label)
            if prediction.label in labels:
                row[:] = list(prediction.scores.values())
        advance()
    for _ in range(left_out.total()):
        advance()
    return Evaluation(labels, tested, tuple(answers), probabilities, dict(sorted(left_out.items())), tuple(problems))


def pool(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Join the evaluations of several test sets, as of all folds, into one over all their utterances.

    Raises:
        ValueError: they are of models with different labels.
    """
    labels = {evaluation.labels for evaluation in evaluations}
    if len(labels) != 1:
        raise ValueError(f"evaluations of {len(labels)} sets of labels cannot be pooled; expected one set")
    return Evaluation(
        labels.pop(),
        tuple(u for e in evaluations for u in e.utterances),
        tuple(a for e in evaluations for a in e.answers),
        np.concatenate([e.probabilities for e in evaluations]),
        dict(sum((Counter(e.left_out) for e in evaluations), Counter())),
        tuple(p for e in evaluations for p in e.problems),
    )


def summarise(evaluations: Iterable[Evaluation]) -> dict[str, Summary]:
    """Return mean and standard deviation of each of :meth:`Evaluation.scores` over several runs, seeds or folds."""
    scores = [evaluation.scores() for evaluation in evaluations]
    return {name: Summary.of([s[name] for s in scores]) for name in scores[0]}


def fit_temperature(logits: FloatArray, targets: Sequence[int], either: Mapping[int, int] | None = None) -> float:
    """Return the temperature, 0.1 to 10, that maximizes the likelihood of ``logits`` (n, n_labels) (Guo et al. 2017).

    ``either`` gives, for the rows where two labels are right, the other one; the sum of both probabilities counts.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows, both = np.arange(len(targets)), list(either or ())
    others = list((either or {}).values())

    def negative_log_likelihood(log_temperature: float) -> float:
        log = log_softmax(logits / np.exp(log_temperature), axis=1)
        of_targets = log[rows, list(targets)]
        of_targets[both] = np.logaddexp(of_targets[both], log[both, others])
        return -float(of_targets.mean())

    return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=(np.log(0.1), np.log(10)), method="bounded").x))
