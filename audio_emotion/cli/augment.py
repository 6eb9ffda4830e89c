"""``audio-emotion augment``."""

from pathlib import Path
from typing import Annotated

import typer

from audio_emotion.cli._app import Command, Section, command

_OVERVIEW = """
    audio-emotion augment preview speech.wav out/
"""

app = typer.Typer(help="Preview augmentation.", no_args_is_help=True, cls=Section, epilog=_OVERVIEW)

EXAMPLES = """
    audio-emotion augment preview speech.wav out/
    audio-emotion augment preview speech.wav out/ --only noise --only speed --seed 3
"""


@app.callback()
def augment() -> None:
    """Preview augmentation."""


@app.command(cls=Command, epilog=EXAMPLES)
@command
def preview(
    file: Annotated[Path, typer.Argument(help="A recording.", metavar="FILE")],
    out: Annotated[Path, typer.Argument(help="Folder to write to.", metavar="OUT_DIR")],
    seed: Annotated[
        int, typer.Option(help="Seed of the random parameters.", metavar="N", min=0, rich_help_panel="Transforms")
    ] = 0,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of a transform, such as noise. Repeat it for several. Default: all.",
            metavar="NAME",
            rich_help_panel="Transforms",
        ),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            help="Folder of recordings for the transform 'background'.", metavar="DIR", rich_help_panel="Transforms"
        ),
    ] = None,
    rate: Annotated[
        int, typer.Option(help="Sampling rate.", metavar="HZ", min=8_000, max=48_000, rich_help_panel="Output")
    ] = 16_000,
) -> None:
    """Write a recording unchanged and after each transform, and print the random parameters."""
    from audio_emotion.augment.preview import preview as run

    for path, parameters in run(file, out, rate, seed, only or (), background):
        print(f"{path}\t{parameters}")
