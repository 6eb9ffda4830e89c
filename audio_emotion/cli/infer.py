"""``audio-emotion infer``."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audio_emotion import audio, report
from audio_emotion.audio import Part
from audio_emotion.cli._app import NOTHING_DONE, SOME_FAILED, command, progress_bars, say
from audio_emotion.errors import AudioError, UsageError
from audio_emotion.inputs import expand, read_list
from audio_emotion.paths import shown
from audio_emotion.prediction import Model, load_model, sure_enough
from audio_emotion.records import Prediction
from audio_emotion.report import Answer, Source, Writer
from audio_emotion.streaming import TimelineConfig, overall, score_segments, timeline

if TYPE_CHECKING:
    from audio_emotion.batch import Progress
    from audio_emotion.segments import Segment

STDIN = "-"
_TELL_CHANNELS = ("text", "json", "jsonl", "rttm")

Channels = int | Literal["mix", "each"]


@dataclass(frozen=True)
class Request:
    """What is asked of each recording.

    Attributes:
        timeline: how windows are cut and answered.
        along_time: whether an answer along the time is wanted, or one for the whole.
        segments: stretches to answer instead; None: none are given.
        start: seconds.
        end: seconds; None: to the end.
        channels: which are heard.
        stream: which audio stream of a container.
    """

    timeline: TimelineConfig
    along_time: bool
    segments: "tuple[Segment, ...] | None"
    start: float
    end: float | None
    channels: Channels
    stream: int

    def part(self, channel: int | None) -> Part:
        """Return the part of a recording that is heard."""
        return Part(self.start, self.end, channel, self.stream)


@command
def infer(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings, videos, folders or patterns; - is standard input.", metavar="FILE..."),
    ] = None,
    files_from: Annotated[
        Path | None, typer.Option(help="A file that names recordings, one a line.", rich_help_panel="Input")
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Search folders below folders.", rich_help_panel="Input")
    ] = False,
    stream: Annotated[
        int, typer.Option(help="Which audio stream of a video, from 1.", min=1, rich_help_panel="Input")
    ] = 1,
    channels: Annotated[
        str, typer.Option(help="mix, each (one answer a channel), or a number from 1.", rich_help_panel="Input")
    ] = "mix",
    start: Annotated[float, typer.Option(help="Begin at this second.", min=0.0, rich_help_panel="Input")] = 0.0,
    end: Annotated[float | None, typer.Option(help="End at this second.", rich_help_panel="Input")] = None,
    model: Annotated[
        str, typer.Option(help="A stored model's name, or a model folder.", rich_help_panel="Model")
    ] = "default",
    device: Annotated[
        str,
        typer.Option(help="auto, cpu, cuda or mps; auto takes the first accelerator found.", rich_help_panel="Model"),
    ] = "auto",
    backend: Annotated[
        str, typer.Option(help="auto (ONNX Runtime on the CPU, else torch), onnx or torch.", rich_help_panel="Model")
    ] = "auto",
    along_time: Annotated[
        bool, typer.Option("--timeline", help="Answer along the time of a recording.", rich_help_panel="Timeline")
    ] = False,
    window: Annotated[
        float | None,
        typer.Option(help="Seconds behind each answer; the model's own if not given.", rich_help_panel="Timeline"),
    ] = None,
    hop: Annotated[float, typer.Option(help="Seconds from answer to answer.", rich_help_panel="Timeline")] = 1.0,
    merge: Annotated[
        bool, typer.Option("--merge", help="Join neighbours of one label.", rich_help_panel="Timeline")
    ] = False,
    min_duration: Annotated[
        float, typer.Option(help="Leave out segments shorter than these seconds.", rich_help_panel="Timeline")
    ] = 0.0,
    smooth: Annotated[str | None, typer.Option(help="median or viterbi.", rich_help_panel="Timeline")] = None,
    segments: Annotated[
        Path | None,
        typer.Option(help="Answer the segments in this RTTM, SRT or CSV file.", rich_help_panel="Timeline"),
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Answer `no speech` to silence, hum and noise.")
    ] = True,
    vad: Annotated[bool, typer.Option("--vad", help="Also to music and babble (extra `vad`).")] = False,
    min_confidence: Annotated[float, typer.Option(help="Answer `unknown` below this probability, 0 to 1.")] = 0.0,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            help="text, json, jsonl, csv, srt, vtt, rttm, audacity or audformat; several with --output-dir.",
            rich_help_panel="Output",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The same as --format json.", rich_help_panel="Output")
    ] = False,
    top_k: Annotated[
        int | None, typer.Option(help="List so many probabilities, the largest first.", min=1, rich_help_panel="Output")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw waveform, spectrogram and timeline as .png or .svg.", rich_help_panel="Output"),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(help="Write answers here, and go on where an earlier run stopped.", rich_help_panel="Batch"),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Decode workers.", min=1, rich_help_panel="Batch")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget what an earlier run has done.", rich_help_panel="Batch")
    ] = False,
    max_duration: Annotated[
        float, typer.Option(help="Give up recordings longer than these hours.", rich_help_panel="Batch")
    ] = 24.0,
    max_size: Annotated[
        float, typer.Option(help="Give up files larger than these GiB.", rich_help_panel="Batch")
    ] = 4.0,
    decode_timeout: Annotated[
        float,
        typer.Option(help="Give up a decoder after these seconds for an hour of sound.", rich_help_panel="Batch"),
    ] = 120.0,
) -> None:
    """Say which emotion each recording holds, with a probability for each."""
    named = [*(files or []), *(read_list(files_from) if files_from else [])]
    if not named:
        raise UsageError("no recording is named; expected files, folders, patterns, - or --files-from LIST")
    config = TimelineConfig(window, hop, merge, min_duration, smooth, min_confidence, gate, vad)  # type: ignore[arg-type]
    given = _segments(segments) if segments else None
    request = Request(config, along_time, given, start, end, _channels(channels), stream)
    kinds = _formats(formats, as_json, output_dir is not None, request)
    recordings = expand(named, recursive)
    many = files_from is not None or recordings != named or len(recordings) > 1 or request.channels == "each"
    loaded = load_model(model, device, backend)  # type: ignore[arg-type]
    if output_dir is not None:
        from audio_emotion.workers import Limits

        _check_for_folder(request, plot, top_k)
        limits = Limits(3600 * max_duration, round(max_size * 2**30), decode_timeout)
        _to_folder(recordings, output_dir, loaded, request, kinds, jobs, limits, restart)
        return
    if plot and len(recordings) > 1:
        raise UsageError(f"--plot draws one recording, and {len(recordings)} are named")
    writer = report.writer(kinds[0], loaded.config.labels, many=many, top_k=top_k)
    if kinds[0] == "text":
        print(f"Using device: {loaded.runtime.device}\n")
    _to_stdout(recordings, loaded, request, writer, plot)


def _channels(text: str) -> Channels:
    if text in ("mix", "each"):
        return text  # type: ignore[return-value]
    if text.isdecimal() and int(text):
        return int(text)
    raise UsageError(f"the channels are {text!r}, expected mix, each, or a number from 1")


def _segments(path: Path) -> "tuple[Segment, ...]":
    from audio_emotion import segments

    return tuple(segments.read(path))


def _formats(formats: list[str] | None, as_json: bool, several: bool, request: Request) -> tuple[str, ...]:
    """Return the formats asked for, checked against each other."""
    chosen = tuple(dict.fromkeys([*(formats or []), *(["json"] if as_json else [])])) or (
        "json" if several else "text",
    )
    for name in chosen:
        report.writer(name, ())
    if len(chosen) > 1 and not several:
        raise UsageError(f"formats {', '.join(chosen)} cannot all go to standard output; add --output-dir DIR")
    mute = [name for name in chosen if name not in _TELL_CHANNELS]
    if request.channels == "each" and mute:
        raise UsageError(f"the format {mute[0]} does not tell channels apart; use {', '.join(_TELL_CHANNELS)}")
    return chosen


# --- one after the other, to standard output --------------------------------------------------------------------------


def _to_stdout(recordings: Sequence[Path], model: Model, request: Request, writer: Writer, plot: Path | None) -> None:
    done = failed = 0
    print(writer.head(), end="")
    for recording in recordings:
        try:
            for answer in _answers(recording, model, request, writer):
                done += 1
                if plot:
                    _draw(recording, request, answer, model, plot)
        except AudioError as error:
            failed += 1
            say(str(error))
    print(writer.tail() if done or writer.many else "", end="")
    if failed:
        raise typer.Exit(SOME_FAILED if done else NOTHING_DONE)


def _answers(recording: Path, model: Model, request: Request, writer: Writer) -> Iterator[Answer]:
    """Answer one recording, channel by channel, writing as it is heard."""
    is_stdin = str(recording) == STDIN
    source = sys.stdin.buffer.read() if is_stdin else recording
    name = "standard input" if is_stdin else None
    for channel in audio.channel_numbers(source, request.channels, request.stream, name=name):
        part = request.part(channel)
        told = Source(str(recording), model.config.name, model.runtime.device)
        if request.along_time or request.segments is not None:
            yield _along_time(_heard(model, source, request, part, name), told, model, channel, writer)
            continue
        settings = request.timeline
        said = model.predict(source, part=part, gate=settings.gate, vad=settings.vad, name=name)
        answer = Answer(told.file, told.model, told.device, sure_enough(said, settings.min_confidence))
        seconds = said.end - said.start
        if seconds < model.config.window_samples / model.config.sampling_rate:
            say(f"note: {name or shown(recording)} lasts {seconds:.1f} s, less than the model's window")
        print(writer.answer(answer), end="", flush=True)
        yield answer
    rate = audio.probe(source, request.stream, name=name).sampling_rate
    if rate < model.config.sampling_rate:
        say(
            f"note: {name or shown(recording)} has {rate} Hz, below the model's {model.config.sampling_rate} Hz: "
            "it lacks what the model heard in training"
        )


def _heard(model: Model, source: bytes | Path, request: Request, part: Part, name: str | None) -> Iterator[Prediction]:
    """Yield what is said of each window, or of each segment that was given."""
    settings = request.timeline
    if request.segments is None:
        yield from timeline(model, source, config=settings, part=part, name=name)
        return
    scored = score_segments(model, source, request.segments, part=part, gate=settings.gate, vad=settings.vad, name=name)
    for _, said in scored:
        yield sure_enough(said, settings.min_confidence)


def _along_time(heard: Iterator[Prediction], told: Source, model: Model, channel: int | None, writer: Writer) -> Answer:
    """Write segments as they come, then what closes them."""
    said = []
    print(writer.begin(told), end="")
    for segment in heard:
        print(writer.segment(told, segment), end="", flush=True)
        said.append(segment)
    answer = Answer(told.file, told.model, told.device, overall(said, model.config, channel), tuple(said))
    print(writer.end(answer), end="", flush=True)
    return answer


def _draw(recording: Path, request: Request, answer: Answer, model: Model, target: Path) -> None:
    from audio_emotion.plot_timeline import draw_timeline, save

    if str(recording) == STDIN:
        raise UsageError("--plot needs a file; standard input is read once")
    waveform = audio.load(recording, model.config.sampling_rate, request.part(answer.prediction.channel))
    save(draw_timeline(waveform, answer), target)
    say(f"plot written to {target}")


# --- many, into a folder ----------------------------------------------------------------------------------------------


def _check_for_folder(request: Request, plot: Path | None, top_k: int | None) -> None:
    unfit = {
        "--channels each": request.channels == "each",
        "--segments": request.segments is not None,
        "--plot": plot is not None,
        "--top-k": top_k is not None,
    }
    for option, asked in unfit.items():
        if asked:
            raise UsageError(f"{option} does not go with --output-dir; leave one of them out")


def _to_folder(
    recordings: Sequence[Path],
    output_dir: Path,
    model: Model,
    request: Request,
    formats: Sequence[str],
    jobs: int | None,
    limits: object,
    restart: bool,
) -> None:
    from audio_emotion import batch

    channel = request.channels if isinstance(request.channels, int) else None
    task = batch.task_of(request.timeline, request.part(channel), along_time=request.along_time)
    with progress_bars() as bars:
        result = batch.run(
            [str(recording) for recording in recordings],
            output_dir,
            model,
            formats=formats,
            task=task,
            jobs=jobs,
            limits=limits,  # type: ignore[arg-type]
            restart=restart,
            progress=_told(bars),
            on_failure=lambda failed: say(failed.reason),
        )
    say(
        f"{result.done} answered, {result.skipped} answered before, {len(result.failed)} failed; "
        f"answers are in {shown(output_dir)}"
    )
    if result.failed:
        raise typer.Exit(SOME_FAILED if result.done + result.skipped else NOTHING_DONE)


def _told(bars: Callable[[str, int, int, str], None]) -> "Callable[[Progress], None]":
    """Return what shows how far a batch is, and how fast."""
    began = time.monotonic()

    def show(progress: "Progress") -> None:
        seconds = max(time.monotonic() - began, 1e-3)
        n_files = progress.done + progress.failed
        speed = f"{n_files / seconds:.1f} files/s, {progress.sound_s / seconds:.0f} × real time"
        bars("files", progress.skipped + n_files, progress.total, f"{speed}, {progress.failed} failed")

    return show
