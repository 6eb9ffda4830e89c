"""``audio-emotion models``."""

import typer

from audio_emotion import checkpoint
from audio_emotion.cli._app import command, say
from audio_emotion.errors import ModelError

app = typer.Typer(help="Look at the models at hand.", no_args_is_help=True)


@app.callback()
def models() -> None:
    """Look at the models at hand."""


@app.command("list")
@command
def list_models() -> None:
    """List the bundled model and those that you trained, with their test figures."""
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
