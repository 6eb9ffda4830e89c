"""``audio-emotion listen``."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from audio_emotion import live, report
from audio_emotion.cli._app import NOTHING_DONE, SOME_FAILED, command, say
from audio_emotion.errors import AudioEmotionError, UsageError
from audio_emotion.live import Heard, LineFile, Session, Summary, Waiting, WavFile
from audio_emotion.paths import shown
from audio_emotion.prediction import Model, load_model
from audio_emotion.streaming import Stream, TimelineConfig


@dataclass(frozen=True)
class Request:
    """What is asked of a session.

    Attributes:
        timeline: how windows are cut and answered.
        form: of the output: ``view``, ``plain`` or ``jsonl``.
        save: where answers are written as well; None: nowhere.
        record: where the sound is written; None: nowhere.
        duration_s: after which to end; None: when asked to, or when the sound ends.
    """

    timeline: TimelineConfig
    form: str
    save: Path | None
    record: Path | None
    duration_s: float | None


@command
def listen(
    device_name: Annotated[
        str | None,
        typer.Option(help="The microphone: its number, name, or part of its name.", rich_help_panel="Input"),
    ] = None,
    list_devices: Annotated[
        bool, typer.Option("--list-devices", help="List the microphones, and end.", rich_help_panel="Input")
    ] = False,
    wait: Annotated[
        float, typer.Option(help="Wait so many seconds for a device that is unplugged.", rich_help_panel="Input")
    ] = 30.0,
    file: Annotated[
        Path | None, typer.Option(help="Listen to a recording instead.", rich_help_panel="Input", metavar="FILE")
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play it as if it were spoken now.", rich_help_panel="Input")
    ] = False,
    duration: Annotated[
        float | None, typer.Option(help="End after so many seconds.", min=0.1, rich_help_panel="Input")
    ] = None,
    model: Annotated[
        str, typer.Option(help="A stored model's name, or a model folder.", rich_help_panel="Model")
    ] = "default",
    device: Annotated[
        str,
        typer.Option(help="auto, cpu, cuda or mps: where the model runs.", rich_help_panel="Model"),
    ] = "auto",
    window: Annotated[
        float | None,
        typer.Option(help="Seconds behind each answer; the model's own if not given.", rich_help_panel="Answers"),
    ] = None,
    hop: Annotated[float, typer.Option(help="Seconds from answer to answer.", rich_help_panel="Answers")] = 0.5,
    gate: Annotated[
        bool,
        typer.Option(
            "--gate/--no-gate", help="Answer `no speech` to silence, hum and noise.", rich_help_panel="Answers"
        ),
    ] = True,
    vad: Annotated[
        bool, typer.Option("--vad", help="Also to music and babble (extra `vad`).", rich_help_panel="Answers")
    ] = False,
    min_confidence: Annotated[
        float, typer.Option(help="Answer `unknown` below this probability, 0 to 1.", rich_help_panel="Answers")
    ] = 0.0,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="A JSON object a line, for programs.", rich_help_panel="Output")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of the view, in a terminal too.", rich_help_panel="Output")
    ] = False,
    save: Annotated[
        Path | None, typer.Option(help="Write the answers here as well, as JSON lines.", rich_help_panel="Output")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Record the sound here, as WAV.", rich_help_panel="Output")
    ] = None,
) -> None:
    """Say which emotion is heard, while it is spoken; Ctrl-C ends it with a summary."""
    if list_devices:
        _list()
        return
    clashes = {
        "--realtime is how a file is played; name one with --file": realtime and not file,
        "--record is for a microphone; with --file there is a recording already": file and record,
        "--file and --device-name are two things to listen to; leave one of them out": file and device_name,
        "--jsonl and --plain are two forms of output; leave one of them out": jsonl and plain,
    }
    form = "jsonl" if jsonl else "view" if not plain and _can_be_redrawn() else "plain"
    config = TimelineConfig(window, hop, gate=gate, vad=vad, min_confidence=min_confidence)
    request = Request(config, form, save, record, duration)
    _check(clashes, request)
    loaded = load_model(model, device)
    if file:
        _listen(live.PlayedFile(file, loaded, realtime), loaded, request)
        return
    with _libraries_silenced():
        _listen(live.Microphone(live.PortAudio(), device_name, wait), loaded, request)


def _check(clashes: Mapping[str, object], request: Request) -> None:
    for problem, clash in clashes.items():
        if clash:
            raise UsageError(problem)
    for path in filter(None, (request.save, request.record)):
        if path.exists():
            raise UsageError(f"{shown(path)} is there already, and would be lost; remove it, or name another file")


def _can_be_redrawn() -> bool:
    """Tell whether standard output is a terminal that shows bars, and can be told to show other ones."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and "utf" in sys.stdout.encoding.lower()


