"""A loaded model, and the prediction of recordings as a whole. Evaluation and every command go through here."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, overload

import numpy as np
import numpy.typing as npt

from audio_emotion import audio
from audio_emotion.audio.find import expand
from audio_emotion.audio.region import FULL, AudioRegion, AudioSource
from audio_emotion.audio.vad import check_vad
from audio_emotion.core.errors import AudioError, ModelError, UsageError
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import FloatArray, Prediction, Timeline, Waveform
from audio_emotion.inference.backends import FullRuntime, OutputsRuntime, Runtime, choose_device, cores, mark_no_speech
from audio_emotion.inference.backends.onnx import OnnxRuntime
from audio_emotion.inference.batching import Recording, predict_batched
from audio_emotion.models import adaptation_file, checkpoint, entry
from audio_emotion.models.adaptation_file import Adaptation
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.models.descriptors import maker

_GROUP = 16
"""Recordings that a thread predicts together, so that their windows share a batch."""

BACKENDS = ("auto", "onnx", "onnx-int8", "torch")
_GRAPHS = {"onnx": checkpoint.GRAPH, "onnx-int8": checkpoint.INT8_GRAPH}

_LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    from audio_emotion.inference.config import Smoothing


class Tensor(Protocol):
    """A torch tensor of samples, (n_samples,) or (n_channels, n_samples), as torchaudio loads them."""

    def detach(self) -> Any: ...


Input = AudioSource | npt.NDArray[Any] | Tensor | Waveform
"""A path, the bytes of a file, an open file, an array, a tensor, or a :class:`Waveform`."""


class Model:
    """A loaded model: its description, and the backend that runs it.

    Any number of threads may share one model. Nothing in it changes once it is loaded, an ONNX Runtime session may
    be run by several threads, and so may a torch module in evaluation mode. (The detector behind ``vad`` keeps a
    state, and each thread has its own.)

    >>> from audio_emotion import load_model
    >>> model = load_model(device="cpu")
    >>> model.labels[:3], model.sampling_rate
    (('neutral', 'calm', 'happy'), 16000)

    Attributes:
        config: the content of the model folder's ``config.json``.
        runtime: runs the network on its device.
        backend: ``onnx``, ``onnx-int8`` or ``torch``.
        adaptation: the vectors that adaptation needs; None: the model cannot be adapted.
    """

    def __init__(
        self, config: ModelConfig, runtime: Runtime, backend: str, adaptation: Adaptation | None = None
    ) -> None:
        self.config = config
        self.runtime = runtime
        self.backend = backend
        self.adaptation = adaptation

    def __repr__(self) -> str:
        seconds = self.config.window_samples / self.config.sampling_rate
        return (
            f"Model({self.config.name!r}, {self.config.architecture}, {self.config.sampling_rate} Hz, "
            f"windows of {seconds:g} s, {len(self.config.labels)} labels, {self.backend} on {self.runtime.device})"
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels, in the order of its scores."""
        return self.config.labels

    @property
    def sampling_rate(self) -> int:
        """The rate in Hz that every recording is resampled to."""
        return self.config.sampling_rate

    @overload  # a path is a sequence of strings, too; the first signature comes first
    def predict(  # type: ignore[overload-overlap]
        self,
        source: Input,
        sampling_rate: int | None = None,
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
        name: str | None = None,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        source: Sequence[Input],
        sampling_rate: int | None = None,
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
        name: str | None = None,
    ) -> list[Prediction]: ...

    def predict(
        self,
        source: Input | Sequence[Input],
        sampling_rate: int | None = None,
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
        name: str | None = None,
    ) -> Prediction | list[Prediction]:
        """Predict the emotion of a recording: one prediction, the mean over its windows that hold speech.

        Quiet at both ends is trimmed, as in training. A long recording is decoded as a stream; memory grows by
        2 MB an hour. ``model(source)`` is the same.

        Args:
            source: a path, the bytes of a file, a file object open for reading, samples, or a list of these, which
                returns a list of predictions. Samples are an array, (n_samples,) or (n_samples, n_channels), a torch
                tensor, (n_samples,) or (n_channels, n_samples), floats with full scale at ±1 or integers, or a
                :class:`Waveform`, which has its own rate.
            sampling_rate: Hz; required for arrays and tensors.
            part: the time span, channel and stream to use.
            gate: whether to ignore windows of silence, hum, noise and steady tones.
            vad: whether to ignore windows without a voice too (extra ``vad``).
            name: name of a source that is not a path, for messages.

        Raises:
            AudioError: the recording cannot be decoded or is empty.
            PackageError: ``vad`` without its package.
            TypeError: ``source`` is something else, or an array comes without ``sampling_rate``.

        >>> import numpy as np
        >>> from audio_emotion import load_model
        >>> model = load_model(device="cpu")
        >>> model.predict(np.zeros(16_000), 16_000).label
        'no speech'
        >>> [p.label for p in model(["inference/samples/happy.wav", "inference/samples/sad.wav"])]
        ['happy', 'sad']
        """
        if isinstance(source, list | tuple):
            return self._predict_all([self.reader(item, sampling_rate, part, name) for item in source], part, gate, vad)
        read = self.reader(source, sampling_rate, part, name)  # type: ignore[arg-type]  # no sequence any more
        return self._predict(Recording(read, part.start, part.channel, gate, vad))

    __call__ = predict

    def predict_batch(
        self,
        waveforms: Sequence[Input],
        sampling_rate: int | None = None,
        *,
        gate: bool = True,
        vad: bool = False,
    ) -> list[Prediction]:
        """Predict several recordings, mostly arrays of samples, whose windows share batches of the model.

        Arguments and errors are those of :meth:`predict`; the first recording that fails raises its error.
        """
        return self.predict(list(waveforms), sampling_rate, gate=gate, vad=vad)

    def timeline(
        self,
        source: Input,
        sampling_rate: int | None = None,
        *,
        hop: float = 1.0,
        window: float | None = None,
        smooth: "Smoothing | None" = None,
        merge: bool = False,
        min_duration: float = 0.0,
        min_confidence: float = 0.0,
        gate: bool = True,
        vad: bool = False,
        part: AudioRegion = FULL,
    ) -> Timeline:
        """Predict emotion over time, and return all segments at once.

        For long recordings :func:`audio_emotion.timeline` yields segment by segment, as they are decoded.

        Args:
            source: as in :meth:`predict`.
            sampling_rate: Hz; required for arrays and tensors.
            hop: seconds from one window to the next.
            window: window length in seconds; None: the model's own.
            smooth: ``median`` or ``viterbi``; None: no smoothing.
            merge: whether adjacent segments with the same label are merged.
            min_duration: seconds; shorter segments are dropped once they are merged.
            min_confidence: below this score, 0 to 1, a segment's label is ``unknown``.
            gate: as in :meth:`predict`.
            vad: as in :meth:`predict`.
            part: as in :meth:`predict`.

        Raises:
            AudioError: as :meth:`predict`.
            UsageError: a value is out of its range.

        >>> from audio_emotion import load_model
        >>> timeline = load_model(device="cpu").timeline("inference/samples/sad.wav", hop=0.5)
        >>> [segment.label for segment in timeline]
        ['sad']
        """
        from audio_emotion.inference.config import TimelineConfig
        from audio_emotion.inference.prediction import overall
        from audio_emotion.inference.timeline import timeline

        config = TimelineConfig(window, hop, merge, min_duration, smooth, min_confidence, gate, vad)
        segments = tuple(timeline(self, source, sampling_rate, config, part))
        return Timeline(overall(segments, self.config, part.channel), segments)

    def predict_files(
        self,
        paths: Iterable[str | PathLike[str]],
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
    ) -> Iterator[tuple[Path, Prediction | AudioError]]:
        """Yield each path with its prediction, or with its error, which does not stop the others.

        Recordings are read and predicted in groups of sixteen, on as many threads as there are cores.

        >>> from audio_emotion import AudioEmotionError, load_model
        >>> for path, result in load_model(device="cpu").predict_files(["absent.wav"]):
        ...     print(f"failed: {result}" if isinstance(result, AudioEmotionError) else result.label)
        failed: absent.wav: no such file or folder; check the path
        """
        if vad:
            check_vad()

        forward = partial(self.logits, gate=gate, threads=1)

        def predict_group(group: Sequence[Path]) -> list[Prediction | AudioError]:
            readers = [self.reader(path, None, part) for path in group]
            recordings = [Recording(read, part.start, part.channel, gate, vad) for read in readers]
            return predict_batched(recordings, self.config, forward)

        threads = ThreadPoolExecutor(cores())
        try:
            in_flight = deque[tuple[Sequence[Path], Future[list[Prediction | AudioError]]]]()
            remaining = map(Path, paths)
            while group := tuple(islice(remaining, _GROUP)):
                in_flight.append((group, threads.submit(predict_group, group)))
                if len(in_flight) > cores():  # one group ahead, so that memory does not grow with their number
                    first, results = in_flight.popleft()
                    yield from zip(first, results.result(), strict=True)
            for last, results in in_flight:
                yield from zip(last, results.result(), strict=True)
        finally:
            threads.shutdown(cancel_futures=True)

    def predict_folder(
        self,
        folder: str | PathLike[str],
        *,
        recursive: bool = False,
        gate: bool = True,
        vad: bool = False,
    ) -> Iterator[tuple[Path, Prediction | AudioError]]:
        """Like :meth:`predict_files`, for the recordings in a folder, sorted by name.

        Raises:
            AudioError: the folder holds no recordings.
        """
        recordings = expand([folder], recursive)
        if recordings == [Path(folder)]:
            raise AudioError(f"{display_path(folder)}: not a folder with recordings, such as *.wav, *.flac or *.mp3")
        return self.predict_files(recordings, gate=gate, vad=vad)

    def predict_waveform(self, waveform: Waveform, gate: bool = True, vad: bool = False) -> Prediction:
        """Predict the emotion of a waveform at the model's own sampling rate."""
        return self._predict(Recording(lambda: [waveform.samples], waveform.start, None, gate, vad))

    def reader(
        self,
        source: Input,
        sampling_rate: int | None,
        part: AudioRegion = FULL,
        name: str | None = None,
    ) -> Callable[[], Iterable[FloatArray]]:
        """Return a function that yields a recording's blocks at the model's rate, from the start at each call.

        Raises:
            TypeError: ``source`` is no recording, or an array comes without ``sampling_rate``.
            AudioError: an array has samples that are not finite, or no samples.
        """
        if isinstance(source, Waveform):
            sampling_rate, source = source.sampling_rate, source.samples
        elif hasattr(source, "detach") and not hasattr(source, "read"):  # files have a method of that name too
            source = source.detach().cpu().numpy().T  # torchaudio's (n_channels, n_samples), soundfile's turned around
        if isinstance(source, np.ndarray):
            if sampling_rate is None:
                raise TypeError("an array of samples needs its sampling_rate in Hz")
            waveform = audio.from_frames(source, sampling_rate, self.config.sampling_rate, part, name or "array")
            return lambda: [waveform.samples]
        if isinstance(source, str | PathLike | bytes | audio.Recording) or hasattr(source, "read"):
            recording = cast(AudioSource, source)
            return lambda: audio.blocks(recording, self.config.sampling_rate, part, name=name)
        raise TypeError(
            f"cannot read a recording from {type(source).__name__}; expected a path, the bytes of a file, an open "
            "file, an array or a tensor with its sampling_rate, or a list of these"
        )

    def _predict(self, recording: Recording) -> Prediction:
        (result,) = predict_batched([recording], self.config, partial(self.logits, gate=recording.gate))
        if isinstance(result, AudioError):
            raise result
        return result

    def _predict_all(
        self, readers: Sequence[Callable[[], Iterable[FloatArray]]], part: AudioRegion, gate: bool, vad: bool
    ) -> list[Prediction]:
        recordings = [Recording(read, part.start, part.channel, gate, vad) for read in readers]
        predictions: list[Prediction] = []
        forward = partial(self.logits, gate=gate)
        for first in range(0, len(recordings), _GROUP):
            group = recordings[first : first + _GROUP]
            for result in predict_batched(group, self.config, forward):
                if isinstance(result, AudioError):
                    raise result
                predictions.append(result)
        return predictions

    def logits(
        self, windows: FloatArray, *, gate: bool = True, shift: FloatArray | None = None, threads: int | None = None
    ) -> FloatArray:
        """Return logits (n_windows, n_labels) of windows (n_windows, window_samples).

        Args:
            windows: at the model's sampling rate.
            gate: whether the row of a window in which the network finds no speech is NaN, where it decides that.
            shift: see :meth:`audio_emotion.inference.backends.OutputsRuntime.outputs`.
            threads: likewise.
        """
        if not isinstance(self.runtime, OutputsRuntime):
            return self.runtime.logits(windows)
        outputs = self.runtime.outputs(windows, shift, threads)
        return mark_no_speech(outputs, self.config.speech_threshold if gate else None)

    def with_shift(self, shift: FloatArray | None) -> "Model":
        """Return this model with a shift (n_pooled,) of its pooled vectors; weights are shared. None: the model itself.

        Raises:
            ModelError: the model cannot be adapted.
        """
        if shift is None:
            return self
        if self.adaptation is None or not isinstance(self.runtime, FullRuntime):
            raise ModelError(f"model {self.config.name!r} cannot be adapted; use another model")
        adaptation = self.adaptation._replace(shift=shift)
        return Model(self.config, self.runtime.with_shift(shift), self.backend, adaptation)

    def adapt(
        self,
        sources: "Input | Sequence[Input]",
        sampling_rate: int | None = None,
        *,
        shrinkage: float | None = None,
        gate: bool = True,
        vad: bool = False,
    ) -> "Model":
        """Return this model adapted to unlabelled recordings of one speaker, microphone or language.

        Nothing is trained: the recordings' mean pooled vector is moved towards the mean of the training data. Five to
        twenty recordings of a few seconds are enough; recordings of different emotions are best. ``config.adaptation``
        of the new model says how many recordings and windows were used.

        Args:
            sources: paths of recordings, folders or patterns; or sources as :meth:`predict` takes them, such as arrays.
            sampling_rate: Hz, of arrays of samples.
            shrinkage: number of windows at which the model is moved half the way; None: the model's own setting.
            gate: whether to ignore windows of silence, hum, noise and steady tones.
            vad: whether to ignore windows without a voice too (extra ``vad``).

        Raises:
            ModelError: the model cannot be adapted.
            AudioError: a recording cannot be decoded, or all of them have fewer than five windows with speech.

        >>> from audio_emotion import load_model
        >>> adapted = load_model(device="cpu").adapt(["inference/samples"])
        >>> adapted.config.adaptation["recordings"]
        8
        """
        from audio_emotion.inference.adaptation import adapted

        return adapted(self, sources, sampling_rate, shrinkage, gate, vad)


