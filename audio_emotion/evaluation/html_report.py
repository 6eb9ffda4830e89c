"""An evaluation as a self-contained HTML file: no external scripts, fonts, styles or network.

Every plot is there twice, for light and for dark, and the reader's own setting chooses.
"""

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from audio_emotion.core import paths
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
    title = f"Evaluation of {', '.join(dict.fromkeys(report.model.name for report in reports))}"
    several = len(reports) > 1
    body = [
        f"<header><h1>{_text(title)}</h1></header>",
        _cautions(report_warnings(reports)),
        "<main>",
        _panel(overview_table(reports)) if several else "",
        _panel(summary_table(summary)) if summary else "",
        *(_section(report, folder) for report in reports),
        _training(histories) if histories and any(histories.values()) else "",
        "</main>",
        "<footer>WA, weighted accuracy; UAR, unweighted average recall: the mean of the emotions' recalls; "
        "intervals are bootstrapped over speakers. A score is the model's, not a fact about a person.</footer>",
    ]
    style = files("audio_emotion.evaluation").joinpath("html_report.css").read_text("utf-8")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title>",
            f"<style>\n{style}</style></head><body>",
            *filter(None, body),
            "</body></html>",
            "",
        ]
    )


def _section(report: Report, folder: Path) -> str:
    evaluation = report.evaluation
    _, classes, *groups = [table for table in tables(report) if table.title != "Most-confused pairs"]
    return "\n".join(
        [
            f"<section><h2>{_text(report.source)}</h2>",
            f'<p class="soft">{_text(report.setting)}</p>',
            f'<p class="soft">Model: {_text(str(report.model))}</p>',
            _cards(report),
            '<div class="grid">',
            _confusion(report),
            _reliability(report),
            *(_panel(table) for table in (classes, *groups)),
            "</div>",
            _pairs(evaluation.confused()[:N_PAIRS], folder),
            _problems(evaluation.problems),
            "</section>",
        ]
    )


def _cautions(cautions: Sequence[str]) -> str:
    if not cautions:
        return ""
    return f'<div class="caution" role="note">{"".join(f"<p>{_text(caution)}</p>" for caution in cautions)}</div>'


def _cards(report: Report) -> str:
    notes = _NOTES | {"uar": f"chance is {percent(1 / len(report.evaluation.occurring))} %"}
    notes |= {name: f"95 % interval {interval}; {notes[name]}" for name in notes if (interval := report.interval(name))}
    cards = (
        f"<div><dt>{FIGURE_NAMES[name]}</dt><dd class='value'>{figure(name, value)}</dd>"
        f"<dd class='note'>{_text(notes[name])}</dd></div>"
        for name, value in report.scores.items()
    )
    return f'<dl class="cards">{"".join(cards)}</dl>'


def _panel(table: Table) -> str:
    heads = "".join(f'<th scope="col">{_text(name)}</th>' for name in table.columns)
    rows = "".join(
        f'<tr><th scope="row">{_text(row[0])}</th>'
        + "".join(_cell(cell, column) for cell, column in zip(row[1:], table.columns[1:], strict=True))
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="panel"><h3>{_text(table.title)}</h3><div class="scroll">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></div>"
    )


def _cell(cell: str, column: str) -> str:
    """Return a table cell; one in a column of per cent carries a bar of that length."""
    if "%" in column and cell.replace(".", "", 1).isdigit():
        return f'<td class="bar" style="--share:{cell}%">{cell}</td>'
    return f"<td>{_text(cell)}</td>"


def _confusion(report: Report) -> str:
    confusion = report.evaluation.confusion()
    recalls = ", ".join(f"{c.label} {percent(c.recall)} %" for c in report.evaluation.per_class())
    return _plot(
        "Confusion matrix",
        f"Confusion matrix of what each utterance was and what was answered. Recall: {recalls}.",
        "Each row adds up to 100 %; the diagonal is the recall.",
        lambda theme: plots.confusion_matrix(confusion, theme),
    )


def _reliability(report: Report) -> str:
    bins = report.evaluation.reliability()
    description = ", ".join(
        f"{percent(b.mean_score)} % in {b.count} answers of which {percent(b.accuracy)} % are right"
        for b in bins
        if b.mean_score is not None and b.accuracy is not None
    )
    return _plot(
        "Reliability",
        f"Reliability diagram of score against accuracy. Mean score of each bin: {description}.",
        "A bar that ends below the dashed line: there the model is surer than it is right. Below: how many answers "
        f"have such a score. ECE {percent(report.scores['ece'])} %.",
        lambda theme: plots.reliability_diagram(bins, theme),
    )


def _training(histories: Mapping[str, History]) -> str:
    runs = {name: history for name, history in histories.items() if history}
    description = "; ".join(
        f"{name or 'the run'}: {len(history)} epochs, loss {history[0]['loss']:.3f} to {history[-1]['loss']:.3f}"
        for name, history in runs.items()
    )
    plot = _plot(
        "Training curves",
        f"Training curves of loss and validation UAR over the epochs. {description}.",
        f"{len(runs)} runs, a line for each." if len(runs) > 1 else "",
        lambda theme: plots.training_curves(runs, theme),
    )
    return f"<section><h2>Training</h2>{plot}</section>"


def _plot(title: str, description: str, caption: str, draw: Callable[[Theme], str]) -> str:
    light, dark = (
        f"data:image/svg+xml;base64,{base64.b64encode(draw(theme).encode()).decode()}"
        for theme in (plots.LIGHT, plots.DARK)
    )
    return (
        f'<figure class="panel"><h3>{_text(title)}</h3><picture>'
        f'<source media="(prefers-color-scheme: dark)" srcset="{dark}"><img src="{light}" alt="{_text(description)}">'
        f"</picture><figcaption>{_text(caption)}</figcaption></figure>"
    )


def _pairs(pairs: Sequence[ConfusedPair], folder: Path) -> str:
    if not pairs:
        return ""
    lists = (
        f"<details><summary>{_text(pair.target)} taken for {_text(pair.answer)}: "
        f"{counted(pair.count, 'utterance')}, {percent(pair.share)} % of {_text(pair.target)}</summary><ul>"
        + "".join(f'<li><a href="{_text(_link(path, folder))}">{_text(path.name)}</a></li>' for path in pair.paths)
        + "</ul></details>"
        for pair in pairs
    )
    return f'<div class="panel"><h3>Most-confused pairs</h3>{"".join(lists)}</div>'


def _problems(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    items = "".join(f"<li>{_text(problem)}</li>" for problem in problems)
    return (
        f'<div class="panel"><details><summary>Recordings that could not be decoded: {len(problems)}</summary>'
        f"<ul>{items}</ul></details></div>"
    )


def _link(path: Path, folder: Path) -> str:
    """Return a link to a recording, relative to ``folder``; a file: address where there is no way from one to other."""
    path = path.absolute()
    try:
        way = os.path.relpath(path, folder.absolute())
    except ValueError:  # another drive
        return path.as_uri()
    return quote(os.fsencode(way.replace(os.sep, "/")))


def _text(content: str) -> str:
    """Return text safe to stand in HTML; bytes of a file name that are no UTF-8 become question marks."""
    return escape(content.encode("utf-8", "replace").decode())
