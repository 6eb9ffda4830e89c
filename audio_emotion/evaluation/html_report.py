"""An evaluation as a self-contained HTML file: no external scripts, fonts, styles or network.

Every plot is there twice, for light and for dark, and the reader's own setting chooses.
"""

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from audio_emotion.core import paths, templates
from audio_emotion.evaluation import plots
from audio_emotion.evaluation.evaluate import ConfusedPair, Summary
from audio_emotion.evaluation.plots import History, Theme
from audio_emotion.evaluation.report import (
    FIGURE_NAMES,
    N_PAIRS,
    Report,
    Table,
    counted,
    figure,
    overview_table,
    percent,
    report_warnings,
    summary_table,
    tables,
)

_TEMPLATES = Path(__file__).parent / "templates"

_NOTES = {
    "wa": "share of all answers that are right",
    "macro_f1": "mean over emotions",
    "weighted_f1": "mean weighted by utterances",
    "ece": "gap of score and accuracy, 15 bins",
    "nll": "nats an utterance; lower is better",
    "brier": "0 to 2; lower is better",
}


def write(
    target: Path,
    reports: Sequence[Report],
    summary: Mapping[str, Summary] | None = None,
    histories: Mapping[str, History] | None = None,
) -> None:
    """Write the report to ``target``, as a whole or not at all; see :func:`render`.

    Raises:
        StorageError: it cannot be written.
    """
    with paths.writing_file(target) as sibling:
        sibling.write_text(render(reports, target.parent, summary, histories), "utf-8")


def render(
    reports: Sequence[Report],
    folder: Path,
    summary: Mapping[str, Summary] | None = None,
    histories: Mapping[str, History] | None = None,
) -> str:
    """Return the report as HTML.

    Args:
        reports: one for each test set, in the order in which they are to stand.
        folder: where the report is to lie; links to recordings are relative to it where they can be.
        summary: means and standard deviations over runs, where there are several.
        histories: what each epoch of each training run left, by the run's name.
    """
    runs = {name: history for name, history in (histories or {}).items() if history}
    overview = [overview_table(reports)] if len(reports) > 1 else []
    return templates.render(
        _TEMPLATES / "evaluation.html.j2",
        title=f"Evaluation of {', '.join(dict.fromkeys(report.model.name for report in reports))}",
        style=(_TEMPLATES / "evaluation.css").read_text("utf-8"),
        warnings=report_warnings(reports),
        overview=[*overview, *([summary_table(summary)] if summary else [])],
        sets=[_TestSet.of(report) for report in reports],
        curves=_curves(runs) if runs else None,
        is_bar=lambda cell, column: "%" in column and cell.replace(".", "", 1).isdigit(),
        counted=counted,
        percent=percent,
        link=lambda path: _link(path, folder),
    )


@dataclass(frozen=True)
class _Plot:
    """A plot as addresses of its two drawings."""

    title: str
    description: str
    caption: str
    light: str
    dark: str

    @classmethod
    def of(cls, title: str, description: str, caption: str, draw: Callable[[Theme], str]) -> "_Plot":
        """Draw a plot for light and for dark."""
        light, dark = (
            f"data:image/svg+xml;base64,{base64.b64encode(draw(theme).encode()).decode()}"
            for theme in (plots.LIGHT, plots.DARK)
        )
        return cls(title, description, caption, light, dark)


@dataclass(frozen=True)
class _Card:
    """A figure of a test set, and what it means."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class _TestSet:
    """A test set as the page shows it."""

    report: Report
    cards: tuple[_Card, ...]
    plots: tuple[_Plot, ...]
    tables: tuple[Table, ...]
    pairs: Sequence[ConfusedPair]

    @classmethod
    def of(cls, report: Report) -> "_TestSet":
        """Return what the page shows of a report."""
        _, *shown = [table for table in tables(report) if table.title != "Most-confused pairs"]
        pairs = report.evaluation.confused()[:N_PAIRS]
        return cls(report, _cards(report), (_confusion(report), _reliability(report)), tuple(shown), pairs)


def _cards(report: Report) -> tuple[_Card, ...]:
    notes = _NOTES | {"uar": f"chance is {percent(1 / len(report.evaluation.occurring))} %"}
    notes |= {name: f"95 % interval {interval}; {notes[name]}" for name in notes if (interval := report.interval(name))}
    return tuple(_Card(FIGURE_NAMES[name], figure(name, value), notes[name]) for name, value in report.scores.items())


def _confusion(report: Report) -> _Plot:
    confusion = report.evaluation.confusion()
    recalls = ", ".join(f"{c.label} {percent(c.recall)} %" for c in report.evaluation.per_class())
    return _Plot.of(
        "Confusion matrix",
        f"Confusion matrix of what each utterance was and what was answered. Recall: {recalls}.",
        "Each row adds up to 100 %; the diagonal is the recall.",
        lambda theme: plots.confusion_matrix(confusion, theme),
    )


def _reliability(report: Report) -> _Plot:
    bins = report.evaluation.reliability()
    description = ", ".join(
        f"{percent(b.mean_score)} % in {b.count} answers of which {percent(b.accuracy)} % are right"
        for b in bins
        if b.mean_score is not None and b.accuracy is not None
    )
    return _Plot.of(
        "Reliability",
        f"Reliability diagram of score against accuracy. Mean score of each bin: {description}.",
        "A bar that ends below the dashed line: there the model is surer than it is right. Below: how many answers "
        f"have such a score. ECE {percent(report.scores['ece'])} %.",
        lambda theme: plots.reliability_diagram(bins, theme),
    )


def _curves(runs: Mapping[str, History]) -> _Plot:
    description = "; ".join(
        f"{name or 'the run'}: {len(history)} epochs, loss {history[0]['loss']:.3f} to {history[-1]['loss']:.3f}"
        for name, history in runs.items()
    )
    return _Plot.of(
        "Training curves",
        f"Training curves of loss and validation UAR over the epochs. {description}.",
        f"{len(runs)} runs, a line for each." if len(runs) > 1 else "",
        lambda theme: plots.training_curves(runs, theme),
    )


def _link(path: Path, folder: Path) -> str:
    """Return a link to a recording, relative to ``folder``; a file: address where there is no way from one to other."""
    path = path.absolute()
    try:
        way = os.path.relpath(path, folder.absolute())
    except ValueError:  # another drive
        return path.as_uri()
    return quote(os.fsencode(way.replace(os.sep, "/")))
