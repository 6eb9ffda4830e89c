"""Options that several commands have."""

from typing import Annotated

import typer

from audio_emotion.cli import _completing
from audio_emotion.cli._completing import one_of

Model = Annotated[
    str | None,
    typer.Option(
        help="A stored model's name, or a model folder.",
        show_default="the one that 'models default' names",
        metavar="MODEL",
        rich_help_panel="Model",
        autocompletion=_completing.models,
    ),
]

Device = Annotated[
    str,
    typer.Option(
        help="auto, cpu, cuda or mps: where the model runs; auto takes the first accelerator found.",
        metavar="NAME",
        rich_help_panel="Model",
        autocompletion=one_of(*_completing.DEVICES),
    ),
]
