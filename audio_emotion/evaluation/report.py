"""What a test found, as text and JSON; :mod:`audio_emotion.evaluation.html_report` draws the same tables.

JSON is one object whatever was tested:

- ``schema``: which form this is; ``cautions``: what to know before any figure is read, of all sets.
- ``summary``: null, or by figure ``mean`` and ``sd`` over runs.
- ``sets``: one for each test set, with
    - ``source``; ``model``: ``name``, ``architecture``, ``corpora``, ``split``, ``speaker_dependent``, ``speakers`` by
      side; ``protocol``; ``cautions``; ``shared_speakers``: the tested speakers that the model was trained on, by set;
    - ``figures``: ``n_utterances``, ``n_speakers``; ``uar``, ``wa``, ``macro_f1``, ``weighted_f1``, ``ece`` (all
      shares, 0 to 1), ``nll`` (nats), ``brier`` (0 to 2); ``per_class``, ``confusion``, ``reliability``,
      ``by_corpus`` (each with ``labels``, ``n_utterances``, ``n_speakers``, ``uar_own_labels``: UAR if only the
      corpus's labels may be answered; ``uar``, ``wa``, ``intervals``: of the answers among all labels, calm counted as
      neutral where the corpus has no calm), ``by_speaker``, ``by_sex``, ``by_intensity``, ``confused``,
      ``unanswered``, ``absent_labels``;
    - ``intervals``: null, or ``uar`` and ``wa`` as [low, high] over ``n_speakers``;
    - ``evaluation``: ``labels``, ``utterances`` (``path``, ``start``, ``end``, ``speaker``, ``attributes``, ``target``,
      ``answer``, ``scores`` by label), ``left_out`` (by label), ``problems``.

:func:`from_json` reads it back, and works the figures out again from the utterances.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora.coverage import coverage
from audio_emotion.evaluation.evaluate import CorpusFigures, Evaluation, Summary
from audio_emotion.evaluation.metrics import Intervals
from audio_emotion.models.checkpoint import ModelConfig

SCHEMA = "audio-emotion evaluation, version 1"
GROUPS = ("speaker", "sex", "intensity")
FIGURE_NAMES = {
    "uar": "UAR",
    "wa": "WA",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "ece": "ECE",
    "nll": "NLL",
    "brier": "Brier",
}
_SHARES = ("uar", "wa", "macro_f1", "weighted_f1", "ece")
"""Figures that are told in per cent."""

N_PAIRS = 10
"""How many of the most-confused pairs are told."""

_HEARD_SIDES = {"train": "was trained on", "validation": "had its epoch and temperature chosen on"}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model comes from, as far as a test of it needs to know.

    Attributes:
        name: the model's name.
        architecture: a registered name.
        corpora: what it was trained on.
        split: the name of the split it was trained with; empty where it is not recorded.
        speakers: those of the ``train`` and the ``validation`` side; empty where they are not recorded.
    """

    name: str
    architecture: str
    corpora: tuple[str, ...]
    split: str
    speakers: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, config: ModelConfig) -> "Provenance":
        """Read it from a model's description."""
        training = config.training
        return cls(
            config.name,
            config.architecture,
            tuple(training.get("corpora", ())),
            training.get("split", ""),
            {side: tuple(names) for side, names in training.get("speakers", {}).items() if side in _HEARD_SIDES},
        )

    @property
    def speaker_dependent(self) -> bool:
        """Whether the model's own split let speakers stand on both sides."""
        return self.split.startswith("random")

    def __str__(self) -> str:
        trained_on = ", ".join(self.corpora) or "corpora that it does not record"
        dependence = "speaker-dependent" if self.speaker_dependent else "speaker-independent"
        split = f", split {self.split} ({dependence})" if self.split else ", no split recorded"
        if self.split == "all":
            split = ", on every speaker of it"
        return f"{self.name} ({self.architecture}), trained on {trained_on}{split}"


