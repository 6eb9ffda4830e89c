"""Options that several commands have."""

from typing import Annotated

import typer

from audio_emotion.cli import _completion
from audio_emotion.cli._app import limited
from audio_emotion.cli._completion import one_of

Model = Annotated[
    str | None,
    typer.Option(
        help="Name of a stored model, or a model folder.",
        show_default="the model of 'models default'",
        metavar="MODEL",
        rich_help_panel="Model",
        autocompletion=_completion.models,
    ),
]

Device = Annotated[
    str,
    typer.Option(
        help="Device for the model: auto, cpu, cuda or mps. auto uses an accelerator if there is one.",
        metavar="NAME",
        rich_help_panel="Model",
        autocompletion=one_of(*_completion.DEVICES),
    ),
]

Start = Annotated[
    float,
    typer.Option(help="Start at this time.", callback=limited(0), metavar="SECONDS", rich_help_panel="Input"),
]

End = Annotated[
    float | None,
    typer.Option(help="End at this time.", callback=limited(0, above=True), metavar="SECONDS", rich_help_panel="Input"),
]

Gate = Annotated[
    bool,
    typer.Option("--gate/--no-gate", help="Label silence, hum and noise 'no speech'.", rich_help_panel="Prediction"),
]

Vad = Annotated[
    bool,
    typer.Option("--vad", help="Also label music and babble 'no speech' (extra 'vad').", rich_help_panel="Prediction"),
]

MinConfidence = Annotated[
    float,
    typer.Option(
        help="Label predictions below this probability (0 to 1) 'unknown'.",
        callback=limited(0, 1),
        metavar="P",
        rich_help_panel="Prediction",
    ),
]

Window = Annotated[
    float | None,
    typer.Option(
        help="Window length, 0.1 to 600. Default: the model's own.",
        callback=limited(0.1, 600),
        metavar="SECONDS",
        rich_help_panel="Timeline",
    ),
]

Hop = Annotated[
    float,
    typer.Option(
        help="Time between the starts of two windows, at most the window length.",
        callback=limited(0.01, 600),
        metavar="SECONDS",
        rich_help_panel="Timeline",
    ),
]

AllowMissing = Annotated[
    bool,
    typer.Option(
        "--allow-missing", help="Run a published fold even if some of its actors are missing.", rich_help_panel="Data"
    ),
]

Strict = Annotated[
    bool, typer.Option("--strict", help="Stop if a recording cannot be decoded.", rich_help_panel="Data")
]