def load_model(
    name: str = checkpoint.DEFAULT,
    device: str = "auto",
    backend: Literal["auto", "onnx", "onnx-int8", "torch"] = "auto",
    threads: int | None = None,
) -> Model:
    """Load a model by name or path on ``auto``, ``cpu``, ``cuda`` or ``mps``.

    The backend ``auto`` is ONNX Runtime on a CPU, without importing torch; elsewhere, and for models without a graph,
    it is torch. ``onnx`` is the graph in 32-bit floats. ``onnx-int8`` is the graph in 8-bit integers: twice as fast,
    with scores that differ by a few hundredths; ``auto`` uses it where a model has it. Models whose features librosa
    computes take one to several seconds longer to start, because they import it. ``threads`` is the number of cores
    for ONNX Runtime; None: all.

    Raises:
        ModelError: no such model, or its folder is incomplete or altered.
        DeviceError: no such device here.
        UsageError: no such backend, or a graph on another device than the CPU, or one that the model does not have.
    """
    if backend not in BACKENDS:
        raise UsageError(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}")
    by_graph = backend in _GRAPHS
    device = choose_device("cpu" if by_graph and device == "auto" else device)
    if by_graph and device != "cpu":
        raise UsageError(f"the {backend} backend runs on the CPU, not on {device!r}; use --backend torch")
    began = time.monotonic()
    folder = checkpoint.find(name)
    config = checkpoint.read(folder)
    resolved = backend_for(config, device) if backend == "auto" else backend
    if resolved in _GRAPHS and _GRAPHS[resolved] not in config.weight_files:
        raise UsageError(f"the model {config.name!r} has no {_GRAPHS[resolved]}; use --backend auto")
    adaptation = adaptation_file.read(folder, config) if config.adaptation else None
    runtime = _runtime(folder, config, device, resolved, threads)
    model = Model(config, runtime, resolved, adaptation)
    if adaptation is not None and adaptation.shift is not None:
        model = model.with_shift(adaptation.shift)
    _LOG.debug(
        "model %s (%s) in %s, with %s on %s, loaded in %.0f ms",
        *(config.name, config.architecture, display_path(folder), resolved, device, 1000 * (time.monotonic() - began)),
    )
    return model


