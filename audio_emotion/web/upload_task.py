"""One upload at work: a worker decodes it, and the model reads its windows, within the limits of the service."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audio_emotion.audio.notes import Note
from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.audio.vad import check_vad
from audio_emotion.audio.windows import window_bounds
from audio_emotion.batch.scoring import DecodedRecording, notes_in, task_of
from audio_emotion.batch.workers import Failure, WindowBatch, WorkerPool
from audio_emotion.core.errors import reason
from audio_emotion.core.types import FloatArray, Prediction
from audio_emotion.formats import Result, Source
from audio_emotion.inference.adaptation import MIN_WINDOWS, GroupMean, pooled_vectors
from audio_emotion.inference.config import grid
from audio_emotion.inference.model import Model
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.web import readers
from audio_emotion.web.batcher import Batcher, BatcherView
from audio_emotion.web.errors import RequestError
from audio_emotion.web.jobs import SHORT_S, SHORT_WINDOWS, ChannelResult, Job, PredictRequest, TakesLong
from audio_emotion.web.metrics import Metrics
from audio_emotion.web.settings import ServeConfig
from audio_emotion.web.turns import is_conversation, predict_turns
from audio_emotion.web.uploads import ADAPTATION, TRANSCRIPT, Upload, create

_STATUS = {"limit": 413, "time": 413, "memory": 413, "decode": 422, "crash": 422}


@dataclass(frozen=True, slots=True)
class UploadTask:
    """An upload, and all that a thread needs to predict or convert it.

    Attributes:
        upload: the file.
        request: what is wanted.
        job: cancelled when the client leaves.
        model: its runtime is a :class:`~audio_emotion.web.batcher.Batcher`.
        workers: decode the file.
        speaker_workers: find out who speaks when, which takes longer.
        is_fast: whether it has to leave, with :class:`TakesLong`, as soon as it proves long.
        config: the limits of the service.
        metrics: those of the service.
    """

    upload: Upload
    request: PredictRequest
    job: Job
    model: Model
    workers: WorkerPool
    speaker_workers: WorkerPool
    is_fast: bool
    config: ServeConfig
    metrics: Metrics

    def predict(self) -> list[ChannelResult]:
        """Return one result for each channel that is predicted by itself, or one for a conversation.

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
        shift, notes = self._common_shift()
        (event,) = self.events(request.region, "header")
        if is_conversation(self):
            self._check_size(event.note, 0)
            return [predict_turns(self, self.adapted_model(shift), int(event.note["n_channels"]), notes)]
        regions = _regions(request, event.note)
        stated_s = self._check_size(event.note, len(regions))
        shares = [_Share(stated_s, i, len(regions)) for i in range(len(regions))]
        return [self._predict_region(*each, shift, notes) for each in zip(regions, shares, strict=True)]

    def pooled(self) -> GroupMean:
        """Return the sum of the recording's pooled vectors, with which a group of recordings can be adapted to.

        Raises as :meth:`predict`.
        """
        self.job.check()
        (event,) = self.events(self.request.region, "header")
        self._check_size(event.note, 1)
        return self._pooled(self.request.region)

    def adapted_model(self, shift: FloatArray | None = None) -> Model:
        """Return the model as this request sees it: in its lane, with a shift (n_pooled,) of its own.

        Running it raises :class:`Cancelled` once the client has left, and RequestError once it has taken too long.
        """
        until = time.monotonic() + self.config.answer_s

        def check() -> None:
            self.job.check()
            if time.monotonic() > until:
                raise self._too_slow()

        assert isinstance(self.model.runtime, Batcher)
        view = BatcherView(self.model.runtime, self.is_fast, shift, check)
        return Model(self.model.config, view, self.model.backend, self.model.adaptation)

    def _common_shift(self) -> tuple[FloatArray | None, tuple[str, ...]]:
        """Return the shift towards the group of recordings that the upload names, if it does; and what to note."""
        part = self.upload.parts.get(ADAPTATION)
        adaptation = self.model.adaptation
        if part is None and not self.request.adapt:
            return None, ()
        if adaptation is None:
            name = self.model.config.name
            raise RequestError(422, f"the model {name!r} cannot be adapted; choose another, or leave adaptation out")
        if part is None:
            return None, ()
        return self._shift(read_group_mean(part.path, len(adaptation.mean)))

    def _shift(self, mean: GroupMean) -> tuple[FloatArray | None, tuple[str, ...]]:
        assert self.model.adaptation is not None
        shift = mean.shift(self.model.adaptation.mean, float(self.model.config.adaptation["shrinkage"]))
        if shift is not None:
            return shift, ()
        needed = f"adaptation needs at least {MIN_WINDOWS}"
        return None, (f"not adapted: {mean.n_windows} windows with speech, and {needed}",)

    def _pooled(self, region: AudioRegion) -> GroupMean:
        model, mean = self.adapted_model(), GroupMean()
        for event in self.events(region, "windows", over_time=False, overview=False):
            if self.is_fast and event.end_s - region.start > SHORT_S:
                raise TakesLong
            if event.windows is not None and len(event.windows):
                mean.add(pooled_vectors(model, event.windows, self.request.timeline.gate))
        return mean

    def convert(self, path: Path) -> None:
        """Write the upload to a new WAV file, mono, at the model's rate, 16 bits. Raises as :meth:`predict`."""
        self.write_wav(path, FULL, "PCM_16")

    def write_wav(
        self, path: Path, region: AudioRegion, subtype: Literal["PCM_16", "FLOAT"]
    ) -> Mapping[str, Any] | None:
        """Write a region of the upload to a new WAV file; return its overview, if the request wants one.

        Raises as :meth:`predict`.
        """
        import soundfile

        n_written = 0
        note: Mapping[str, Any] = {}
        rate = self.model.config.sampling_rate
        try:
            with create(path) as file, soundfile.SoundFile(file, "w", rate, 1, subtype, format="WAV") as wav:
                for event in self.events(region, "samples"):
                    note = event.note
                    if event.windows is None:
                        continue
                    samples = event.windows.ravel()[: note["n"] - n_written]  # the last row is filled with zeros
                    n_written += len(samples)
                    wav.write((np.clip(samples, -1, 1) * 32767).astype("<i2") if subtype == "PCM_16" else samples)
        except (OSError, soundfile.LibsndfileError) as error:
            raise RequestError(507, f"no space on the server ({reason(error)}); try again later") from error
        return note.get("overview")

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
            raise self.too_many(n)
        n_windows = n_regions * count_windows(stated_s, self.request, config)
        if self.is_fast and (stated_s > SHORT_S or n_windows > SHORT_WINDOWS):
            raise TakesLong
        return stated_s

    def _predict_region(
        self, region: AudioRegion, share: "_Share", shift: FloatArray | None, notes: tuple[str, ...]
    ) -> ChannelResult:
        if self.request.adapt and region.channel is not None:
            shift, own = self._shift(self._pooled(region))
            notes += own
        decoded = self._run_model(region, share, self.adapted_model(shift))
        task = task_of(self.request.timeline, region, along_time=self.request.over_time)
        whole, segments = task.answer(decoded, self.model.config)
        notes += tuple(map(_with_parameters, notes_in(decoded, whole, self.model.config)))
        overviews = {region.channel: decoded.notes[-1].get("overview")}
        return ChannelResult(self.result(whole, segments, notes), overviews, notes)

    def result(self, whole: Prediction, segments: tuple[Prediction, ...] | None, notes: tuple[str, ...] = ()) -> Result:
        """Return the result with these predictions and notes, and count it."""
        self.metrics.sound.inc(whole.end - whole.start)
        self.metrics.answers.labels(whole.label).inc()
        source = Source(self.upload.name, self.model.config.name, self.model.runtime.device)
        return Result(source, whole, segments, tuple(Note("", note) for note in notes))

    def _run_model(self, region: AudioRegion, share: "_Share", model: Model) -> DecodedRecording:
        logits: list[FloatArray] = [np.empty((0, len(model.config.labels)), np.float32)]
        notes: list[Mapping[str, Any]] = []
        n_windows, end_s = 0, 0.0
        for event in self.events(region, "windows"):
            end_s = event.end_s
            notes.append(event.note)
            if event.windows is not None:
                n_windows += len(event.windows)
                if n_windows > self.config.max_windows:
                    raise self.too_many(n_windows)
                if self.is_fast and (n_windows > SHORT_WINDOWS or end_s - region.start > SHORT_S):
                    raise TakesLong
                logits.append(model.logits(event.windows, gate=self.request.timeline.gate))
            if share.expected_s:
                self.job.share = share.of_request(end_s - region.start)
        return DecodedRecording(np.concatenate(logits), tuple(notes), end_s)

    def events(self, region: AudioRegion, task: readers.Task, **overrides: Any) -> Iterator[WindowBatch]:
        """Yield what a worker makes of the upload; ``overrides`` are settings of :func:`readers.read`.

        Raises:
            RequestError: it fails, or takes too long.
            Cancelled: the job was cancelled.
        """
        request, config = self.request, self.model.config
        source = self.upload.parts[TRANSCRIPT] if task == "transcript" else self.upload
        path = str(source.path)
        settings = {
            "sampling_rate": config.sampling_rate,
            "window_samples": config.window_samples,
            "region": asdict(region),
            "config": asdict(request.timeline),
            "task": task,
            "over_time": request.over_time,
            "overview": request.overview,
            **overrides,
        }
        until = time.monotonic() + self.config.answer_s
        workers = self.speaker_workers if task == "speakers" else self.workers
        with closing(workers.read(path, settings)) as events:
            for event in events:
                self.job.check()
                if isinstance(event, Failure):
                    raise self.failed(event.kind, event.reason.replace(path, source.name))
                if "too_long" in event.note:
                    raise self._too_long()
                if time.monotonic() > until:
                    raise self._too_slow()
                yield event

    def _too_long(self) -> RequestError:
        allowed = f"the {self.config.duration_s:g} s allowed"
        return self.failed(
            "limit", f"{self.upload.name}: lasts longer than {allowed}; cut it, or request a part with start and end"
        )

    def too_many(self, n_windows: int) -> RequestError:
        """Return the error of a request that needs too many windows."""
        allowed = f"more than the {self.config.max_windows} allowed"
        return self.failed(
            "limit",
            f"{self.upload.name}: takes {n_windows} windows of the model or more, {allowed}; "
            "use a longer hop, a shorter window or a part of the recording",
        )

    def _too_slow(self) -> RequestError:
        allowed = f"the {self.config.answer_s:g} s allowed"
        return self.failed(
            "time", f"{self.upload.name}: predicting takes longer than {allowed}; use a part or a longer hop"
        )

    def failed(self, kind: str, reason: str) -> RequestError:
        """Return the error of an upload that has no result, and count it; kinds are those of a decode worker."""
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


def _with_parameters(note: Note) -> str:
    """Return a note with the parameters of a request where it names options of the command line."""
    return str(note).replace("--stream N", "stream=N").replace("--vad", "vad=true")


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


def read_group_mean(path: Path, n_pooled: int) -> GroupMean:
    """Read what an upload says of a group of recordings: the sum of their pooled vectors, and of how many.

    Raises:
        RequestError: it is something else.
    """
    try:
        content = json.loads(path.read_bytes())
        total, n_windows = np.array(content["total"], np.float64), int(content["n_windows"])
    except (ValueError, TypeError, KeyError) as error:
        raise RequestError(422, f"{ADAPTATION}: expected what /page/pooled returned") from error
    if total.shape != (n_pooled,) or not np.isfinite(total).all() or n_windows < 0:
        raise RequestError(422, f"{ADAPTATION}: expected {n_pooled} finite numbers; use the same model throughout")
    return GroupMean(total, n_windows)
