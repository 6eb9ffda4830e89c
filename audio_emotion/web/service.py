"""The models that stay loaded, decode workers, and two lanes of threads, so that short requests go first."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TypeVar

from audio_emotion.audio.region import FULL
from audio_emotion.batch.workers import Limits, Reader, WorkerPool
from audio_emotion.inference.adaptation import GroupMean
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.models import checkpoint
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.web import readers
from audio_emotion.web.batcher import Batcher
from audio_emotion.web.errors import RequestError
from audio_emotion.web.jobs import ChannelResult, Job, PredictRequest, TakesLong
from audio_emotion.web.metrics import Metrics
from audio_emotion.web.settings import ServeConfig
from audio_emotion.web.upload_task import UploadTask
from audio_emotion.web.uploads import Upload, UploadFolder

T = TypeVar("T")

_NICENESS = 10  # of workers for long requests: those of short ones get the processor first
_SPEAKER_BYTES = 4 * 2**30  # address space of ONNX Runtime and its threads included


@dataclass(frozen=True, slots=True)
class _WorkerLane:
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
        n_slow = max(1, config.jobs // 2)
        self._fast = self._new_lane(config.jobs, is_fast=True)
        self._slow = self._new_lane(n_slow, is_fast=False)
        # to find out who speaks when takes longer than to decode, and loads a network
        limits = Limits(inf, config.upload_bytes, config.answer_s, max(config.memory_bytes, _SPEAKER_BYTES))
        self._speaker_workers = WorkerPool(self._reader(_NICENESS), n_slow, limits)

    def _reader(self, niceness: int) -> Reader:
        return Reader(readers.NAME, {"duration_s": self.config.duration_s, "niceness": niceness})

    def _new_lane(self, n: int, *, is_fast: bool) -> _WorkerLane:
        config = self.config
        limits = Limits(inf, config.upload_bytes, config.decode_s, config.memory_bytes)  # the reader measures lengths
        workers = WorkerPool(self._reader(0 if is_fast else _NICENESS), n, limits)
        name = "predict" if is_fast else "predict-long"
        return _WorkerLane(ThreadPoolExecutor(n, thread_name_prefix=name), workers, is_fast)

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
        self._speaker_workers.close()
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
                adaptation = loaded.adaptation
                own_shift = None if adaptation is None else adaptation.own_shift
                runtime = Batcher(loaded.runtime, config.batch_wait_s, self.metrics.batches.observe, own_shift)
                self._models[name] = Model(loaded.config, runtime, loaded.backend, adaptation)
            return self._models[name]

    async def predict(self, upload: Upload, request: PredictRequest, job: Job) -> list[ChannelResult]:
        """Predict an upload, and remove it: one result for each channel that is predicted by itself.

        Raises:
            RequestError: there is no result.
            UsageError: the parameters contradict each other.
            Cancelled: the job was cancelled.
        """
        return await self._in_lanes(upload, request, job, UploadTask.predict)

    async def pooled(self, upload: Upload, request: PredictRequest, job: Job) -> GroupMean:
        """Return the sum of an upload's pooled vectors, and remove it. Raises as :meth:`predict`."""
        return await self._in_lanes(upload, request, job, UploadTask.pooled)

    async def _in_lanes(self, upload: Upload, request: PredictRequest, job: Job, work: Callable[[UploadTask], T]) -> T:
        """Do the work in the fast lane, or where it proves long in the slow one; then remove the upload."""
        try:
            return await job.run(self._fast.threads, lambda: work(self._task(self._fast, upload, request, job)))
        except TakesLong:
            return await job.run(self._slow.threads, lambda: work(self._task(self._slow, upload, request, job)))
        finally:
            upload.remove()

    async def convert(self, upload: Upload, job: Job) -> Path:
        """Convert an upload to a WAV file, mono and at the rate of the default model, and remove the upload.

        The caller removes the WAV file. Raises as :meth:`predict`.
        """
        path = self.uploads.new_path()
        whole = PredictRequest("", TimelineConfig(), FULL)
        try:
            await job.run(self._slow.threads, lambda: self._task(self._slow, upload, whole, job).convert(path))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            upload.remove()
        return path

    def _task(self, lane: _WorkerLane, upload: Upload, request: PredictRequest, job: Job) -> UploadTask:
        """Return what the lane does with an upload; loads the model, so it is called in the lane's thread."""
        job.check()
        model = self.model(request.model)
        workers = (lane.workers, self._speaker_workers)
        return UploadTask(upload, request, job, model, *workers, lane.is_fast, self.config, self.metrics)
