"""One upload at work: a worker decodes it, and the model reads its windows, within the limits of the service."""

import asyncio
import threading
import time
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.audio.vad import check_vad
from audio_emotion.audio.windows import window_bounds
from audio_emotion.batch.scoring import DecodedRecording, task_of
from audio_emotion.batch.workers import Failure, WindowBatch, WorkerPool
from audio_emotion.core.types import FloatArray
from audio_emotion.formats import Result, Source
from audio_emotion.inference.backends import mark_no_speech
from audio_emotion.inference.config import TimelineConfig, grid
from audio_emotion.inference.model import Model
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.web import readers
from audio_emotion.web.batcher import Batcher
from audio_emotion.web.errors import RequestError
from audio_emotion.web.metrics import Metrics
from audio_emotion.web.settings import ServeConfig
from audio_emotion.web.uploads import Upload, create

SHORT_S = 120.0
"""Seconds of sound from which on a request is long."""

SHORT_WINDOWS = 300
"""Windows of the model from which on a request is long."""

_STATUS = {"limit": 413, "time": 413, "memory": 413, "decode": 422, "crash": 422}

Channels = Literal["mix", "each", "auto"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What a request wants to know of an upload.

    Attributes:
        model: one of those that are served.
        timeline: how windows are made, predicted and merged.
        region: the part of the recording.
        over_time: whether a timeline is wanted.
        overview: whether an overview is.
        channels: ``mix`` predicts the channels of ``region`` as one, ``each`` every channel by itself; ``auto`` two
            channels by themselves if they differ.
    """

    model: str
    timeline: TimelineConfig
    region: AudioRegion
    over_time: bool = False
    overview: bool = False
    channels: Channels = "mix"


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """The result for one channel, or for all of them mixed, and the overview if one was requested."""

    result: Result
    overview: Mapping[str, Any] | None


@dataclass(eq=False)
class Job:
    """One request at work.

    Attributes:
        share: how much of it is done, 0 to 1; None as long as nobody knows.
    """

    share: float | None = None
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _future: "Future[Any] | None" = None

    def check(self) -> None:
        """Raise :class:`Cancelled` if the client has left."""
        if self._cancelled.is_set():
            raise Cancelled

    def cancel(self) -> None:
        """Stop: at the next windows if it is at work, at once if it is waiting."""
        self._cancelled.set()
        if self._future is not None:
            self._future.cancel()

    async def run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """Run ``work`` in a thread when one is free.

        Raises:
            Cancelled: the job was cancelled.
        """
        self.check()
        self._future = future = threads.submit(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self.check()
            raise


class Cancelled(Exception):  # noqa: N818 (nothing went wrong)
    """The client has left."""


class TakesLong(Exception):  # noqa: N818 (nothing went wrong)
    """This request belongs in the slow lane."""


@dataclass(frozen=True, slots=True)
class UploadTask:
    """An upload, and all that a thread needs to predict or convert it.

    Attributes:
        upload: the file.
        request: what is wanted.
        job: cancelled when the client leaves.
        model: its runtime is a :class:`~audio_emotion.web.batcher.Batcher`.
        workers: decode the file.
        is_fast: whether it has to leave, with :class:`TakesLong`, as soon as it proves long.
        config: the limits of the service.
        metrics: those of the service.
    """

    upload: Upload
    request: PredictRequest
    job: Job
    model: Model
    workers: WorkerPool
    is_fast: bool
    config: ServeConfig
    metrics: Metrics

    def predict(self) -> list[ChannelResult]:
        """Return one prediction for each channel that is predicted by itself.

        Raises:
            RequestError: there is no result.
            UsageError: the parameters contradict each other.
            TakesLong: it belongs in the slow lane.
            Cancelled: the client has left.
        """
        self.job.check()
        request, config = self.request, self.model.config
        grid(config.sampling_rate, config.window_samples, request.timeline)
        if request.timeline.vad:
            check_vad()
        (event,) = self._events(request.region, "header")
        regions = _regions(request, event.note)
        stated_s = self._check_size(event.note, len(regions))
        return [self._predict_region(region, _Share(stated_s, i, len(regions))) for i, region in enumerate(regions)]

    def convert(self, path: Path) -> None:
        """Write the upload to a new WAV file, mono, at the model's rate. Raises as :meth:`predict`."""
        n_written = 0
        with create(path) as file, wave.open(file) as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(self.model.config.sampling_rate)
            for event in self._events(FULL, "samples"):
                if event.windows is None:
                    continue
                samples = event.windows.ravel()[: event.note["n"] - n_written]  # the last row is filled with zeros
                n_written += len(samples)
                wav.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())

    def _check_size(self, header: Mapping[str, Any], n_regions: int) -> float:
        """Refuse what would be too much work before it starts, if the file's header can be relied on.

        A guess, as of MP3 and ADTS from their bit rate, only decides on the lane. Returns the stated seconds.
        """
        region, config = self.request.region, self.model.config
        stated_s, exact_s = (
            max(0.0, min(seconds, region.end or seconds) - region.start)
            for seconds in (header.get("stated_s") or 0.0, header.get("exact_s") or 0.0)
        )
        if exact_s > self.config.duration_s:
            raise self._too_long()
        if (n := n_regions * count_windows(exact_s, self.request, config)) > self.config.max_windows:
            raise self._too_many(n)
        n_windows = n_regions * count_windows(stated_s, self.request, config)
        if self.is_fast and (stated_s > SHORT_S or n_windows > SHORT_WINDOWS):
            raise TakesLong
        return stated_s

    def _predict_region(self, region: AudioRegion, share: "_Share") -> ChannelResult:
        model, request = self.model, self.request
        decoded = self._run_model(region, share)
        task = task_of(request.timeline, region, along_time=request.over_time)
        whole, segments = task.answer(decoded, model.config)
        self.metrics.sound.inc(whole.end - whole.start)
        self.metrics.answers.labels(whole.label).inc()
        result = Result(Source(self.upload.name, model.config.name, model.runtime.device), whole, segments)
        return ChannelResult(result, decoded.notes[-1].get("overview"))

    def _run_model(self, region: AudioRegion, share: "_Share") -> DecodedRecording:
        model = self.model
        assert isinstance(model.runtime, Batcher)
        runtime = model.runtime if self.is_fast else model.runtime.background
        threshold = model.config.speech_threshold if self.request.timeline.gate else None
        logits: list[FloatArray] = [np.empty((0, len(model.config.labels)), np.float32)]
        notes: list[Mapping[str, Any]] = []
        n_windows, end_s = 0, 0.0
        for event in self._events(region, "windows"):
            end_s = event.end_s
            notes.append(event.note)
            if event.windows is not None:
                n_windows += len(event.windows)
                if n_windows > self.config.max_windows:
                    raise self._too_many(n_windows)
                if self.is_fast and (n_windows > SHORT_WINDOWS or end_s - region.start > SHORT_S):
                    raise TakesLong
                logits.append(mark_no_speech(runtime.outputs(event.windows), threshold))
            if share.expected_s:
                self.job.share = share.of_request(end_s - region.start)
        return DecodedRecording(np.concatenate(logits), tuple(notes), end_s)

    def _events(self, region: AudioRegion, task: readers.Task) -> Iterator[WindowBatch]:
        """Yield what a decode worker makes of the upload.

        Raises:
            RequestError: it fails, or takes too long.
            Cancelled: the job was cancelled.
        """
        request, config, path = self.request, self.model.config, str(self.upload.path)
        settings = {
            "sampling_rate": config.sampling_rate,
            "window_samples": config.window_samples,
            "region": asdict(region),
            "config": asdict(request.timeline),
            "task": task,
            "over_time": request.over_time,
            "overview": request.overview,
        }
        until = time.monotonic() + self.config.answer_s
        with closing(self.workers.read(path, settings)) as events:
            for event in events:
                self.job.check()
                if isinstance(event, Failure):
                    raise self._failed(event.kind, event.reason.replace(path, self.upload.name))
                if "too_long" in event.note:
                    raise self._too_long()
                if time.monotonic() > until:
                    raise self._too_slow()
                yield event

    def _too_long(self) -> RequestError:
        allowed = f"the {self.config.duration_s:g} s allowed"
        return self._failed(
            "limit", f"{self.upload.name}: lasts longer than {allowed}; cut it, or request a part with start and end"
        )

    def _too_many(self, n_windows: int) -> RequestError:
        allowed = f"more than the {self.config.max_windows} allowed"
        return self._failed(
            "limit",
            f"{self.upload.name}: takes {n_windows} windows of the model or more, {allowed}; "
            "use a longer hop, a shorter window or a part of the recording",
        )

    def _too_slow(self) -> RequestError:
        allowed = f"the {self.config.answer_s:g} s allowed"
        return self._failed(
            "time", f"{self.upload.name}: predicting takes longer than {allowed}; use a part or a longer hop"
        )

    def _failed(self, kind: str, reason: str) -> RequestError:
        self.metrics.failures.labels(kind).inc()
        return RequestError(_STATUS.get(kind, 500), reason)


