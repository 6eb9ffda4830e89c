"""The implementation of ``listen``."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from audio_emotion import formats
from audio_emotion.cli._app import NOTHING_DONE, SOME_FAILED
from audio_emotion.cli._infer_stdout import text_stream_of
from audio_emotion.cli._messages import note, say
from audio_emotion.cli._streams import libraries_silenced
from audio_emotion.core.errors import AudioEmotionError, StorageError
from audio_emotion.core.paths import display_path
from audio_emotion.inference import live
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.live import LineFile, LiveResult, Session, Summary, Waiting, WavFile
from audio_emotion.inference.model import Model
from audio_emotion.inference.timeline import Stream


@dataclass(frozen=True)
class ListenRequest:
    """The options of a session.

    Attributes:
        timeline: how windows are cut and predicted.
        form: of the output: ``view``, ``plain`` or ``jsonl``.
        save: file for the predictions; None: no file.
        record: file for the sound; None: no file.
        duration_s: when to stop; None: at Ctrl-C or the end of the sound.

    Raises:
        StorageError: a file exists already.
    """

    timeline: TimelineConfig
    form: str
    save: Path | None
    record: Path | None
    duration_s: float | None

    def __post_init__(self) -> None:
        for path in filter(None, (self.save, self.record)):
            if path.exists():
                raise StorageError(
                    f"{display_path(path)} already exists and would be overwritten; remove it, or use another name"
                )


def listen_to_file(path: Path, realtime: bool, model: Model, request: ListenRequest) -> None:
    """Predict from a recording."""
    _listen(live.PlayedFile(path, model, realtime), model, request)


def listen_to_device(
    wanted: str | None, wait_s: float, channel: int | None, model: Model, request: ListenRequest
) -> None:
    """Predict from a microphone."""
    with libraries_silenced():
        _listen(live.Microphone(live.PortAudio(), wanted, wait_s, channel), model, request)


def can_be_redrawn() -> bool:
    """Whether standard output is a terminal that can redraw the live view."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and "utf" in sys.stdout.encoding.lower()


def list_devices() -> None:
    """Print the microphones."""
    devices = live.PortAudio().devices()
    for device in devices:
        mark = "  (default)" if device.is_default else ""
        print(f"{device.number:3}  {device.name}, {device.n_channels} channels, {device.sampling_rate} Hz{mark}")
    if not devices:
        say("no input device found; connect a microphone, and check that the system lists it")
        raise typer.Exit(NOTHING_DONE)


def _listen(source: live.LiveSource, model: Model, request: ListenRequest) -> None:
    text_stream_of("jsonl" if request.form == "jsonl" else "text")
    session = Session(Stream(model, source.form.sampling_rate, request.timeline))
    info = formats.Source(source.name, model.config.name, model.runtime.device)
    failure = None
    with ExitStack() as files, _until_interrupted(request.duration_s) as stop:
        recorded = files.enter_context(WavFile(request.record, source.form)) if request.record else None
        outputs: list[live.Output] = [_output(request, source, model, info, files)]
        if request.save:  # first, so that a closed pipe does not lose a line of the file
            lines = files.enter_context(LineFile(request.save))
            outputs.insert(0, Saved(formats.get_writer("jsonl", model.config.labels), info, lines))
        try:
            live.run(source, session, outputs, stop, recorded)
        except AudioEmotionError as error:
            failure = error
        except BrokenPipeError:
            if stop.is_set():  # Ctrl-C also stopped the reader of the pipe
                _tell(session.summary(), request, to_reader=False)
            raise
    for line in session.notes:
        note(f"note: {line}")
    summary = session.summary()
    if failure is not None and not summary.n_answers:
        raise failure
    _tell(summary, request, to_reader=request.form != "jsonl")
    if failure is not None:
        say(str(failure))
        raise typer.Exit(SOME_FAILED)


def _output(
    request: ListenRequest, source: live.LiveSource, model: Model, info: formats.Source, files: ExitStack
) -> live.Output:
    if request.form == "view":
        from audio_emotion.cli._live_view import View

        return files.enter_context(View(info, model.config.labels))
    rate, needed = source.form.sampling_rate, model.config.sampling_rate
    lacks = f", below the model's {needed} Hz: it lacks frequencies that the model uses" if rate < needed else ""
    n_channels = source.form.n_channels
    mixed = f", the mix of its {n_channels} channels (--channel N uses one)" if n_channels > 2 else ""
    note(f"listening to {display_path(source.name)} at {rate} Hz{mixed}{lacks}; Ctrl-C ends")
    return Lines(formats.get_writer("jsonl" if request.form == "jsonl" else "text", model.config.labels), info)


@contextmanager
def _until_interrupted(duration: float | None) -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, SIGTERM or the end of the duration sets; a second Ctrl-C interrupts."""
    stop = threading.Event()

    def on_signal(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
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
    """Prints one line per prediction to standard output."""

    def __init__(self, writer: formats.Writer, info: formats.Source) -> None:
        self._writer, self._info = writer, info
        self._is_waiting = False

    def on_result(self, result: LiveResult) -> None:
        print(self._writer.segment(self._info, result.prediction), end="", flush=True)

    def moved(self, session: Session) -> None:
        if self._is_waiting:
            say(f"{display_path(self._info.file)}: the device is back")
        self._is_waiting = False

    def waiting(self, waiting: Waiting) -> None:
        if not self._is_waiting:
            say(f"{display_path(self._info.file)}: the device is gone; waiting {waiting.limit_s:g} s for it")
        self._is_waiting = True


class Saved:
    """Writes one line per prediction to a file."""

    def __init__(self, writer: formats.Writer, info: formats.Source, file: LineFile) -> None:
        self._writer, self._info, self._file = writer, info, file

    def on_result(self, result: LiveResult) -> None:
        self._file.write(self._writer.segment(self._info, result.prediction))

    def moved(self, session: Session) -> None:
        pass

    def waiting(self, waiting: Waiting) -> None:
        pass


def _tell(summary: Summary, request: ListenRequest, to_reader: bool) -> None:
    """Print the summary of a session; the share of each emotion goes to standard output if ``to_reader``."""
    shares = ", ".join(f"{label} {100 * share:.1f}%" for label, share in summary.shares.items()) or "no sound"
    if to_reader:
        print(f"\nShare of time: {shares}", flush=True)
    else:
        note(f"share of time: {shares}")
    note(f"{summary.seconds:.1f} s of sound, {summary.n_answers} predictions; {100 * summary.cpu:.0f}% of one core")
    latency, most = summary.latency_s(0.5), summary.latency_s(0.95)
    if latency is not None and most is not None:
        lost = f"{summary.n_overflows} overflows" if summary.n_overflows else "no overflow"
        note(
            f"latency {1000 * latency:.0f} ms beyond the hop (95% within {1000 * most:.0f} ms); {lost}, "
            f"{summary.lost_s:.1f} s lost"
        )
