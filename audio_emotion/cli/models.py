"""``audio-emotion models``."""

import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from audio_emotion.cli import _completion
from audio_emotion.cli._app import NOTHING_DONE, Command, Section, command
from audio_emotion.cli._messages import note, say
from audio_emotion.core import paths
from audio_emotion.core.errors import ModelError, UsageError
from audio_emotion.models import checkpoint, licences

_OVERVIEW = """
    audio-emotion models list
    audio-emotion models show mine
    audio-emotion models default mine
    audio-emotion models pull hf://somebody/mine
"""

app = typer.Typer(
    help="List, share and remove models, and set the default.",
    no_args_is_help=True,
    cls=Section,
    epilog=_OVERVIEW,
)

_EXAMPLES = {
    "list": """
        audio-emotion models list
        audio-emotion models list --json
        audio-emotion models list --architectures
    """,
    "show": """
        audio-emotion models show
        audio-emotion models show mine --json
    """,
    "path": """
        audio-emotion models path mine
    """,
    "default": """
        audio-emotion models default
        audio-emotion models default mine
        audio-emotion models default default
    """,
    "remove": """
        audio-emotion models remove mine
        audio-emotion models remove mine --yes
    """,
    "push": """
        audio-emotion models push mine /mnt/share/models
        audio-emotion models push mine hf://somebody/mine --public
    """,
    "pull": """
        audio-emotion models pull /mnt/share/models/mine
        audio-emotion models pull hf://somebody/mine --name theirs
    """,
}

