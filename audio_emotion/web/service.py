"""Uploads → results: models that stay loaded, decode workers, and two lanes, so that short requests go first."""

import asyncio
import threading
import time
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.audio.vad import check_vad
from audio_emotion.audio.windows import window_bounds
from audio_emotion.batch.scoring import DecodedRecording, task_of
from audio_emotion.batch.workers import Failure, Limits, Reader, WindowBatch, WorkerPool
from audio_emotion.core.types import FloatArray
from audio_emotion.formats import Result, Source
from audio_emotion.inference.backends import mark_no_speech
from audio_emotion.inference.config import TimelineConfig, grid
from audio_emotion.inference.model import Model, load_model
from audio_emotion.models import checkpoint
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.web import readers
from audio_emotion.web.batcher import Batcher
from audio_emotion.web.errors import RequestError
from audio_emotion.web.metrics import Metrics
from audio_emotion.web.settings import ServeConfig
from audio_emotion.web.uploads import Upload, UploadFolder, create

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
class Prediction:
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


class _TakesLong(Exception):  # noqa: N818 (nothing went wrong)
    """This request belongs in the slow lane."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """Threads and decode workers for requests of one kind.

    A request starts in the fast lane. If it proves long it leaves, and starts again in the slow lane when it is its
    turn: what is lost is at most the work on SHORT_S seconds of sound.
    """

    threads: ThreadPoolExecutor
    workers: WorkerPool
    is_fast: bool

    def close(self) -> None:
        self.threads.shutdown(wait=True, cancel_futures=True)
        self.workers.close()


class InferenceService:
    """What predicts uploads."""

    def __init__(self, config: ServeConfig) -> None:
        self.config, self.metrics = config, Metrics()
        self.uploads = UploadFolder()
        self._folders = {Path(name).name: name for name in config.models}
        self._models: dict[str, Model] = {}
        self._loading = threading.Lock()
        self._fast = self._new_lane(config.jobs, is_fast=True)
        self._slow = self._new_lane(max(1, config.jobs // 2), is_fast=False)

    def _new_lane(self, n: int, *, is_fast: bool) -> _Lane:
        config = self.config
        limits = Limits(inf, config.upload_bytes, config.decode_s, config.memory_bytes)  # the reader measures lengths
        workers = WorkerPool(Reader(readers.NAME, {"duration_s": config.duration_s}), n, limits)
        name = "predict" if is_fast else "predict-long"
        return _Lane(ThreadPoolExecutor(n, thread_name_prefix=name), workers, is_fast)

    def start(self) -> None:
        """Load the first model and have a decode worker ready, unless that was done before.

        Raises:
            AudioEmotionError: either cannot be done.
        """
        for name in self._folders.values():
            checkpoint.read_config(checkpoint.find(name))
        self.model(self.names[0])
        self._fast.workers.start()

    def close(self) -> None:
        """Stop what runs, and remove what is stored."""
        self._fast.close()
        self._slow.close()
        for model in self._models.values():
            assert isinstance(model.runtime, Batcher)
            model.runtime.close()
        self.uploads.close()

    @property
    def names(self) -> list[str]:
        """What the models are called, the default first."""
        return list(self._folders)

    def configs(self) -> list[ModelConfig]:
        """Return the description in each model's folder, in the order of :attr:`names`."""
        return [checkpoint.read_config(checkpoint.find(name)) for name in self._folders.values()]

    def model(self, name: str) -> Model:
        """Return a model by name, loading it when it is first used; an empty name is the default's.

        Raises:
            RequestError: no such model is served.
        """
        name = name or self.names[0]
        if name not in self._folders:
            raise RequestError(404, f"no model {name[:100]!r} is served; available: {', '.join(self.names)}")
        with self._loading:
            if name not in self._models:
                config = self.config
                loaded = load_model(self._folders[name], config.device, config.backend)  # type: ignore[arg-type]
                runtime = Batcher(loaded.runtime, config.batch_wait_s, self.metrics.batches.observe)
                self._models[name] = Model(loaded.config, runtime, loaded.backend)
            return self._models[name]

    async def predict(self, upload: Upload, request: PredictRequest, job: Job) -> list[Prediction]:
        """Predict an upload, and remove it: one prediction for each channel that is predicted by itself.

        Raises:
            RequestError: there is no result.
            UsageError: the parameters contradict each other.
            Cancelled: the job was cancelled.
        """
        try:
            return await job.run(self._fast.threads, partial(self._predict_in, self._fast, upload, request, job))
        except _TakesLong:
            return await job.run(self._slow.threads, partial(self._predict_in, self._slow, upload, request, job))
        finally:
            upload.path.unlink(missing_ok=True)

    async def convert(self, upload: Upload, job: Job) -> Path:
        """Convert an upload to a WAV file, mono and at the rate of the default model, and remove the upload.

        The caller removes the WAV file. Raises as :meth:`predict`.
        """
        path = self.uploads.new_path()
        try:
            await job.run(self._slow.threads, partial(self._convert_in, self._slow, upload, job, path))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            upload.path.unlink(missing_ok=True)
        return path

    def _predict_in(self, lane: _Lane, upload: Upload, request: PredictRequest, job: Job) -> list[Prediction]:
        """Predict an upload in this thread."""
        job.check()
        model = self.model(request.model)
        grid(model.config.sampling_rate, model.config.window_samples, request.timeline)
        if request.timeline.vad:
            check_vad()
        work = _Work(lane, upload, model, request, job)
        header = self._header(work)
        regions = _regions(request, header)
        stated_s = self._check_size(work, header, len(regions))
        return [
            self._predict_region(
                replace(work, request=replace(request, region=region), expected_s=stated_s, done=i, of=len(regions))
            )
            for i, region in enumerate(regions)
        ]

    def _header(self, work: "_Work") -> Mapping[str, Any]:
        (event,) = self._events(work, task="header")
        return event.note

    def _check_size(self, work: "_Work", header: Mapping[str, Any], n_regions: int) -> float:
        """Refuse what would be too much work before it starts, if the file's header can be relied on.

        A guess, as of MP3 and ADTS from their bit rate, only decides on the lane. Returns the stated seconds.
        """
        region, config = work.request.region, work.model.config
        stated_s, exact_s = (
            max(0.0, min(seconds, region.end or seconds) - region.start)
            for seconds in (header.get("stated_s") or 0.0, header.get("exact_s") or 0.0)
        )
        if exact_s > self.config.duration_s:
            raise self._too_long(work)
        if (n := n_regions * count_windows(exact_s, work.request, config)) > self.config.max_windows:
            raise self._too_many(work, n)
        n_windows = n_regions * count_windows(stated_s, work.request, config)
        if work.lane.is_fast and (stated_s > SHORT_S or n_windows > SHORT_WINDOWS):
            raise _TakesLong
        return stated_s

    def _predict_region(self, work: "_Work") -> Prediction:
        model, request = work.model, work.request
        decoded = self._run_model(work)
        task = task_of(request.timeline, request.region, along_time=request.over_time)
        whole, segments = task.answer(decoded, model.config)
        self.metrics.sound.inc(whole.end - whole.start)
        self.metrics.answers.labels(whole.label).inc()
        result = Result(Source(work.upload.name, model.config.name, model.runtime.device), whole, segments)
        return Prediction(result, decoded.notes[-1].get("overview"))

    def _run_model(self, work: "_Work") -> DecodedRecording:
        lane, model, start = work.lane, work.model, work.request.region.start
        assert isinstance(model.runtime, Batcher)
        runtime = model.runtime if lane.is_fast else model.runtime.background
        threshold = model.config.speech_threshold if work.request.timeline.gate else None
        logits: list[FloatArray] = [np.empty((0, len(model.config.labels)), np.float32)]
        notes: list[Mapping[str, Any]] = []
        n_windows, end_s = 0, 0.0
        for event in self._events(work):
            end_s = event.end_s
            notes.append(event.note)
            if event.windows is not None:
                n_windows += len(event.windows)
                if n_windows > self.config.max_windows:
                    raise self._too_many(work, n_windows)
                if lane.is_fast and (n_windows > SHORT_WINDOWS or end_s - start > SHORT_S):
                    raise _TakesLong
                logits.append(mark_no_speech(runtime.outputs(event.windows), threshold))
            if work.expected_s:
                work.job.share = (work.done + min(1.0, (end_s - start) / work.expected_s)) / work.of
        return DecodedRecording(np.concatenate(logits), tuple(notes), end_s)

    def _convert_in(self, lane: _Lane, upload: Upload, job: Job, path: Path) -> None:
        model = self.model("")
        work = _Work(lane, upload, model, PredictRequest("", TimelineConfig(), FULL), job)
        n_written = 0
        with create(path) as file, wave.open(file) as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(model.config.sampling_rate)
            for event in self._events(work, task="samples"):
                if event.windows is None:
                    continue
                samples = event.windows.ravel()[: event.note["n"] - n_written]  # the last row is filled with zeros
                n_written += len(samples)
                wav.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())

    def _events(self, work: "_Work", task: readers.Task = "windows") -> Iterator[WindowBatch]:
        """Yield what a decode worker makes of the upload.

        Raises:
            RequestError: it fails, or takes too long.
            Cancelled: the job was cancelled.
        """
        request, config, path = work.request, work.model.config, str(work.upload.path)
        settings = {
            "sampling_rate": config.sampling_rate,
            "window_samples": config.window_samples,
            "region": asdict(request.region),
            "config": asdict(request.timeline),
            "task": task,
            "over_time": request.over_time,
            "overview": request.overview,
        }
        until = time.monotonic() + self.config.answer_s
        with closing(work.lane.workers.read(path, settings)) as events:
            for event in events:
                work.job.check()
                if isinstance(event, Failure):
                    raise self._failed(event.kind, event.reason.replace(path, work.upload.name))
                if "too_long" in event.note:
                    raise self._too_long(work)
                if time.monotonic() > until:
                    raise self._too_slow(work)
                yield event

    def _too_long(self, work: "_Work") -> RequestError:
        allowed = f"the {self.config.duration_s:g} s allowed"
        return self._failed(
            "limit", f"{work.upload.name}: lasts longer than {allowed}; cut it, or request a part with start and end"
        )

    def _too_many(self, work: "_Work", n_windows: int) -> RequestError:
        allowed = f"more than the {self.config.max_windows} allowed"
        return self._failed(
            "limit",
            f"{work.upload.name}: takes {n_windows} windows of the model or more, {allowed}; "
            "use a longer hop, a shorter window or a part of the recording",
        )

    def _too_slow(self, work: "_Work") -> RequestError:
        allowed = f"the {self.config.answer_s:g} s allowed"
        return self._failed(
            "time", f"{work.upload.name}: predicting takes longer than {allowed}; use a part or a longer hop"
        )

    def _failed(self, kind: str, reason: str) -> RequestError:
        self.metrics.failures.labels(kind).inc()
        return RequestError(_STATUS.get(kind, 500), reason)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a thread works on: one upload, or one channel of it, number ``done`` of ``of``.

    ``expected_s`` is how long it lasts according to its header; 0 where that is unknown.
    """

    lane: _Lane
    upload: Upload
    model: Model
    request: PredictRequest
    job: Job
    expected_s: float = 0.0
    done: int = 0
    of: int = 1


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
