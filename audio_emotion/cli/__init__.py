"""The command line. Only this package and ``web`` print and exit."""

from typing import Annotated

import typer

from audio_emotion.cli import data, models
from audio_emotion.cli.evaluate import evaluate
from audio_emotion.cli.infer import infer
from audio_emotion.cli.serve import serve
from audio_emotion.cli.train import train

app = typer.Typer(
    help="Hear emotion in speech.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(infer)
app.command()(train)
app.command()(evaluate)
app.command()(serve)
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Hear emotion in speech."""
    if version:
        from audio_emotion import __version__

        print(f"audio-emotion {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    app(prog_name="audio-emotion")
