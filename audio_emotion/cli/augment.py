"""``audio-emotion augment``."""

from pathlib import Path
from typing import Annotated

import typer

from audio_emotion.cli._app import Command, Section, command

_OVERVIEW = """
    audio-emotion augment preview speech.wav out/
"""

app = typer.Typer(
    help="Hear what augmentation makes of a recording.", no_args_is_help=True, cls=Section, epilog=_OVERVIEW
)

EXAMPLES = """
    audio-emotion augment preview speech.wav out/
    audio-emotion augment preview speech.wav out/ --only noise --only speed --seed 3
"""


@app.callback()
def augment() -> None:
    """Hear what augmentation makes of a recording."""


@app.command(cls=Command, epilog=EXAMPLES)
@command
def preview(
    file: Annotated[Path, typer.Argument(help="A recording.", metavar="FILE")],
    out: Annotated[Path, typer.Argument(help="Folder to write to.", metavar="OUT_DIR")],
    seed: Annotated[int, typer.Option(help="Of every draw.", min=0, rich_help_panel="Transforms")] = 0,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="A transform's name, as noise; several times. Without it: all.", rich_help_panel="Transforms"
        ),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            help="Folder of recordings for the transform of that name.", metavar="DIR", rich_help_panel="Transforms"
        ),
    ] = None,
    rate: Annotated[
        int, typer.Option(help="Sampling rate in Hz.", min=8_000, max=48_000, rich_help_panel="Output")
    ] = 16_000,
) -> None:
    """Write a recording as it is and as each transform changes it, and say what was drawn."""
    from audio_emotion.augment.preview import preview as run

    for path, parameters in run(file, out, rate, seed, only or (), background):
        print(f"{path}\t{parameters}")
