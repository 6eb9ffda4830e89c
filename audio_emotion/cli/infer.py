"""``audio-emotion infer``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from audio_emotion.audio.find import FileList
from audio_emotion.cli._app import command, limited
from audio_emotion.cli._completion import BACKENDS, FORMATS, one_of
from audio_emotion.cli._options import Device, End, Gate, Hop, MinConfidence, Model, Start, Vad, Window
from audio_emotion.core.errors import UsageError
from audio_emotion.core.paths import display_path, is_address
from audio_emotion.models.checkpoint import default_model

EXAMPLES = """
    audio-emotion infer speech.wav
    audio-emotion infer a.wav film.mp4 recordings/ --recursive --json
    audio-emotion infer meeting.m4a --timeline --merge --format srt > meeting.srt
    audio-emotion infer call.wav --segments call.json --report call.html
    audio-emotion infer archive/ -r --output-dir out -f json -f csv --jobs 2
    audio-emotion infer s3://bucket/calls -r --engine ray --output-dir s3://bucket/emotions
"""


@command
def infer(
    ctx: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Recordings, videos, folders or patterns. - reads standard input.", metavar="FILE..."),
    ] = None,
    files_from: Annotated[
        Path | None,
        typer.Option(
            help="Read file names from this file, one per line (# starts a comment). - reads standard input.",
            metavar="FILE",
            rich_help_panel="Input",
        ),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Also search subfolders.", rich_help_panel="Input")
    ] = False,
    stream: Annotated[
        int | None,
        typer.Option(
            help="Audio stream of a video, from 1. Default: the stream marked as default.",
            min=1,
            metavar="N",
            rich_help_panel="Input",
        ),
    ] = None,
    channels: Annotated[
        str,
        typer.Option(
            help="Channels to use: mix, each (one prediction per channel), or a number from 1.",
            metavar="CHANNELS",
            rich_help_panel="Input",
            autocompletion=one_of("mix", "each", "1", "2"),
        ),
    ] = "mix",
    start: Start = 0.0,
    end: End = None,
    segments: Annotated[
        Path | None,
        typer.Option(
            help="Predict the segments in this transcript or label file (JSON, SRT, VTT, RTTM, CSV ...), "
            "or in a folder that holds one for each recording, of the same name.",
            metavar="PATH",
            rich_help_panel="Input",
        ),
    ] = None,
    speakers: Annotated[
        str | None,
        typer.Option(
            help="Find out who speaks when, and predict each turn: the number of speakers, or auto to estimate it.",
            metavar="N",
            rich_help_panel="Input",
            autocompletion=one_of("auto", "2", "3", "4"),
        ),
    ] = None,
    model: Model = None,
    adapt: Annotated[
        str | None,
        typer.Option(
            help="Adapt the model, without labels: to all recordings (all), each folder (folder), or each speaker of "
            "--segments or channel of --channels each (speaker).",
            metavar="GROUP",
            rich_help_panel="Model",
            autocompletion=one_of("all", "folder", "speaker"),
        ),
    ] = None,
    device: Device = "auto",
    backend: Annotated[
        str,
        typer.Option(
            help="Back end: auto, onnx, onnx-int8 or torch. On a CPU, auto uses the first that the model has of "
            "onnx-int8, "
            "onnx and torch.",
            metavar="NAME",
            rich_help_panel="Model",
            autocompletion=one_of(*BACKENDS),
        ),
    ] = "auto",
    gate: Gate = True,
    vad: Vad = False,
    min_confidence: MinConfidence = 0.0,
    along_time: Annotated[
        bool, typer.Option("--timeline", help="Predict over time.", rich_help_panel="Timeline")
    ] = False,
    window: Window = None,
    hop: Hop = 1.0,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge adjacent segments with the same label.", rich_help_panel="Timeline")
    ] = False,
    min_duration: Annotated[
        float,
        typer.Option(
            help="Drop shorter segments. Implies --merge if above 0.",
            callback=limited(0),
            metavar="SECONDS",
            rich_help_panel="Timeline",
        ),
    ] = 0.0,
    smooth: Annotated[
        str | None,
        typer.Option(
            help="Smooth the timeline: median or viterbi.",
            metavar="METHOD",
            rich_help_panel="Timeline",
            autocompletion=one_of("median", "viterbi"),
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            help="Output format: text, json, jsonl, csv, srt, vtt, rttm, audacity, audformat, textgrid, eaf or "
            "label-studio. Repeat it for several formats with --output-dir.",
            metavar="FORMAT",
            rich_help_panel="Output",
            autocompletion=one_of(*FORMATS),
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Same as --format json.", rich_help_panel="Output")] = False,
    top_k: Annotated[
        int | None,
        typer.Option(
            help="Only show the N largest probabilities (text format only).",
            min=1,
            metavar="N",
            rich_help_panel="Output",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Plot waveform and emotions over time to a .png or .svg file.",
            metavar="FILE",
            rich_help_panel="Output",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write a page with a timeline and a transcript (.html).",
            metavar="FILE",
            rich_help_panel="Output",
        ),
    ] = None,
    embed_audio: Annotated[
        bool,
        typer.Option("--embed-audio", help="Put the recording into the report.", rich_help_panel="Output"),
    ] = False,
    output_dir: Annotated[
        str | None,
        typer.Option(
            help="Write the results to this folder. Continues an interrupted run.",
            metavar="DIR",
            rich_help_panel="Batch",
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            help="local, or ray: run on a cluster and write Parquet (extra 'ray').",
            metavar="NAME",
            rich_help_panel="Batch",
        ),
    ] = "local",
    partition: Annotated[
        int,
        typer.Option(help="Recordings per partition with --engine ray.", min=1, metavar="N", rich_help_panel="Batch"),
    ] = 256,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Number of decode workers.", min=1, metavar="N", rich_help_panel="Batch"),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard previous results.", rich_help_panel="Batch")
    ] = False,
    max_duration: Annotated[
        float,
        typer.Option(
            help="Skip recordings longer than this.",
            callback=limited(0, above=True),
            metavar="HOURS",
            rich_help_panel="Batch",
        ),
    ] = 24.0,
    max_size: Annotated[
        float,
        typer.Option(
            help="Skip files larger than this.", callback=limited(0, above=True), metavar="GIB", rich_help_panel="Batch"
        ),
    ] = 4.0,
    decode_timeout: Annotated[
        float,
        typer.Option(
            help="Decoding timeout per hour of audio.",
            callback=limited(0, above=True),
            metavar="SECONDS",
            rich_help_panel="Batch",
        ),
    ] = 120.0,
) -> None:
    """Predict the emotion of each recording, with a probability for every emotion."""
    from audio_emotion.cli._checks import (
        channels_of,
        check_cluster,
        check_fit,
        check_partners,
        check_speakers,
        grouping_of,
        writers_of,
    )
    from audio_emotion.cli._pictures import Pictures
    from audio_emotion.cli._request import STDIN, Request, listed
    from audio_emotion.inference.config import TimelineConfig, grid
    from audio_emotion.inference.loading import load_model

    check_partners(ctx)
    config = TimelineConfig(window, hop, merge, min_duration, smooth, min_confidence, gate, vad)  # type: ignore[arg-type]
    named = list(files or [])
    if STDIN in named and str(files_from) == STDIN:
        raise UsageError("standard input (-) is given twice, but can only be read once")
    named += listed(files_from) if files_from else []
    grouping = None if adapt is None else grouping_of(adapt)
    request = Request(config, along_time, None, start, end, channels_of(channels), stream, grouping)
    writers = writers_of(formats, as_json, output_dir is not None, request)
    allowed = (3600 * max_duration, max(1, round(max_size * 2**30)), decode_timeout)
    if engine != "local":
        from audio_emotion.batch.workers import Limits
        from audio_emotion.cli._infer_batch import ModelChoice, to_cluster

        _check_named(named)
        check_cluster(ctx, engine, named, request, output_dir)
        choice = ModelChoice(model or default_model(), device, backend)
        into = output_dir or ""
        to_cluster(named, recursive, into, choice, request, jobs, Limits(*allowed), partition, restart)
        return
    recordings = _recordings(named, recursive)
    if segments:
        from audio_emotion.cli._segments import given_segments

        request = replace(request, segments=given_segments(segments, recordings))
    if speakers is not None:
        from audio_emotion.cli._speakers import DiarizedSegments, number_of

        check_speakers(recordings, request, start > 0 or end is not None)
        found = DiarizedSegments(
            recordings,
            number_of(speakers),
            request.part(request.channels if isinstance(request.channels, int) else None),
        )
        request = replace(request, segments=found)
    pictures = Pictures(plot, report, embed_audio)
    check_fit(recordings, request, writers, pictures, output_dir is not None, top_k)
    loaded = load_model(model or default_model(), device, backend)  # type: ignore[arg-type]
    if request.adapt is not None:
        from audio_emotion.inference.adaptation import check_adaptable

        check_adaptable(loaded)
    if along_time:  # raises UsageError for a hop longer than the window
        grid(loaded.config.sampling_rate, loaded.config.window_samples, config)
    if output_dir is not None:
        from audio_emotion.batch.workers import Limits
        from audio_emotion.cli._infer_batch import to_folder

        to_folder(recordings, Path(output_dir), loaded, request, list(writers), jobs, Limits(*allowed), restart)
        return
    from audio_emotion.cli._infer_stdout import StdoutOptions, to_stdout

    many = files_from is not None or channels == "each" or not recordings.is_single()
    ((name, writer),) = writers.items()
    to_stdout(recordings, loaded, request, StdoutOptions(name, writer, many, top_k, pictures))


def _check_named(named: Sequence[str]) -> None:
    if not named:
        raise UsageError("no recording given; expected files, folders, patterns, - or --files-from FILE")
    if named.count("-") > 1:
        raise UsageError("standard input (-) is given twice, but can only be read once")


def _recordings(named: Sequence[str], recursive: bool) -> FileList:
    """Return the recordings, with folders and patterns expanded, which are looked at later, name by name."""
    _check_named(named)
    if addresses := [name for name in named if is_address(name)]:
        raise UsageError(f"{display_path(addresses[0])} is in an object store; add --engine ray --output-dir DIR")
    return FileList(named, recursive)
