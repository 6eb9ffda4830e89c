"""Recordings → results: workers decode, and the model reads windows of many recordings in one batch."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from audio_emotion.audio.notes import Note
from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.batch.workers import Failure, Limits, Reader, WindowBatch, WorkerPool, WorkerStream
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import UsageError
from audio_emotion.core.types import FloatArray, Prediction
from audio_emotion.formats import Result, Source
from audio_emotion.inference.backends import cores
from audio_emotion.inference.batching import forward_ragged
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import apply_min_confidence, overall, to_prediction, tonal_note
from audio_emotion.inference.segmenter import SegmentBuilder
from audio_emotion.models.checkpoint import ModelConfig

BATCH = 64  # windows at once; somewhat more where a reader hands over several


@dataclass(frozen=True, slots=True, eq=False)
class DecodedRecording:
    """A recording whose last window has been through the model.

    Attributes:
        logits: (n_windows, n_labels).
        notes: the reader's notes on each part.
        end_s: how far the reader came, in seconds.
    """

    logits: FloatArray
    notes: tuple[Mapping[str, Any], ...]
    end_s: float


PredictionWithSegments = tuple[Prediction, tuple[Prediction, ...] | None]
"""The prediction for a recording as a whole, and those over its time or None."""


def notes_in(decoded: DecodedRecording, prediction: Prediction, config: ModelConfig) -> tuple[Note, ...]:
    """Return the notes on a recording: the reader's, and whether tones were taken for speech."""
    last = decoded.notes[-1] if decoded.notes else {}
    notes = [Note(*note) for note in last.get("notes", ())]
    if last.get("is_tonal") and prediction.label != NO_SPEECH:
        notes.append(tonal_note(config))
    return tuple(notes)


def one_answer(
    part: AudioRegion = FULL, min_confidence: float = 0.0
) -> Callable[[DecodedRecording, ModelConfig], PredictionWithSegments]:
    """Return what predicts a recording as a whole, from windows of :func:`audio_emotion.batch.readers.whole`."""

    def predict(decoded: DecodedRecording, config: ModelConfig) -> PredictionWithSegments:
        prediction = to_prediction(decoded.logits, config, part.start, decoded.end_s, part.channel)
        return apply_min_confidence(prediction, min_confidence), None

    return predict


def timeline_answer(
    timeline: TimelineConfig, part: AudioRegion = FULL
) -> Callable[[DecodedRecording, ModelConfig], PredictionWithSegments]:
    """Return what predicts over time, from windows of :func:`audio_emotion.batch.readers.timeline`."""

    def predict(decoded: DecodedRecording, config: ModelConfig) -> PredictionWithSegments:
        assembler = SegmentBuilder(config, timeline, part.start, part.channel)
        counts = [count for note in decoded.notes for count in note["counts"]]
        # notes    counts [2, 0] [1]       windows with speech in each timeline window
        # logits   [l l] [] [l]            split at the running totals; the last window may be cut short
        *logits, last = np.split(decoded.logits, np.cumsum(counts)[:-1])
        segments = assembler.take(logits) + assembler.finish(last, decoded.notes[-1]["n"])
        return overall(segments, config, part.channel), tuple(segments)

    return predict


@dataclass(frozen=True, slots=True)
class Task:
    """What to do with each recording.

    Attributes:
        reader: name of the function that runs in the workers, see :class:`~audio_emotion.batch.workers.Reader`; it gets
            the model's ``sampling_rate`` and ``window_samples``.
        settings: its further arguments, in JSON's terms.
        answer: makes the answer when the recording has been heard.
        parameters: what ``answer`` was made with, in JSON's terms, so that a journal can tell.
        gate: whether windows that are not speech are left out, by the reader and by the network.
        vad: whether the reader leaves out windows without a voice.
        shift_of: gives the shift of a file's pooled vectors, (n_pooled,), see
            :mod:`audio_emotion.inference.adaptation`; None: the model's own.
    """

    reader: str = "audio_emotion.batch.readers:whole"
    settings: Mapping[str, Any] = field(default_factory=dict)
    answer: Callable[[DecodedRecording, ModelConfig], PredictionWithSegments] = field(default_factory=one_answer)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    gate: bool = True
    vad: bool = False
    shift_of: Callable[[str], FloatArray | None] | None = None

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What determines the results, in JSON's terms."""
        return {"reader": self.reader, **self.settings, **self.parameters}


def task_of(timeline: TimelineConfig, part: AudioRegion = FULL, *, along_time: bool = False) -> Task:
    """Return the task that answers each recording as a whole, or along its time.

    For an answer as a whole, ``gate``, ``vad`` and ``min_confidence`` of ``timeline`` count.
    """
    if not along_time:
        settings = {"part": asdict(part), "gate": timeline.gate, "vad": timeline.vad}
        minimum = timeline.min_confidence
        parameters = {"min_confidence": minimum}
        answer = one_answer(part, minimum)
        return Task("audio_emotion.batch.readers:whole", settings, answer, parameters, timeline.gate, timeline.vad)
    settings = {"part": asdict(part), "config": asdict(timeline)}
    answer = timeline_answer(timeline, part)
    return Task("audio_emotion.batch.readers:timeline", settings, answer, gate=timeline.gate, vad=timeline.vad)


def whole_task(part: Mapping[str, Any] | None, gate: bool, vad: bool) -> Task:
    """Return the task that answers a part of each recording as a whole."""
    return Task(settings={"part": part, "gate": gate, "vad": vad}, gate=gate, vad=vad)