def backend_for(config: ModelConfig, device: str) -> str:
    """Return the backend that ``auto`` stands for with a model on a device."""
    if device != "cpu" or config.graph == "none":
        return "torch"
    return "onnx-int8" if config.int8 else "onnx"


def _runtime(folder: Path, config: ModelConfig, device: str, backend: str, threads: int | None) -> Runtime:
    if backend in _GRAPHS:
        return _onnx_runtime(folder / _GRAPHS[backend], config, threads)
    from audio_emotion.inference.backends.torch import TorchRuntime, load

    weights = folder / checkpoint.TENSORS
    model = load(weights, config.architecture, len(config.labels), config.parameters, config.frontend)
    return TorchRuntime(model, device)


def _onnx_runtime(graph: Path, config: ModelConfig, threads: int | None) -> Runtime:
    features = maker(entry(config.architecture).frontend, config.frontend) if config.graph == "features" else None
    shape: tuple[int, ...] = (config.window_samples,)
    if features is not None:
        shape = features(np.zeros((1, config.window_samples), np.float32)).shape[1:]
    runtime = OnnxRuntime(graph, features, threads)
    if config.speech_threshold is not None and not runtime.decides_speech:
        raise ModelError(
            f"{graph.parent / checkpoint.CONFIG}: states a speech_threshold, and {graph.name} has no output 'speech'; "
            "the folder is not one model"
        )
    if not runtime.takes(shape) or runtime.n_labels != len(config.labels):
        raise ModelError(
            f"{graph.parent / checkpoint.CONFIG}: makes input of shape {shape} and {len(config.labels)} labels, "
            f"and {graph.name} has {runtime.input_shape} and {runtime.n_labels}; the folder is not one model"
        )
    return runtime
