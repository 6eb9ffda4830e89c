"""Options that several commands have."""

from typing import Annotated

import typer

from audio_emotion.cli import _completion
from audio_emotion.cli._app import limited
from audio_emotion.cli._completion import one_of

Model = Annotated[
    str | None,
    typer.Option(
        help="A stored model's name, or a model folder.",
        show_default="the one that 'models default' names",
        metavar="MODEL",
        rich_help_panel="Model",
        autocompletion=_completion.models,
    ),
]

Device = Annotated[
    str,
    typer.Option(
        help="auto, cpu, cuda or mps: where the model runs; auto takes the first accelerator found.",
        metavar="NAME",
        rich_help_panel="Model",
        autocompletion=one_of(*_completion.DEVICES),
    ),
]

Start = Annotated[
    float,
    typer.Option(help="Begin at this second.", callback=limited(0), metavar="SECONDS", rich_help_panel="Input"),
]

End = Annotated[
    float | None,
    typer.Option(
        help="End at this second.", callback=limited(0, above=True), metavar="SECONDS", rich_help_panel="Input"
    ),
]

Gate = Annotated[
    bool,
    typer.Option("--gate/--no-gate", help="Answer 'no speech' to silence, hum and noise.", rich_help_panel="Answer"),
]

Vad = Annotated[bool, typer.Option("--vad", help="Also to music and babble (extra 'vad').", rich_help_panel="Answer")]

MinConfidence = Annotated[
    float,
    typer.Option(
        help="Answer 'unknown' below this probability, 0 to 1.",
        callback=limited(0, 1),
        metavar="P",
        rich_help_panel="Answer",
    ),
]

Window = Annotated[
    float | None,
    typer.Option(
        help="Seconds behind each answer, 0.1 to 600; the model's own if not given.",
        callback=limited(0.1, 600),
        metavar="SECONDS",
        rich_help_panel="Timeline",
    ),
]

Hop = Annotated[
    float,
    typer.Option(
        help="Seconds from answer to answer, at most those of the window.",
        callback=limited(0.01, 600),
        metavar="SECONDS",
        rich_help_panel="Timeline",
    ),
]

AllowMissing = Annotated[
    bool, typer.Option(help="Run a named fold though some of its actors are missing.", rich_help_panel="Data")
]

Strict = Annotated[bool, typer.Option(help="End where a recording cannot be decoded.", rich_help_panel="Data")]
