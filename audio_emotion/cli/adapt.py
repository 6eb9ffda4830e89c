"""``audio-emotion adapt``."""

from typing import Annotated

import typer

from audio_emotion.cli._app import SOME_FAILED, command
from audio_emotion.cli._completion import BACKENDS, one_of
from audio_emotion.cli._messages import note, say
from audio_emotion.cli._options import Device, Gate, Model, Vad
from audio_emotion.core.errors import UsageError
from audio_emotion.core.paths import display_path
from audio_emotion.models.checkpoint import default_model, new_folder

EXAMPLES = """
    audio-emotion adapt anna/*.wav --name anna
    audio-emotion adapt calls/ --recursive --name hotline
    audio-emotion adapt german/ --name german --model mine --shrinkage 30 --replace
"""


@command
def adapt(
    recordings: Annotated[
        list[str], typer.Argument(help="Recordings, folders or patterns; no labels.", metavar="RECORDING...")
    ],
    name: Annotated[str, typer.Option(help="Name of the adapted model.", metavar="NAME")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Also search subfolders.", rich_help_panel="Input")
    ] = False,
    model: Model = None,
    shrinkage: Annotated[
        float | None,
        typer.Option(
            help="Number of windows at which half of the shift is applied. A lower number adapts more.",
            show_default="the model's own",
            metavar="N",
            rich_help_panel="Model",
        ),
    ] = None,
    device: Device = "auto",
    backend: Annotated[
        str,
        typer.Option(
            help="Back end: auto, onnx, onnx-int8 or torch.",
            metavar="NAME",
            rich_help_panel="Model",
            autocompletion=one_of(*BACKENDS),
        ),
    ] = "auto",
    gate: Gate = True,
    vad: Vad = False,
    overwrite: Annotated[bool, typer.Option("--replace", help="Replace an existing model of that name.")] = False,
) -> None:
    """Adapt a model to one speaker, microphone or language, from recordings without labels."""
    from audio_emotion.audio.find import expand
    from audio_emotion.export.adapted import check_free, store
    from audio_emotion.inference.adaptation import adapted, recordings_of
    from audio_emotion.inference.loading import load_model

    if "-" in recordings:
        raise UsageError("standard input (-) cannot be adapted to; name files")
    base = model or default_model()
    check_free(new_folder(name), overwrite)
    failures: list[str] = []

    def report(error: Exception) -> None:
        failures.append(str(error))
        say(str(error))

    loaded = load_model(base, device, backend)  # type: ignore[arg-type]
    moved = adapted(loaded, recordings_of(loaded, expand(recordings, recursive), None, gate, vad), shrinkage, report)
    folder = store(moved, base, name, overwrite=overwrite)
    used = moved.config.adaptation
    note(
        f"adapted {base} to {used['recordings']} recordings ({used['windows']} windows with speech), stored as "
        f"{name!r} in {display_path(folder)}; use it with --model {name}"
    )
    if failures:
        raise typer.Exit(SOME_FAILED)
