"""``audio-emotion models``."""

from typing import Annotated

import typer

from audio_emotion import checkpoint
from audio_emotion.cli._app import Command, command, say
from audio_emotion.errors import ModelError

app = typer.Typer(help="Look at the models at hand.", no_args_is_help=True)


@app.callback()
def look() -> None:
    """Look at the models at hand."""


@app.command("list", cls=Command, epilog="audio-emotion models list\naudio-emotion models list --architectures")
@command
def list_models(
    architectures: Annotated[
        bool, typer.Option("--architectures", help="List what can be trained, with what each reached on RAVDESS.")
    ] = False,
) -> None:
    """List the bundled model and those that you trained, with their test figures."""
    if architectures:
        _list_architectures()
        return
    for name in checkpoint.stored():
        folder = checkpoint.find(name)
        try:
            config = checkpoint.read_config(folder)
        except ModelError as error:
            say(str(error))
            continue
        figures = config.figures
        told = f"UAR {100 * figures['UAR']:.1f} % ({figures['protocol']})" if "UAR" in figures else "no test side"
        print(f"{name}\t{config.architecture}\t{told}\t{folder}")


def _list_architectures() -> None:
    from audio_emotion import models

    for name in models.architectures():
        known = models.entry(name)
        size = f"{known.n_parameters:,} parameters" if known.n_parameters else "as large as its checkpoint"
        print(f"{name}\t{size}\t{known.reads}\t{known.source}\t{models.measured(name) or 'not measured yet'}")
