"""``audio-emotion listen``."""

from pathlib import Path
from typing import Annotated

import typer

from audio_emotion.cli._app import command, is_given, limited
from audio_emotion.cli._options import Device, Gate, Hop, MinConfidence, Model, Vad, Window
from audio_emotion.core.errors import UsageError
from audio_emotion.models.checkpoint import default_model

EXAMPLES = """
    audio-emotion listen
    audio-emotion listen --device-name usb --save session.jsonl --record session.wav
    audio-emotion listen --jsonl > answers.jsonl
    audio-emotion listen --file talk.mp3 --realtime
"""


@command
def listen(
    ctx: typer.Context,
    device_name: Annotated[
        str | None,
        typer.Option(
            help="The microphone: its number, its name, or part of that.", metavar="NAME", rich_help_panel="Input"
        ),
    ] = None,
    list_devices: Annotated[
        bool, typer.Option("--list-devices", help="List the microphones, and end.", rich_help_panel="Input")
    ] = False,
    channel: Annotated[
        int | None,
        typer.Option(
            help="Use only this channel of the microphone, from 1; by default the mix of all.",
            min=1,
            metavar="N",
            rich_help_panel="Input",
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            help="Wait so long for a device that is unplugged.",
            callback=limited(0),
            metavar="SECONDS",
            rich_help_panel="Input",
        ),
    ] = 30.0,
    file: Annotated[
        Path | None, typer.Option(help="Listen to a recording instead.", metavar="FILE", rich_help_panel="Input")
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play it as if it were spoken now.", rich_help_panel="Input")
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option(
            help="End after so long.", callback=limited(0, above=True), metavar="SECONDS", rich_help_panel="Input"
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
        bool, typer.Option("--jsonl", help="A JSON object a line, for programs.", rich_help_panel="Output")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of the view, in a terminal too.", rich_help_panel="Output")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(help="Write the answers here as well, as JSON lines.", metavar="FILE", rich_help_panel="Output"),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Record the sound here, as WAV.", metavar="FILE", rich_help_panel="Output")
    ] = None,
) -> None:
    """Say which emotion is heard, while it is spoken; Ctrl-C ends it with a summary."""
    clashes = {
        "--realtime is how a file is played; name one with --file": realtime and not file,
        "--record is for a microphone; with --file there is a recording already": file and record,
        "--wait is for a microphone; leave it out, or --file": file and is_given(ctx, "wait"),
        "--file and --device-name are two things to listen to; leave one of them out": file and device_name,
        "--channel is for a microphone; leave it out, or --file": file and channel,
        "--jsonl and --plain are two forms of output; leave one of them out": jsonl and plain,
        "--save and --record name one file; name two": record is not None and save == record,
    }
    for problem, clash in clashes.items():
        if clash:
            raise UsageError(problem)
    # from here on, numpy is needed, whose import `--help` need not wait for
    from audio_emotion.cli import _listening
    from audio_emotion.cli._checks import check_gates
    from audio_emotion.inference.config import TimelineConfig
    from audio_emotion.inference.model import load_model

    check_gates(gate, vad)
    if list_devices:
        _listening.list_devices()
        return
    form = "jsonl" if jsonl else "view" if not plain and _listening.can_be_redrawn() else "plain"
    config = TimelineConfig(window, hop, gate=gate, vad=vad, min_confidence=min_confidence)
    request = _listening.Request(config, form, save, record, duration)
    loaded = load_model(model or default_model(), device)
    if file is not None:
        _listening.listen_to_file(file, realtime, loaded, request)
    else:
        _listening.listen_to_device(device_name, wait, channel, loaded, request)
