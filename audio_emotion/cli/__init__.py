"""The command line: the only part of the package that prints and exits."""

from typing import Annotated

import typer

from audio_emotion.cli import augment, data, models, tune
from audio_emotion.cli._app import Command, Group
from audio_emotion.cli.adapt import EXAMPLES as ADAPT
from audio_emotion.cli.adapt import adapt
from audio_emotion.cli.doctor import EXAMPLES as DOCTOR
from audio_emotion.cli.doctor import doctor
from audio_emotion.cli.evaluate import EXAMPLES as EVALUATE
from audio_emotion.cli.evaluate import evaluate
from audio_emotion.cli.explain import EXAMPLES as EXPLAIN
from audio_emotion.cli.explain import explain
from audio_emotion.cli.export import EXAMPLES as EXPORT
from audio_emotion.cli.export import export
from audio_emotion.cli.infer import EXAMPLES as INFER
from audio_emotion.cli.infer import infer
from audio_emotion.cli.listen import EXAMPLES as LISTEN
from audio_emotion.cli.listen import listen
from audio_emotion.cli.serve import EXAMPLES as SERVE
from audio_emotion.cli.serve import serve
from audio_emotion.cli.train import train

TRAIN = """
    audio-emotion train
    audio-emotion train --data recordings/ --name mine
    audio-emotion train --data ravdess=speech/ --data savee=savee/ --labels seven --name both
    audio-emotion train --folds emobox --seeds 3 --name study --html study.html
"""

EXAMPLES = """
    audio-emotion infer speech.wav
    audio-emotion infer meeting.m4a --timeline --merge --format srt > meeting.srt
    audio-emotion train --data recordings/ --name mine
    audio-emotion doctor
"""

app = typer.Typer(
    help="Recognize emotion in speech.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=Group,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=Command, epilog=INFER)(infer)
app.command(cls=Command, epilog=EXPLAIN)(explain)
app.command(cls=Command, epilog=LISTEN)(listen)
app.command(cls=Command, epilog=TRAIN)(train)
app.command(cls=Command, epilog=ADAPT)(adapt)
app.command(cls=Command, epilog=EVALUATE)(evaluate)
app.command(cls=Command, epilog=SERVE)(serve)
app.command(cls=Command, epilog=EXPORT)(export)
app.command(cls=Command, epilog=DOCTOR)(doctor)
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
app.add_typer(augment.app, name="augment")
app.add_typer(tune.app, name="tune")


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and the versions of the main dependencies.", is_eager=True),
    ] = False,
) -> None:
    """Recognize emotion in speech."""
    if version:
        _print_versions()
        raise typer.Exit


def _print_versions() -> None:
    """Print the versions of what is installed, without importing it."""
    from importlib.metadata import PackageNotFoundError, version
    from platform import python_version

    from audio_emotion.core.version import __version__

    def name_and_version(name: str) -> str:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return f"no {name}"

    print(f"audio-emotion {__version__}")
    print(
        ", ".join([f"Python {python_version()}", *map(name_and_version, ("onnxruntime", "torch", "soundfile", "av"))])
    )


def main() -> None:
    """Run the command line."""
    app(prog_name="audio-emotion")