@dataclass(frozen=True, slots=True)
class _Share:
    """Where one region stands in its request: region ``i`` of ``n``; ``expected_s`` is 0 if the length is unknown."""

    expected_s: float
    i: int
    n: int

    def of_request(self, seconds: float) -> float:
        """Return how much of the request is done, 0 to 1, once so many seconds of the region are."""
        return (self.i + min(1.0, seconds / self.expected_s)) / self.n


def _regions(request: PredictRequest, header: Mapping[str, Any]) -> Sequence[AudioRegion]:
    """Return the regions that are predicted one by one: the one requested, or one for each channel."""
    each = request.channels == "each" or (request.channels == "auto" and header.get("channels_differ"))
    n_channels = header.get("n_channels", 1)
    if not each or n_channels < 2 or request.region.channel is not None:
        return [request.region]
    return [replace(request.region, channel=number) for number in range(1, n_channels + 1)]


def count_windows(seconds: float, request: PredictRequest, config: ModelConfig) -> int:
    """Return about how many windows the model reads for a request on so many seconds of sound.

    With a window of 30 s, a hop of 0.1 s and a model of 3 s, an hour has 36,000 windows, each read in 19 passes.
    """
    rate, own = config.sampling_rate, config.window_samples
    if not request.over_time:
        return int(seconds * rate / (own / 2))
    window, hop = grid(rate, own, request.timeline)
    return int(seconds * rate / hop) * len(window_bounds(window, own))