Named = Annotated[
    str | None,
    typer.Argument(
        help="Name of a model, as in `models list`, or a model folder. Without it: the default model.",
        metavar="[NAME]",
        autocompletion=_completion.models,
    ),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace an existing model of that name.")]


@app.callback()
def look() -> None:
    """List, share and remove models, and set the default."""


@app.command("list", cls=Command, epilog=_EXAMPLES["list"])
@command
def list_models(
    architectures: Annotated[
        bool,
        typer.Option(
            "--architectures",
            help="List the architectures you can train, with their accuracy on RAVDESS.",
            rich_help_panel="Output",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.", rich_help_panel="Output")] = False,
) -> None:
    """List the available models: name, architecture, accuracy, commercial use, folder, and which one is the default."""
    if architectures and as_json:
        raise UsageError("--json cannot be used with --architectures; remove one of them")
    if architectures:
        _list_architectures()
        return
    found = list(_stored())
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = []
    for row in found:
        taken = ["the default"] if row["default"] else []
        terms = licences.commercial_use(row["licence"])
        rows.append([row["name"], row["architecture"], _figures(row["figures"]), terms, row["folder"], *taken])
    _print_table(("name", "architecture", "accuracy", "licence", "folder"), rows)


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns below their headings on a terminal, and rows alone, with tabs between cells, to programs."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    widths = [max(map(len, column)) for column in itertools.zip_longest(headings, *rows, fillvalue="")]
    for row in (headings, *rows):
        print("  ".join(map(str.ljust, row, widths)).rstrip())


def _stored() -> "list[dict[str, Any]]":
    """Return what there is to say of each stored model; one that cannot be read is told."""
    try:
        default = checkpoint.default_model()
    except ModelError as error:
        say(str(error))
        default = ""
    found = []
    for name in checkpoint.stored():
        folder = checkpoint.find(name)
        try:
            config = checkpoint.read_config(folder)
        except ModelError as error:
            say(str(error))
            continue
        licence = str(config.training.get("licence", "unknown"))
        content = {
            "architecture": config.architecture,
            "figures": dict(config.figures),
            "licence": licence,
            "commercial_use": licences.allows_commercial_use(licence),
            "folder": str(folder),
        }
        found.append({"name": name, **content, "default": name == default})
    return found


def _figures(figures: "dict[str, Any]") -> str:
    """Return a model's test figure in words, with its interval and how much was tested, as far as these are stored."""
    if "UAR" not in figures:
        return "no test set"
    remarks = []
    if interval := figures.get("UAR interval"):
        remarks.append(f"95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f}")
    if utterances := figures.get("test utterances"):
        speakers = figures.get("test speakers")
        remarks.append(f"{utterances} utterances" + (f" by {speakers} speaker(s)" if speakers else ""))
    return f"UAR {100 * figures['UAR']:.1f} % ({', '.join([*remarks, figures['protocol']])})"


def _list_architectures() -> None:
    from audio_emotion import models

    rows = []
    for name in models.architectures():
        known = models.entry(name)
        size = f"{known.n_parameters:,} parameters" if known.n_parameters else "depends on its checkpoint"
        rows.append((name, size, known.reads, known.source, models.measured(name) or "not measured yet"))
    _print_table(("architecture", "size", "input", "source", "on RAVDESS"), rows)


@app.command("show", cls=Command, epilog=_EXAMPLES["show"])
@command
def show(
    name: Named = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the complete description as JSON.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Show a model's description, training data and accuracy, and verify its files."""
    called = name or checkpoint.default_model()
    folder = checkpoint.find(called)
    config = checkpoint.read_config(folder)
    if as_json:
        print((folder / checkpoint.CONFIG).read_text("utf-8"), end="")
    else:
        training = config.training
        speakers = training.get("speakers", {}).get("train", [])
        rows = {
            "name": called if called in checkpoint.stored() else config.name,
            "name in results": config.name,
            "architecture": config.architecture,
            "labels": ", ".join(config.labels),
            "input": f"{config.window_samples / config.sampling_rate:g} s at {config.sampling_rate} Hz",
            "graph": config.graph,
            "trained on": f"{', '.join(training.get('corpora', ['unknown']))} ({len(speakers)} speakers)",
            **_adapted(config.adaptation),
            **_licence(str(training.get("licence", "unknown"))),
            "created with": f"audio-emotion {config.package_version}",
            "folder": folder,
        }
        rows |= config.figures
        width = max(map(len, rows)) + 2
        for key, value in rows.items():
            print(f"{key + ':':{width}}{f'{value:.4f}' if isinstance(value, float) else value}")
    checkpoint.read(folder)  # says which file is damaged
    if not as_json:
        print(f"{'files:':{width}}checksums match")


def _licence(licence: str) -> dict[str, str]:
    """Return a model's licence and what it means, as rows."""
    return {
        "licence": licence,
        "in short": licences.commercial_use(licence),
        **{f"- {part}": licences.terms(part) for part in licences.parts(licence)},
    }


def _adapted(adaptation: Mapping[str, Any]) -> dict[str, str]:
    """Return what an adapted model was made from, as a row; of another model nothing."""
    if "model" not in adaptation:
        return {}
    return {"adapted": f"from {adaptation['model']}, to {adaptation['recordings']} recordings without labels"}


@app.command("path", cls=Command, epilog=_EXAMPLES["path"])
@command
def path(name: Named = None) -> None:
    """Print the folder of a model."""
    print(checkpoint.find(name or checkpoint.default_model()))


@app.command("default", cls=Command, epilog=_EXAMPLES["default"])
@command
def default(
    name: Annotated[
        str | None,
        typer.Argument(
            help="The new default model: a name in `models list`. Without it: print the current one.",
            metavar="[NAME]",
            autocompletion=_completion.models,
        ),
    ] = None,
) -> None:
    """Print or set the default model."""
    if name is not None:
        checkpoint.choose(name)
        note(f"{name} is now the default")
    print(checkpoint.default_model())


@app.command("remove", cls=Command, epilog=_EXAMPLES["remove"])
@command
def remove(
    name: Annotated[
        str,
        typer.Argument(help="One of your own models.", metavar="NAME", autocompletion=_completion.own_models),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete one of your own models from the disk."""
    folder = checkpoint.own(name)
    if not yes:
        if not _can_ask():
            raise UsageError(f"cannot prompt for confirmation to remove {folder}; use --yes")
        if not typer.confirm(f"Remove {folder}?", err=True):
            note("nothing was removed")
            raise typer.Exit(NOTHING_DONE)
    was_chosen = paths.chosen_model_file().is_file()
    checkpoint.remove(name)
    note(f"{folder} removed")
    if was_chosen and not paths.chosen_model_file().is_file():
        note("it was the default model; the bundled model `default` is now the default")


def _can_ask() -> bool:
    return sys.stdin.isatty()


@app.command("push", cls=Command, epilog=_EXAMPLES["push"])
@command
def push(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a stored model, or a model folder.", metavar="NAME", autocompletion=_completion.models
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(help="A folder of models, or hf://OWNER/NAME (extra 'hub').", metavar="TARGET"),
    ],
    replace: Replace = False,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public.")] = False,
) -> None:
    """Copy a model and its card to a folder or to the Hugging Face Hub."""
    from audio_emotion.export import share

    print(share.push(name, target, replace=replace, private=not public))


@app.command("pull", cls=Command, epilog=_EXAMPLES["pull"])
@command
def pull(
    source: Annotated[
        str,
        typer.Argument(
            help="A model folder, or hf://OWNER/NAME or hf://OWNER/NAME@REVISION (extra 'hub').",
            metavar="SOURCE",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the stored model. Default: the same as in the source.", metavar="NAME")
    ] = None,
    replace: Replace = False,
) -> None:
    """Get a model from a folder or the Hugging Face Hub, check it, and store it for `infer --model NAME`."""
    from audio_emotion.export import share

    pulled = share.pull(source, name, replace=replace)
    if pulled.left_out:
        more = f" and {len(pulled.left_out) - 1} more" if pulled.left_out[1:] else ""
        note(f"ignored, because it is not part of a model: {paths.display_path(Path(pulled.left_out[0]))}{more}")
    note(f"licence: {pulled.config.training.get('licence', 'unknown')}")
    print(f"Stored in {pulled.folder}; use it with: audio-emotion infer FILE --model {pulled.name}")
