"""``audio-emotion evaluate``."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_emotion.cli._app import NOTHING_DONE, SOME_FAILED, command, progress_bars, tell_left_out
from audio_emotion.cli._messages import note, say
from audio_emotion.cli._options import Device, Model
from audio_emotion.core.errors import CorpusError
from audio_emotion.core.paths import display_path
from audio_emotion.models.checkpoint import default_model

if TYPE_CHECKING:
    from audio_emotion.corpora import Utterance
    from audio_emotion.evaluation.report import Report
    from audio_emotion.inference.model import Model as Loaded

EXAMPLES = """
    audio-emotion evaluate recordings/ --model mine
    audio-emotion evaluate ravdess=speech/ labels.csv --json
    audio-emotion evaluate recordings/ --html report.html
"""


@command
def evaluate(
    sources: Annotated[
        list[str], typer.Argument(help="Test sets: folders or tables of labelled recordings.", metavar="SOURCE...")
    ],
    model: Model = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON that includes every utterance.", rich_help_panel="Output")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write a report with plots and links to the recordings.", metavar="FILE", rich_help_panel="Output"
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the bootstrap intervals.", metavar="N", min=0, rich_help_panel="Output")
    ] = 0,
    device: Device = "auto",
) -> None:
    """Evaluate a model on labelled recordings. Each folder or table gets its own metrics."""
    from audio_emotion.core import paths
    from audio_emotion.evaluation import html_report, report
    from audio_emotion.inference.loading import load_model

    import_module("sklearn")  # the metrics need it: fail before the predictions, not after them
    with ExitStack() as stack:
        page = (
            stack.enter_context(paths.writing_file(html)) if html else None
        )  # fails before the evaluation, not after it
        loaded = load_model(model or default_model(), device)
        reports = _reports(loaded, sources, seed)
        if not reports:
            raise typer.Exit(NOTHING_DONE)
        if html and page:
            content = html_report.render(reports, html.parent, histories=_histories(loaded))
            page.write_text(content, "utf-8")
    if as_json:
        print(report.to_json(reports))
    elif sys.stdout.isatty():
        _draw(reports)
    else:
        print(report.text(reports), end="")
    if html:
        note(f"report written to {display_path(html)}")
    if len(reports) < len(sources) or any(report.evaluation.problems for report in reports):
        raise typer.Exit(SOME_FAILED)


def _reports(loaded: "Loaded", sources: Sequence[str], seed: int) -> "list[Report]":
    """Evaluate every test set; report those that cannot be used, and continue with the others."""
    from audio_emotion.evaluation.evaluate import evaluate_utterances
    from audio_emotion.evaluation.report import Report

    reports = []
    with progress_bars() as progress:
        for source in sources:
            try:
                utterances = _utterances(source)
                began = time.monotonic()
                note(f"testing {loaded.config.name} on {len(utterances)} utterances of {display_path(source)} ...")
                evaluation = evaluate_utterances(loaded, utterances, _counter(progress, source, len(utterances)))
                note(f"{display_path(source)}: tested in {time.monotonic() - began:.1f} s")
            except CorpusError as error:
                say(str(error))
                continue
            for problem in evaluation.problems:
                say(problem)
            reports.append(Report.of(source, loaded.config, evaluation, seed))
    return reports


def _utterances(source: str) -> "Sequence[Utterance]":
    """Find the labelled recordings of one test set, and report the files that are left out."""
    from audio_emotion.corpora.sources import gather, parse_sources

    corpus = gather(parse_sources([source]))
    tell_left_out(corpus.left_out)
    return corpus.utterances


def _counter(progress: Callable[[str, int, int, str], None], source: str, total: int) -> Callable[[], None]:
    """Return a function that advances the progress bar of a test set by one utterance."""
    done = iter(range(1, total + 1))
    return lambda: progress(f"testing {source}", next(done), total, "")


def _histories(loaded: "Loaded") -> "dict[str, list[dict[str, object]]]":
    """Return the training history of each model that has one."""
    history = loaded.config.training.get("history")
    return {loaded.config.name: history} if history else {}


def _draw(reports: "Sequence[Report]") -> None:
    """Print the reports to a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from audio_emotion.evaluation.report import head, overview_table, report_warnings, tables

    console = Console()
    for caution in report_warnings(reports):
        console.print(Text(f"CAUTION: {caution}", style="bold yellow"))
    for report in reports:
        console.print(Text(f"\n{head(report)}"))
        for table in [*tables(report), *([overview_table(reports)] if report is reports[-1] and reports[1:] else [])]:
            drawn = Table(title=Text(table.title), title_justify="left")
            for place, column in enumerate(table.columns):
                drawn.add_column(Text(column), justify="right" if place else "left")
            for row in table.rows:
                drawn.add_row(*map(Text, row))
            console.print(drawn)
