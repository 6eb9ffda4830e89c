"""``audio-emotion listen``."""

from pathlib import Path
from typing import Annotated

import typer

from audio_emotion.cli._app import command, limited
from audio_emotion.cli._options import Device, Gate, Hop, MinConfidence, Model, Vad, Window
from audio_emotion.core.errors import UsageError
from audio_emotion.models.checkpoint import default_model

EXAMPLES = """
    audio-emotion listen
    audio-emotion listen --device-name usb --save session.jsonl --record session.wav
    audio-emotion listen --jsonl > predictions.jsonl
    audio-emotion listen --file talk.mp3 --realtime
"""


@command
def listen(
    ctx: typer.Context,
    device_name: Annotated[
        str | None,
        typer.Option(
            help="Microphone: its number, its name, or a part of the name.", metavar="NAME", rich_help_panel="Input"
        ),
    ] = None,
    list_devices: Annotated[
        bool, typer.Option("--list-devices", help="List the microphones and exit.", rich_help_panel="Input")
    ] = False,
    channel: Annotated[
        int | None,
        typer.Option(
            help="Use only this channel of the microphone, from 1. Default: the mix of all channels.",
            min=1,
            metavar="N",
            rich_help_panel="Input",
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            help="How long to wait for an unplugged device.",
            callback=limited(0),
            metavar="SECONDS",
            rich_help_panel="Input",
        ),
    ] = 30.0,
    file: Annotated[
        Path | None,
        typer.Option(help="Use a recording instead of a microphone.", metavar="FILE", rich_help_panel="Input"),
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Process --file at the speed of playback.", rich_help_panel="Input")
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option(
            help="Stop after this time.", callback=limited(0, above=True), metavar="SECONDS", rich_help_panel="Input"
        ),
    ] = None,
    model: Model = None,
    device: Device = "auto",
    window: Window = None,
    hop: Hop = 0.5,
    gate: Gate = True,
    vad: Vad = False,
    min_confidence: MinConfidence = 0.0,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print one JSON object per line, for programs.", rich_help_panel="Output")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Print lines instead of the live view.", rich_help_panel="Output")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Also write the predictions to this file, as JSON Lines.", metavar="FILE", rich_help_panel="Output"
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Record the sound to this WAV file.", metavar="FILE", rich_help_panel="Output")
    ] = None,
) -> None:
    """Predict emotion live from a microphone. Ctrl-C stops and prints a summary."""
    from audio_emotion.cli._checks import check_gates, given_options  # needs numpy, which `--help` must not import

    given = given_options(ctx)
    clashes = {
        "--realtime needs a recording; add --file": realtime and not file,
        "--record cannot be used with --file, which is a recording already; remove one of them": file and record,
        "--wait is for microphones and cannot be used with --file; remove one of them": file and "wait" in given,
        "--file cannot be used with --device-name; remove one of them": file and device_name,
        "--channel is for a microphone; leave it out, or --file": file and channel,
        "--jsonl cannot be used with --plain; remove one of them": jsonl and plain,
        "--save and --record are the same file; use two different names": record is not None and save == record,
    }
    for problem, clash in clashes.items():
        if clash:
            raise UsageError(problem)
    # needs numpy, which `--help` must not import
    from audio_emotion.cli import _listening
    from audio_emotion.inference.config import TimelineConfig
    from audio_emotion.inference.loading import load_model

    check_gates(gate, vad)
    if list_devices:
        _listening.list_devices()
        return
    form = "jsonl" if jsonl else "view" if not plain and _listening.can_be_redrawn() else "plain"
    config = TimelineConfig(window, hop, gate=gate, vad=vad, min_confidence=min_confidence)
    request = _listening.ListenRequest(config, form, save, record, duration)
    loaded = load_model(model or default_model(), device)
    if file is not None:
        _listening.listen_to_file(file, realtime, loaded, request)
    else:
        _listening.listen_to_device(device_name, wait, channel, loaded, request)