def _list() -> None:
    devices = live.PortAudio().devices()
    for device in devices:
        mark = "  (default)" if device.is_default else ""
        print(f"{device.number:3}  {device.name}, {device.n_channels} channels, {device.sampling_rate} Hz{mark}")
    if not devices:
        say("no input device is there; connect a microphone, and see whether the system lists it")
        raise typer.Exit(NOTHING_DONE)


@contextmanager
def _libraries_silenced() -> Iterator[None]:
    """Keep what ALSA and PortAudio write to stderr by themselves out of it: it would tear the view apart."""
    ours, theirs = sys.stderr, os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    sys.stderr = os.fdopen(theirs, "w", buffering=1, encoding=ours.encoding, errors=ours.errors)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(theirs, 2)
        os.close(nothing)
        sys.stderr.close()
        sys.stderr = ours


def _listen(source: live.Source, model: Model, request: Request) -> None:
    session = Session(Stream(model, source.form.sampling_rate, request.timeline))
    told = report.Source(source.name, model.config.name, model.runtime.device)
    failure = None
    with ExitStack() as files, _until_interrupted(request.duration_s) as stop:
        recorded = files.enter_context(WavFile(request.record, source.form)) if request.record else None
        outputs: list[live.Output] = [_output(request.form, source, model, told, files)]
        if request.save:  # before what is shown: a reader that ends takes no line away from the file
            lines = files.enter_context(LineFile(request.save))
            outputs.insert(0, Saved(report.writer("jsonl", model.config.labels), told, lines))
        try:
            live.run(source, session, outputs, stop, recorded)
        except AudioEmotionError as error:
            failure = error
        except BrokenPipeError:
            if stop.is_set():  # Ctrl-C ended the reader as well
                _tell(session.summary(), "jsonl")
            raise
    summary = session.summary()
    if failure is not None and not summary.n_answers:
        raise failure
    _tell(summary, request.form)
    if failure is not None:
        say(str(failure))
        raise typer.Exit(SOME_FAILED)


def _output(form: str, source: live.Source, model: Model, told: report.Source, files: ExitStack) -> live.Output:
    if form == "view":
        from audio_emotion.cli._live_view import View

        return files.enter_context(View(told, model.config.labels))
    rate, needed = source.form.sampling_rate, model.config.sampling_rate
    lacks = f", below the model's {needed} Hz: it lacks what the model heard in training" if rate < needed else ""
    say(f"listening to {shown(source.name)} at {rate} Hz{lacks}; Ctrl-C ends")
    return Lines(report.writer("jsonl" if form == "jsonl" else "text", model.config.labels), told)


@contextmanager
def _until_interrupted(duration: float | None) -> Iterator[threading.Event]:
    """Give an event that Ctrl-C, the system's wish to end, or the end of the time sets; a second Ctrl-C interrupts."""
    stop = threading.Event()

    def asked(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    timer = threading.Timer(duration, stop.set) if duration else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Lines:
    """A line an answer, on standard output."""

    def __init__(self, writer: report.Writer, told: report.Source) -> None:
        self._writer, self._told = writer, told
        self._is_waiting = False

    def heard(self, heard: Heard) -> None:
        print(self._writer.segment(self._told, heard.said), end="", flush=True)

    def moved(self, session: Session) -> None:
        if self._is_waiting:
            say(f"{shown(self._told.file)}: the device is back")
        self._is_waiting = False

    def waiting(self, waiting: Waiting) -> None:
        if not self._is_waiting:
            say(f"{shown(self._told.file)}: the device is gone; waiting {waiting.limit_s:g} s for it")
        self._is_waiting = True


class Saved:
    """A line an answer, in a file."""

    def __init__(self, writer: report.Writer, told: report.Source, file: LineFile) -> None:
        self._writer, self._told, self._file = writer, told, file

    def heard(self, heard: Heard) -> None:
        self._file.write(self._writer.segment(self._told, heard.said))

    def moved(self, session: Session) -> None:
        pass

    def waiting(self, waiting: Waiting) -> None:
        pass


def _tell(summary: Summary, form: str) -> None:
    """Say what the session was: the emotions to standard output, unless that is a program's."""
    shares = ", ".join(f"{label} {100 * share:.1f}%" for label, share in summary.shares.items()) or "nothing was heard"
    if form == "jsonl":
        say(f"share of time: {shares}")
    else:
        print(f"\nShare of time: {shares}", flush=True)
    say(f"{summary.seconds:.1f} s heard, {summary.n_answers} answers; {100 * summary.cpu:.0f}% of one core")
    latency, most = summary.latency_s(0.5), summary.latency_s(0.95)
    if latency is not None and most is not None:
        lost = f"{summary.n_overflows} overflows" if summary.n_overflows else "no overflow"
        say(
            f"from sound to answer {1000 * latency:.0f} ms beyond the hop (95% within {1000 * most:.0f} ms); {lost}, "
            f"{summary.lost_s:.1f} s lost"
        )
