"""``audio-emotion tune``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from audio_emotion.cli import _completion
from audio_emotion.cli._app import Command, Section, command, progress_bars
from audio_emotion.cli._completion import one_of
from audio_emotion.cli._messages import note
from audio_emotion.cli._options import AllowMissing, Strict
from audio_emotion.core.errors import UsageError

_OVERVIEW = """
    audio-emotion tune run space.toml --trials 30
    audio-emotion tune report space
    audio-emotion tune best space --output best.toml
"""

app = typer.Typer(
    help="Search for training settings (extra 'tune').", no_args_is_help=True, cls=Section, epilog=_OVERVIEW
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

Name = Annotated[str, typer.Argument(help="Name of the search.", metavar="NAME")]


@app.callback()
def tune() -> None:
    """Search for training settings (extra 'tune')."""


@app.command(cls=Command, epilog=_EXAMPLES["run"])
@command
def run(
    space: Annotated[
        Path,
        typer.Argument(
            help="Search file (TOML): a training config with a table [search] of ranges and choices.", metavar="FILE"
        ),
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Recordings, as for 'train': a folder, a table, or NAME=DIR. Repeat it for several.",
            metavar="SOURCE",
            rich_help_panel="Data",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the search. Default: the name of the file.", metavar="NAME", rich_help_panel="Search"
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(help="Number of trials, over all processes.", metavar="N", min=1, rich_help_panel="Search")
    ] = 30,
    sampler: Annotated[
        str,
        typer.Option(
            help="Sampler: tpe, random or grid.",
            metavar="NAME",
            rich_help_panel="Search",
            autocompletion=one_of("tpe", "random", "grid"),
        ),
    ] = "tpe",
    seed: Annotated[
        int,
        typer.Option(
            help="Seed of the sampler. The seed of the training is in the config.",
            metavar="N",
            min=0,
            rich_help_panel="Search",
        ),
    ] = 0,
    folds: Annotated[
        int, typer.Option(help="Number of cross-validation folds.", metavar="N", min=2, rich_help_panel="Data")
    ] = 3,
    split: Annotated[
        str,
        typer.Option(
            help="Leave out the test speakers of this split: speaker, a fold such as emobox-1, or all (leave out "
            "none).",
            metavar="SPLIT",
            rich_help_panel="Data",
        ),
    ] = "speaker",
    labels: Annotated[
        str,
        typer.Option(
            help="Labels, as for 'train'.",
            metavar="LABELS",
            rich_help_panel="Data",
            autocompletion=one_of(*_completion.LABEL_SETS),
        ),
    ] = "eight",
    device: Annotated[
        str,
        typer.Option(
            help="Device: auto, cpu, cuda or mps.",
            metavar="NAME",
            rich_help_panel="Search",
            autocompletion=one_of(*_completion.DEVICES),
        ),
    ] = "auto",
    allow_missing: AllowMissing = False,
    strict: Strict = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", help="Discard the trials of an earlier search with this name.", rich_help_panel="Search"
        ),
    ] = False,
) -> None:
    """Run trials of a search. Run the same command to resume it, or to add a process."""
    from audio_emotion.training.tuning.space import read
    from audio_emotion.training.tuning.trials import SAMPLERS, import_optuna

    import_optuna()
    if sampler not in SAMPLERS:
        raise UsageError(f"unknown sampler {sampler!r}; available: {', '.join(SAMPLERS)}")
    searched, name = read(space), name or space.stem
    from audio_emotion.training.tuning.search import SearchPlan, search

    plan = SearchPlan(
        *(name, searched, tuple(data or ()), split, labels, folds, sampler, seed, device, allow_missing, strict)
    )
    try:
        with progress_bars() as progress:
            search(plan, trials, progress, restart)
    except KeyboardInterrupt:
        note("stopped; run the same command to continue")
        raise
    _tell(name)


@app.command(cls=Command, epilog=_EXAMPLES["report"])
@command
def report(
    name: Name,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the plots. Default: the folder of the search.", metavar="DIR", rich_help_panel="Output"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel="Output")] = False,
) -> None:
    """Print a table of the trials and write plots."""
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
        Path | None, typer.Option(help="File to write. Default: stdout.", metavar="FILE", rich_help_panel="Output")
    ] = None,
) -> None:
    """Print the settings of the best trial as a config for `train --config`."""
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
    """Print the state of a search."""
    from audio_emotion.evaluation.report import percent
    from audio_emotion.training.tuning.report import findings
    from audio_emotion.training.tuning.trials import folder_of

    found = findings(name)
    print(found.text(), end="")
    if any(trial.state == "complete" for trial in found.trials):
        print(f"Best: trial {found.best.number}, UAR {percent(found.best.uar or 0.0)} %, on validation speakers")
    print(f"Stored in {folder_of(name)}; see 'audio-emotion tune report {name}' and 'tune best {name}'")
