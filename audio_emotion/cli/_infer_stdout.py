"""``infer`` to standard output, one recording after the other."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import typer

from audio_emotion.audio.find import FileList
from audio_emotion.audio.notes import Note, notes_on
from audio_emotion.audio.recordings import Recording, channel_numbers, load, open_recording
from audio_emotion.audio.region import AudioRegion
from audio_emotion.audio.tonality import TONAL_SHARE
from audio_emotion.cli._app import NOTHING_DONE, SOME_FAILED
from audio_emotion.cli._messages import INFO, are_wanted, detail, note, say
from audio_emotion.cli._pictures import Pictures
from audio_emotion.cli._request import STDIN, STDIN_NAME, Request, standard_input
from audio_emotion.cli._warnings import InferWarnings
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import AudioError
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import FloatArray, Prediction, Waveform
from audio_emotion.formats import Result, Source, Writer
from audio_emotion.inference.batching import BatchItem
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import apply_min_confidence, overall, tonal_note
from audio_emotion.inference.timeline import timeline
from audio_emotion.inference.turns import score_turns

Sound = Path | BinaryIO


class StdoutWriter:
    """Writes to standard output, and nothing before the first result."""

    def __init__(self, writer: Writer, heading: str, *, is_text: bool) -> None:
        self.writer, self.is_text = writer, is_text
        self._heading = heading
        self._has_started = False

    def write(self, text: str) -> None:
        """Print a part of a result immediately."""
        if text and not self._has_started:
            self._has_started = True
            text = self._heading + self.writer.head() + text
        print(text, end="", flush=True)

    def close(self, answered: bool) -> None:
        """Print what follows the last result; an empty document or list is complete too."""
        if self._has_started:
            self.write(self.writer.tail())
        elif answered or self.writer.many:
            print((self._heading if answered else "") + self.writer.head() + self.writer.tail(), end="")


@dataclass(frozen=True, slots=True)
class StdoutOptions:
    """What ``infer`` writes for its recordings.

    Attributes:
        name: of the format on standard output.
        writer: writes it.
        many: whether results of several recordings, or of several channels, go into one document.
        top_k: how many probabilities the text format shows; None: all.
        pictures: the files to draw.
    """

    name: str
    writer: type[Writer]
    many: bool
    top_k: int | None
    pictures: Pictures

    def open(self, model: Model) -> StdoutWriter:
        """Return standard output for this format."""
        is_text = self.name == "text"
        if self.top_k is not None and not is_text:
            note(f"note: --top-k only affects the text format; {self.name} has every probability")
        text_stream_of(self.name)
        heading = f"Using device: {model.runtime.device}\n\n" if is_text and are_wanted(INFO) else ""
        writer = self.writer(model.config.labels, many=self.many, top_k=self.top_k)
        return StdoutWriter(writer, heading, is_text=is_text)


def to_stdout(recordings: FileList, model: Model, request: Request, output: StdoutOptions) -> None:
    """Predict each recording and report those that cannot be predicted."""
    page = output.open(model)
    warnings = InferWarnings(model.config, request, page.is_text)
    models = _AdaptedModels(model, recordings, request)
    done = failed = 0
    for recording in recordings:
        results: list[Result] = []
        try:
            _predict(recording, models, request, page, warnings, results)
        except AudioError as error:
            failed += 1
            say(str(error))
        done += len(results)
        if results:
            _draw(recording, request, results, model, output.pictures)
    page.close(answered=done > 0)
    for line in warnings.lines(recordings):
        note(f"note: {line}")
    if failed or (request.segments is not None and request.segments.is_partial):
        raise typer.Exit(SOME_FAILED if done else NOTHING_DONE)


class _AdaptedModels:
    """The model for each recording and channel, adapted to its group if that was requested and has enough speech."""

    def __init__(self, model: Model, recordings: Sequence[Path], request: Request) -> None:
        self.base = model
        self._request = request
        self._shifts: dict[str | tuple[Path, int | None], FloatArray] = {}
        if request.adapt is None or (request.adapt == "speaker" and request.segments is not None):
            return  # each speaker of a file of segments is adapted to where the segments are cut
        from audio_emotion.inference.adaptation import MIN_WINDOWS, group_shifts

        groups: dict[str | tuple[Path, int | None], list[BatchItem]] = {}
        for recording in recordings:
            for channel in _channels(recording, request):
                read = model.reader(recording, None, request.part(channel))
                gates = {"gate": request.timeline.gate, "vad": request.timeline.vad}
                groups.setdefault(self._key(recording, channel), []).append(BatchItem(read, **gates))
        self._shifts = group_shifts(model, groups)
        if small := len(groups) - len(self._shifts):
            what = "group has" if small == 1 else "groups have"
            note(f"note: {small} {what} fewer than {MIN_WINDOWS} windows with speech, too few to adapt to")

    def of(self, recording: Path, channel: int | None) -> Model:
        """Return the model for a channel of a recording."""
        if not self._shifts:
            return self.base
        return self.base.with_shift(self._shifts.get(self._key(recording, channel)))

    def _key(self, recording: Path, channel: int | None) -> str | tuple[Path, int | None]:
        from audio_emotion.inference.adaptation import group_key

        if self._request.adapt in (None, "speaker"):
            return recording, channel
        return group_key(self._request.adapt, recording)


def _channels(recording: Path, request: Request) -> Sequence[int | None]:
    """Return the channels that are read one by one; none of a recording that cannot be opened, as is reported later."""
    try:
        return list(channel_numbers(recording, request.channels, request.stream))
    except AudioError:
        return []


def _predict(
    recording: Path,
    models: _AdaptedModels,
    request: Request,
    page: StdoutWriter,
    warnings: InferWarnings,
    results: list[Result],
) -> None:
    """Predict one recording, channel by channel, and write each result as soon as it is available.

    ``results`` gets the result of each channel, also if a later one fails.
    """
    began, settings, trouble = time.monotonic(), request.timeline, None
    name = STDIN_NAME if str(recording) == STDIN else None
    source: Sound = standard_input() if name else recording
    info = Source(str(recording), models.base.config.name, models.base.runtime.device)
    with open_recording(source, request.stream, name=name) as opened:
        opened.measures_tones = settings.gate and not settings.vad and request.segments is None
        notes_of = partial(_notes_on, opened, request, models.base)
        for channel in channel_numbers(opened, request.channels):
            part = request.part(channel)
            model = models.of(recording, channel)
            if request.along_time or request.segments is not None:
                segments = _segments(model, opened, request, part, recording)
                result, stopped = _along_time(segments, info, model, channel, page, notes_of)
                trouble = trouble or stopped
            else:
                prediction = model.predict(opened, part=part, gate=settings.gate, vad=settings.vad)
                shown = apply_min_confidence(prediction, settings.min_confidence)
                result = Result(info, shown, notes=notes_of(prediction))
                page.write(page.writer.result(result))
            results.append(result)
        warnings.check(recording, opened, results)
    if trouble:
        raise trouble
    detail(f"{opened.name}: predicted in {1000 * (time.monotonic() - began):.0f} ms")


def _notes_on(opened: Recording, request: Request, model: Model, prediction: Prediction) -> tuple[Note, ...]:
    """Return the notes on a recording that has been predicted."""
    is_whole = request.segments is None and request.end is None and not request.timeline.min_duration_s
    end_s = prediction.end if is_whole else None
    notes = notes_on(opened, model.config.sampling_rate, end_s, is_stream_named=request.stream is not None)
    if opened.tonality is not None and opened.tonality.share() >= TONAL_SHARE and prediction.label != NO_SPEECH:
        return (*notes, tonal_note(model.config))
    return notes


def _segments(
    model: Model, source: Recording, request: Request, part: AudioRegion, recording: Path
) -> Iterator[Prediction]:
    """Yield the prediction of each window, or of each segment that was given."""
    settings = request.timeline
    if request.segments is None:
        yield from timeline(model, source, config=settings, part=part)
        return
    yield from score_turns(model, source, request.segments[recording], settings, part, adapt=request.adapt == "speaker")


def _along_time(
    segments: Iterator[Prediction],
    info: Source,
    model: Model,
    channel: int | None,
    page: StdoutWriter,
    notes_of: Callable[[Prediction], tuple[Note, ...]],
) -> tuple[Result, AudioError | None]:
    """Write segments as they arrive; return the result, and the error that ended them early, if any.

    Raises:
        AudioError: no segment could be predicted.
    """
    written: list[Prediction] = []
    stopped = None
    try:
        for segment in segments:
            page.write(("" if written else page.writer.begin(info)) + page.writer.segment(info, segment))
            written.append(segment)
    except AudioError as error:
        if not written:
            raise
        stopped = error
    whole = overall(written, model.config, channel)
    answer = Result(info, whole, tuple(written), notes_of(whole))
    page.write(("" if written else page.writer.begin(info)) + page.writer.end(answer))
    return answer, stopped


def _draw(recording: Path, request: Request, results: Sequence[Result], model: Model, pictures: Pictures) -> None:
    """Write the plot and the report of a recording."""
    if pictures.plot:
        from audio_emotion.formats.plot import draw_timeline, save

        def waveform_of(channel: int | None) -> Waveform:
            return load(recording, model.config.sampling_rate, request.part(channel))

        save(draw_timeline(waveform_of, *results), pictures.plot)
        note(f"plot written to {display_path(pictures.plot)}")
    if pictures.report:
        from audio_emotion.formats.conversation_report import write_report

        write_report(results, recording, pictures.report, embed_audio=pictures.embed_audio)
        note(f"report written to {display_path(pictures.report)}")


def text_stream_of(kind: str) -> None:
    """Make stdout UTF-8 with LF line ends for formats that programs read, unless it is a terminal."""
    if kind != "text" and not sys.stdout.isatty() and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