@dataclass(frozen=True, slots=True)
class Scored:
    """A recording's answer.

    Attributes:
        item: its number among the inputs.
        answer: what is said of it.
        duration_s: how long it is, in seconds.
        problem: what could not be predicted, in one line; None if there was no problem.
    """

    item: int
    answer: Result
    duration_s: float
    problem: str | None = None


def default_jobs() -> int:
    """Return how many decode workers to use: one for each two processors that this process may run on, 1 to 16."""
    return max(1, min(16, cores() // 2))


def worker_pool(model: Model, task: Task, jobs: int | None = None, limits: Limits | None = None) -> WorkerPool:
    """Return the decode workers of a task, which start when they are needed.

    Raises:
        UsageError: ``jobs`` is not at least 1.
    """
    jobs = default_jobs() if jobs is None else jobs
    if jobs < 1:
        raise UsageError(f"{jobs} decode workers cannot work; use 1 or more")
    shape = {"sampling_rate": model.config.sampling_rate, "window_samples": model.config.window_samples}
    return WorkerPool(Reader(task.reader, {**shape, **task.settings}), jobs, limits or Limits())


def score(
    files: Sequence[str],
    model: Model,
    task: Task | None = None,
    *,
    jobs: int | None = None,
    limits: Limits | None = None,
    pool: WorkerPool | None = None,
) -> Generator[Scored | Failure, None, None]:
    """Answer many recordings; each comes as it is finished, which need not be in their order, and none twice.

    ``pool`` has the task's decode workers, for several calls; otherwise there are ``jobs`` of them, and they end with
    the last result.

    Raises:
        UsageError: ``jobs`` is not at least 1.
        AudioEmotionError: no worker can be started.
    """
    task = task or Task()
    scheduler = _BatchScheduler(model, task, files)
    own_pool = nullcontext(pool) if pool else worker_pool(model, task, jobs, limits)
    with own_pool as workers, WorkerStream(files, workers) as stream:
        for events in stream:
            for event in events:
                yield from scheduler.take(event)
            if not events:  # slow decoders: better a small batch than a long wait
                yield from scheduler.flush()
    yield from scheduler.flush()


@dataclass(eq=False, slots=True)
class _Open:
    """A recording of which some windows have come."""

    notes: list[Mapping[str, Any]] = field(default_factory=list)
    logits: list[FloatArray] = field(default_factory=list)
    n_waiting: int = 0
    end_s: float = 0.0
    complete: bool = False


class _BatchScheduler:
    """Where windows of many recordings wait for the model, and recordings for their last window."""

    def __init__(self, model: Model, task: Task, files: Sequence[str]) -> None:
        self._model, self._task, self._files = model, task, files
        self._open: dict[int, _Open] = {}
        self._waiting: list[tuple[int, FloatArray]] = []
        self._n_waiting = 0

    def take(self, event: WindowBatch | Failure) -> Iterator[Scored | Failure]:
        """Put windows to those that wait; give out what needs no more waiting."""
        if isinstance(event, Failure):
            self._open.pop(event.item, None)
            yield event
            return
        recording = self._open.setdefault(event.item, _Open())
        recording.notes.append(event.note)
        recording.end_s, recording.complete = event.end_s, event.last
        if event.windows is not None:
            self._waiting.append((event.item, event.windows))
            self._n_waiting += len(event.windows)
            recording.n_waiting += len(event.windows)
        yield from self._finish(event.item)
        if self._n_waiting >= BATCH:
            yield from self.flush()

    def flush(self) -> Iterator[Scored | Failure]:
        """Put all that waits through the model."""
        waiting, self._waiting, self._n_waiting = self._waiting, [], 0
        waiting = [(item, windows) for item, windows in waiting if item in self._open]
        if not waiting:
            return
        forward = partial(self._model.logits, gate=self._task.gate, shift=self._shifts(waiting))
        logits = forward_ragged(forward, [windows for _, windows in waiting])
        for (item, _), own in zip(waiting, logits, strict=True):
            self._open[item].logits.append(own)
            self._open[item].n_waiting -= len(own)
        for item in dict.fromkeys(item for item, _ in waiting):
            yield from self._finish(item)

    def _shifts(self, waiting: list[tuple[int, FloatArray]]) -> FloatArray | None:
        """Return the shift of each window, (n_windows, n_pooled); None if no group of recordings is adapted to."""
        shift_of = self._task.shift_of
        if shift_of is None or self._model.adaptation is None:
            return None
        rows = []
        for item, windows in waiting:
            shift = shift_of(self._files[item])
            if shift is None:
                shift = self._model.adaptation.own_shift
            rows.append(np.broadcast_to(shift, (len(windows), len(shift))))
        return np.concatenate(rows)

    def _finish(self, item: int) -> Iterator[Scored]:
        recording = self._open[item]
        if not recording.complete or recording.n_waiting:
            return
        del self._open[item]
        config = self._model.config
        none = np.empty((0, len(config.labels)), np.float32)
        decoded = DecodedRecording(np.concatenate([none, *recording.logits]), tuple(recording.notes), recording.end_s)
        prediction, segments = self._task.answer(decoded, config)
        source = Source(self._files[item], config.name, self._model.runtime.device)
        answer = Result(source, prediction, segments, notes_in(decoded, prediction, config))
        yield Scored(item, answer, decoded.end_s)
