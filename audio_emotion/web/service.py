"""Uploads → answers: models that stay loaded, decode workers, and the folder that uploads pass through."""

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from audio_emotion.audio.region import AudioRegion
from audio_emotion.audio.vad import check_vad
from audio_emotion.batch.scoring import DecodedRecording, task_of
from audio_emotion.batch.workers import Failure, Limits, Reader, WindowBatch, WorkerPool
from audio_emotion.formats import Result
from audio_emotion.inference.config import TimelineConfig, grid
from audio_emotion.inference.model import Model, load_model
from audio_emotion.models import checkpoint
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.web import readers
from audio_emotion.web.batcher import Batcher
from audio_emotion.web.errors import RequestError
from audio_emotion.web.metrics import Metrics
from audio_emotion.web.settings import ServeConfig

_STATUS = {"limit": 413, "time": 413, "memory": 413, "decode": 422, "crash": 422}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an upload.

    Attributes:
        model: one of those that are served.
        timeline: how windows are cut and answered.
        part: what is heard.
        along_time: whether an answer along the time is wanted.
        overview: whether a picture of the sound is.
    """

    model: str
    timeline: TimelineConfig
    part: AudioRegion
    along_time: bool = False
    overview: bool = False


class InferenceService:
    """What answers uploads; any number of threads may ask."""

    def __init__(self, config: ServeConfig) -> None:
        self.config, self.metrics = config, Metrics()
        self._folders = {Path(name).name: name for name in config.models}
        self._models: dict[str, Model] = {}
        self._loading = threading.Lock()
        limits = Limits(inf, config.upload_bytes, config.decode_s, config.memory_bytes)  # the reader measures lengths
        self._crew = WorkerPool(Reader(readers.NAME, {"duration_s": config.duration_s}), config.jobs, limits)
        self.threads = ThreadPoolExecutor(config.jobs, thread_name_prefix="hear")
        self._folder = Path(tempfile.mkdtemp(prefix="audio-emotion-"))  # of mode 0700

    def start(self) -> None:
        """Load the first model and have a decode worker ready, unless that was done before.

        Raises:
            AudioEmotionError: either cannot be done.
        """
        for name in self._folders.values():
            checkpoint.read_config(checkpoint.find(name))
        self.model(self.names[0])
        self._crew.start()

    def close(self) -> None:
        """End what was begun and remove what was stored."""
        self.threads.shutdown(wait=True, cancel_futures=True)
        self._crew.close()
        for model in self._models.values():
            assert isinstance(model.runtime, Batcher)
            model.runtime.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def names(self) -> list[str]:
        """What the models are called, the default first."""
        return list(self._folders)

    def described(self) -> list[ModelConfig]:
        """Return what each model's folder says of it, in the order of :attr:`names`."""
        return [checkpoint.read_config(checkpoint.find(name)) for name in self._folders.values()]

    def model(self, name: str) -> Model:
        """Return a model by name, loading it when it is first asked for; an empty name is the default's.

        Raises:
            Refusal: no such model is served.
        """
        name = name or self.names[0]
        if name not in self._folders:
            raise RequestError(404, f"no model {name[:100]!r} is served; there are: {', '.join(self.names)}")
        with self._loading:
            if name not in self._models:
                config = self.config
                loaded = load_model(self._folders[name], config.device, config.backend)  # type: ignore[arg-type]
                runtime = Batcher(loaded.runtime, config.batch_wait_s, self.metrics.batches.observe)
                self._models[name] = Model(loaded.config, runtime, loaded.backend)
            return self._models[name]

    def predict(self, upload: BinaryIO, name: str, question: Question) -> tuple[Result, Mapping[str, Any] | None]:
        """Answer an upload called ``name``; beside the answer comes the picture of its sound, if it was asked for.

        Raises:
            Refusal: it has no answer.
            UsageError: what is asked contradicts itself.
        """
        model = self.model(question.model)
        grid(model.config.sampling_rate, model.config.window_samples, question.timeline)
        if question.timeline.vad:
            check_vad()
        path = self._folder / secrets.token_hex(16)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                shutil.copyfileobj(upload, file, 2**20)
            heard = self._heard(path, name, model, question)
        finally:
            path.unlink(missing_ok=True)
        task = task_of(question.timeline, question.part, along_time=question.along_time)
        said, segments = task.answer(heard, model.config)
        self.metrics.sound.inc(said.end - said.start)
        self.metrics.answers.labels(said.label).inc()
        answer = Result(name, model.config.name, model.runtime.device, said, segments)
        return answer, heard.notes[-1].get("overview")

    def _heard(self, path: Path, name: str, model: Model, question: Question) -> DecodedRecording:
        config = model.config
        settings = {
            "sampling_rate": config.sampling_rate,
            "window_samples": config.window_samples,
            "part": asdict(question.part),
            "config": asdict(question.timeline),
            "along_time": question.along_time,
            "overview": question.overview,
        }
        logits, notes, end_s = [np.empty((0, len(config.labels)), np.float32)], [], 0.0
        until = time.monotonic() + self.config.answer_s
        for event in self._crew.read(str(path), settings):
            if isinstance(event, Failure):
                raise self._refusal(event.kind, event.reason.replace(str(path), name))
            self._check(event, name, until)
            if event.windows is not None:
                logits.append(model.runtime.logits(event.windows))
            notes.append(event.note)
            end_s = event.end_s
        return DecodedRecording(np.concatenate(logits), tuple(notes), end_s)

    def _check(self, event: WindowBatch, name: str, until: float) -> None:
        if "too_long" in event.note:
            allowed = f"the {self.config.duration_s:g} s allowed"
            raise self._refusal("limit", f"{name}: lasts longer than {allowed}; cut it, or ask for a part")
        if time.monotonic() > until:
            allowed = f"the {self.config.answer_s:g} s allowed"
            raise self._refusal(
                "time", f"{name}: takes longer to answer than {allowed}; ask for a part or a longer hop"
            )

    def _refusal(self, kind: str, reason: str) -> RequestError:
        self.metrics.failures.labels(kind).inc()
        return RequestError(_STATUS.get(kind, 500), reason)