@dataclass(frozen=True, eq=False)
class Report:
    """One model on one test set.

    Attributes:
        source: what was tested, as the user named it.
        model: where the model comes from.
        evaluation: what it said.
        intervals: of UAR and WA, over speakers; None where there is one speaker alone.
    """

    source: str
    model: Provenance
    evaluation: Evaluation
    intervals: Intervals | None

    @classmethod
    def of(cls, source: str, config: ModelConfig, evaluation: Evaluation, seed: int) -> "Report":
        """Report on an evaluation; the intervals are drawn with ``seed``."""
        intervals = evaluation.intervals(np.random.default_rng(seed))
        return cls(source, Provenance.of(config), evaluation, intervals)

    @cached_property
    def scores(self) -> dict[str, float]:
        """The figures that are one number; see :meth:`Evaluation.scores`."""
        return self.evaluation.scores()

    @property
    def shared_speakers(self) -> dict[str, list[str]]:
        """The tested speakers that the model was trained on, by set."""
        return {side: sorted(set(names) & set(self.evaluation.speakers)) for side, names in self.model.speakers.items()}

    @property
    def protocol(self) -> str:
        """How these figures may be called."""
        if not self.model.speakers:
            return "unknown whether speaker-independent"
        if any(self.shared_speakers.values()):
            return "not speaker-independent"
        tested = {name.split("/")[0] for name in self.evaluation.speakers}
        known = {name.split("/")[0] for names in self.model.speakers.values() for name in names}
        return "speaker-independent" + ("" if tested & known or not known else " as far as the speakers' names tell")

    @property
    def setting(self) -> str:
        """What was tested, in one line."""
        n_speakers = len(self.evaluation.speakers)
        return (
            f"{counted(len(self.evaluation.utterances), 'utterance')} of {counted(n_speakers, 'speaker')}, "
            f"{self.protocol}"
        )

    def interval(self, name: str) -> str:
        """Return the interval of ``uar`` or ``wa`` in per cent, and why it has no width where it has none; or nothing.

        A model that has one answer to everything has the same UAR whichever speakers are drawn, which is no certainty.
        """
        if self.intervals is None or name not in ("uar", "wa"):
            return ""
        low, high = map(percent, self.intervals.uar if name == "uar" else self.intervals.wa)
        only = self.evaluation.only_answer
        why = f"every answer is {only}" if only else "every speaker came out alike"
        return f"{low} to {high}" + (f" (no width: {why})" if low == high else "")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before any figure is read, gravest first."""
        return (*self._cautions_on_speakers(), *self._cautions_on_labels())

    def _cautions_on_speakers(self) -> Iterator[str]:
        n_tested = counted(len(self.evaluation.speakers), "speaker")
        for side, names in self.shared_speakers.items():
            if names:
                yield (
                    f"The model {_HEARD_SIDES[side]} {len(names)} of the {n_tested} tested here "
                    f"({', '.join(names)}): these figures are not speaker-independent."
                )
        if not self.model.speakers:
            yield "The model does not record whom it was trained on: it may have been trained on these speakers."
        if self.model.speaker_dependent:
            yield (
                "The model was trained on a random split, which is speaker-dependent: "
                "its stored figures are of speakers it was trained on."
            )
        if self.intervals is None:
            yield "Only one speaker was tested: there is no interval, and others may be far worse or better."

    def _cautions_on_labels(self) -> Iterator[str]:
        evaluation = self.evaluation
        if evaluation.left_out:
            yield (
                f"{counted(sum(evaluation.left_out.values()), 'utterance')} left out, with labels that the model "
                f"does not have: {_tally(evaluation.left_out)}."
            )
        if evaluation.absent:
            yield (
                f"No utterance is {', '.join(evaluation.absent)}: means over labels go over the other "
                f"{len(evaluation.occurring)}, and each such prediction is wrong."
            )
        if evaluation.only_answer:
            yield (
                f"Every prediction is {evaluation.only_answer}: the figures are those of guessing, and "
                "an interval, however narrow, says nothing about other speakers."
            )
        if evaluation.unanswered:
            yield f"Predicted none of the labels, which counts as wrong: {_tally(evaluation.unanswered)}."

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of one set, as described at the top of this module."""
        evaluation = self.evaluation
        return {
            "source": self.source,
            "model": asdict(self.model) | {"speaker_dependent": self.model.speaker_dependent},
            "protocol": self.protocol,
            "cautions": list(self.warnings),
            "shared_speakers": self.shared_speakers,
            "figures": {
                "n_utterances": len(evaluation.utterances),
                "n_speakers": len(evaluation.speakers),
                **self.scores,
                "per_class": [asdict(c) for c in evaluation.per_class()],
                "confusion": asdict(evaluation.confusion()),
                "reliability": [asdict(b) for b in evaluation.reliability()],
                "by_corpus": [asdict(c) for c in by_corpus(evaluation)],
                **{f"by_{attribute}": [asdict(g) for g in evaluation.by(attribute)] for attribute in GROUPS},
                "confused": [asdict(p) | {"paths": [str(x) for x in p.paths]} for p in evaluation.confused()],
                "unanswered": evaluation.unanswered,
                "absent_labels": list(evaluation.absent),
            },
            "intervals": asdict(self.intervals) if self.intervals else None,
            "evaluation": evaluation.as_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Report":
        """Read what :meth:`as_dict` returned; figures are worked out again from the utterances."""
        model, intervals = content["model"], content["intervals"]
        return cls(
            content["source"],
            Provenance(
                model["name"],
                model["architecture"],
                tuple(model["corpora"]),
                model["split"],
                {side: tuple(names) for side, names in model["speakers"].items()},
            ),
            Evaluation.from_dict(content["evaluation"]),
            Intervals(tuple(intervals["uar"]), tuple(intervals["wa"]), intervals["n_speakers"]) if intervals else None,
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells as they are told, the first of each row its name; a column in per cent says so in its name."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        """Return it as aligned text: names to the left, all else to the right."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        text = [
            "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
            for line in lines
        ]
        return "\n".join([self.title, *(f"  {line.rstrip()}" for line in text)])


def tables(report: Report) -> list[Table]:
    """Return the tables of one set: figures, labels, groups where there are any, and the most-confused pairs."""
    evaluation = report.evaluation
    made = [headline_table(report), _class_table(evaluation)]
    known = coverage(evaluation.utterances, evaluation.labels).by_corpus
    if len(known) > 1 or any(own != evaluation.labels for own in known.values()):
        made.append(corpus_table(evaluation))
    for attribute in GROUPS:
        groups = evaluation.by(attribute)
        if groups:
            rows = tuple((g.name, percent(g.uar), percent(g.wa), str(g.n_utterances)) for g in groups)
            made.append(Table(f"By {attribute}", (attribute, "UAR %", "WA %", "utterances"), rows))
    pairs = evaluation.confused()[:N_PAIRS]
    if pairs:
        made.append(
            Table(
                "Most-confused pairs",
                ("pair", "times", "% of the label"),
                tuple((f"{p.target} taken for {p.answer}", str(p.count), percent(p.share)) for p in pairs),
            )
        )
    return made


def headline_table(report: Report) -> Table:
    """Return the figures that are one number, with their intervals over speakers."""
    rows = tuple(
        (FIGURE_NAMES[name], figure(name, value), report.interval(name)) for name, value in report.scores.items()
    )
    over = f"95 % interval, {report.intervals.n_speakers} speakers" if report.intervals else "95 % interval"
    return Table("Figures", ("figure", "value", over), rows)


def _class_table(evaluation: Evaluation) -> Table:
    rows = tuple(
        (c.label, percent(c.precision), percent(c.recall), percent(c.f1), str(c.support))
        for c in evaluation.per_class()
    )
    return Table("By emotion", ("emotion", "precision %", "recall %", "F1 %", "utterances"), rows)


def by_corpus(evaluation: Evaluation) -> tuple[CorpusFigures, ...]:
    """Return the figures of each corpus; the intervals are always drawn with seed 0, so that they stay as they are."""
    return evaluation.by_corpus(np.random.default_rng(0))


def size(evaluation: Evaluation) -> str:
    """Return how much was tested, as ``240 utterances by 4 speakers``."""
    n_speakers = len(evaluation.speakers)
    return f"{counted(len(evaluation.utterances), 'utterance')} by {counted(n_speakers, 'speaker')}"


def short_figures(evaluation: Evaluation) -> str:
    """Return UAR with its interval over speakers, accuracy, and how much was tested, in one line."""
    intervals = evaluation.intervals(np.random.default_rng(0))
    interval = " (no interval: one speaker)"
    if intervals:
        low, high = map(percent, intervals.uar)
        interval = f" (95 % interval {low} to {high})"
    return f"UAR {100 * evaluation.uar:.2f} %{interval}, accuracy {100 * evaluation.accuracy:.2f} %, {size(evaluation)}"


def corpus_table(evaluation: Evaluation) -> Table:
    """Return the figures of each corpus, among its own labels and as answered."""
    rows = tuple(
        (
            c.name,
            str(len(c.labels)),
            percent(c.uar_own_labels),
            percent(c.uar),
            "" if c.intervals is None else " to ".join(map(percent, c.intervals.uar)),
            percent(c.wa),
            str(c.n_utterances),
            str(c.n_speakers),
        )
        for c in by_corpus(evaluation)
    )
    columns = ("corpus", "labels", "UAR, own labels %", "UAR %", "95 % interval", "WA %", "utterances", "speakers")
    return Table("By corpus", columns, rows)


def overview_table(reports: Sequence[Report]) -> Table:
    """Return one row for each of several test sets."""
    rows = tuple(
        (r.source, str(len(r.evaluation.utterances)), *(figure(n, v) for n, v in r.scores.items())) for r in reports
    )
    return Table("Test sets", ("test set", "utterances", *FIGURE_NAMES.values()), rows)


def summary_table(summary: Mapping[str, Summary]) -> Table:
    """Return mean and standard deviation of each figure over several runs."""
    rows = tuple(
        (FIGURE_NAMES[name], figure(name, s.mean), "" if s.sd is None else figure(name, s.sd))
        for name, s in summary.items()
    )
    return Table("Over all runs", ("figure", "mean", "SD"), rows)


def report_warnings(reports: Sequence[Report]) -> list[str]:
    """Return what to know before any figure of any set is read; where there are several, each says which it is of."""
    prefix = "{}: " if len(reports) > 1 else ""
    return [prefix.format(report.source) + caution for report in reports for caution in report.warnings]


def head(report: Report) -> str:
    """Return the lines that stand above the tables of a set: what was tested, and with what."""
    return f"Test set: {report.source}\n          {report.setting}\nModel:    {report.model}"


def text(reports: Sequence[Report], summary: Mapping[str, Summary] | None = None) -> str:
    """Return everything as plain text, fit for a pipe."""
    blocks = ["\n".join(f"CAUTION: {caution}" for caution in report_warnings(reports))]
    for report in reports:
        blocks += [head(report), *map(str, tables(report))]
    if len(reports) > 1:
        blocks.append(str(overview_table(reports)))
    if summary:
        blocks.append(str(summary_table(summary)))
    return "\n\n".join(filter(None, blocks)) + "\n"


def to_json(reports: Sequence[Report], summary: Mapping[str, Summary] | None = None) -> str:
    """Return everything as one JSON object; see the top of this module."""
    content = {
        "schema": SCHEMA,
        "cautions": report_warnings(reports),
        "summary": {name: asdict(s) for name, s in summary.items()} if summary else None,
        "sets": [report.as_dict() for report in reports],
    }
    return json.dumps(content, indent=2)


def from_json(document: str) -> tuple[list[Report], dict[str, Summary] | None]:
    """Read what :func:`to_json` returned.

    Raises:
        CorpusError: it is something else.
    """
    try:
        content = json.loads(document)
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema is {content['schema']!r}, expected {SCHEMA!r}")
        summary = content["summary"]
        return (
            [Report.from_dict(each) for each in content["sets"]],
            {name: Summary(**s) for name, s in summary.items()} if summary else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorpusError(f"not an evaluation that this program wrote ({error}); run evaluate --json again") from error


def percent(share: float) -> str:
    """Return a share as per cent, without the sign."""
    return f"{100 * share:.1f}"


def figure(name: str, value: float) -> str:
    """Return one of :meth:`Evaluation.scores` as it is told: shares in per cent, the others as they are."""
    return f"{percent(value)} %" if name in _SHARES else f"{value:.3f}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s where it is not one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())
