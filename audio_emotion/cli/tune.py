"""``audio-emotion tune``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from audio_emotion.cli import _completion
from audio_emotion.cli._app import Command, Section, command, note, progress_bars
from audio_emotion.cli._completion import one_of
from audio_emotion.cli._options import AllowMissing, Strict
from audio_emotion.core.errors import UsageError

_OVERVIEW = """
    audio-emotion tune run space.toml --trials 30
    audio-emotion tune report space
    audio-emotion tune best space --output best.toml
"""

app = typer.Typer(
    help="Search for a training run's settings (extra 'tune').", no_args_is_help=True, cls=Section, epilog=_OVERVIEW
)

_EXAMPLES = {
    "run": """
        audio-emotion tune run space.toml --trials 30
        audio-emotion tune run space.toml --data recordings/ --sampler random --folds 4
    """,
    "report": """
        audio-emotion tune report space
        audio-emotion tune report space --json
    """,
    "best": """
        audio-emotion tune best space --output best.toml
    """,
}

Name = Annotated[str, typer.Argument(help="The search's name.", metavar="NAME")]


@app.callback()
def tune() -> None:
    """Search for a training run's settings (extra 'tune')."""


@app.command(cls=Command, epilog=_EXAMPLES["run"])
@command
def run(
    space: Annotated[
        Path,
        typer.Argument(
            help="A TOML file: a training config and a table [search] with ranges and choices.", metavar="FILE"
        ),
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="As of 'train': a corpus as NAME=DIR, or a folder or table; may be given several times.",
            rich_help_panel="Data",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The search's name; without it, the file's.", rich_help_panel="Search")
    ] = None,
    trials: Annotated[
        int, typer.Option(help="How many settings are tried, by all processes.", min=1, rich_help_panel="Search")
    ] = 30,
    sampler: Annotated[
        str,
        typer.Option(
            help="tpe, random or grid.", rich_help_panel="Search", autocompletion=one_of("tpe", "random", "grid")
        ),
    ] = "tpe",
    seed: Annotated[
        int,
        typer.Option(help="Of what is tried; the config has that of the training.", min=0, rich_help_panel="Search"),
    ] = 0,
    folds: Annotated[
        int, typer.Option(help="Groups of training speakers, each validated on once.", min=2, rich_help_panel="Data")
    ] = 3,
    split: Annotated[
        str,
        typer.Option(
            help="Whose test speakers take no part: speaker, a fold as emobox-1, or all for none.",
            rich_help_panel="Data",
        ),
    ] = "speaker",
    labels: Annotated[
        str, typer.Option(help="As of 'train'.", rich_help_panel="Data", autocompletion=one_of(*_completion.LABEL_SETS))
    ] = "eight",
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, cuda or mps.", rich_help_panel="Search", autocompletion=one_of(*_completion.DEVICES)
        ),
    ] = "auto",
    allow_missing: AllowMissing = False,
    strict: Strict = False,
    restart: Annotated[
        bool, typer.Option(help="Forget what an earlier search of this name has tried.", rich_help_panel="Search")
    ] = False,
) -> None:
    """Try settings, and keep what came of each; the same command goes on after a stop, or beside another process."""
    from audio_emotion.training.tuning.space import read
    from audio_emotion.training.tuning.trials import SAMPLERS, import_optuna

    import_optuna()
    if sampler not in SAMPLERS:
        raise UsageError(f"no sampler is called {sampler!r}; there are: {', '.join(SAMPLERS)}")
    searched, name = read(space), name or space.stem
    from audio_emotion.training.tuning.search import SearchPlan, search

    plan = SearchPlan(
        *(name, searched, tuple(data or ()), split, labels, folds, sampler, seed, device, allow_missing, strict)
    )
    try:
        with progress_bars() as progress:
            search(plan, trials, progress, restart)
    except KeyboardInterrupt:
        note("stopped; the same command goes on")
        raise
    _tell(name)


@app.command(cls=Command, epilog=_EXAMPLES["report"])
@command
def report(
    name: Name,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the plots; without it, in the search's own.", metavar="DIR", rich_help_panel="Output"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel="Output")] = False,
) -> None:
    """Print a table of the trials, and write plots of them."""
    from audio_emotion.training.tuning.report import findings
    from audio_emotion.training.tuning.trials import folder_of

    found = findings(name)
    print(json.dumps(found.as_dict(), indent=1) if as_json else found.text(), end="\n" if as_json else "")
    for path in found.draw(output or folder_of(name) / "plots"):
        note(f"plot written to {path}")


@app.command(cls=Command, epilog=_EXAMPLES["best"])
@command
def best(
    name: Name,
    output: Annotated[
        Path | None, typer.Option(help="File to write; without it, stdout.", metavar="FILE", rich_help_panel="Output")
    ] = None,
) -> None:
    """Print the best trial's settings as a config for 'train --config'."""
    from audio_emotion.core import paths
    from audio_emotion.training.tuning.report import findings

    toml = findings(name).toml()
    if output is None:
        print(toml, end="")
        return
    with paths.writing_file(output) as sibling:
        sibling.write_text(toml, "utf-8")
    note(f"config written to {output}; train with: audio-emotion train --config {output}")


def _tell(name: str) -> None:
    """Say how a search stands."""
    from audio_emotion.evaluation.report import percent
    from audio_emotion.training.tuning.report import findings
    from audio_emotion.training.tuning.trials import folder_of

    found = findings(name)
    print(found.text(), end="")
    if any(trial.state == "complete" for trial in found.trials):
        print(f"Best: trial {found.best.number}, UAR {percent(found.best.uar or 0.0)} %, on validation speakers")
    print(f"Kept in {folder_of(name)}; see 'audio-emotion tune report {name}' and 'tune best {name}'")
