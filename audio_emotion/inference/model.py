"""One recording → one answer. Training's evaluation and every command go through here."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from audio_emotion import audio
from audio_emotion.audio.find import expand
from audio_emotion.audio.region import FULL, AudioRegion, AudioSource
from audio_emotion.audio.vad import check_vad
from audio_emotion.core.errors import AudioError, ModelError, UsageError
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import FloatArray, Prediction, Waveform
from audio_emotion.inference.backends import Runtime, choose_device, cores
from audio_emotion.inference.backends.onnx import OnnxRuntime
from audio_emotion.inference.batching import Recording, predict_batched
from audio_emotion.models import checkpoint, entry
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.models.descriptors import maker

_GROUP = 16
"""Recordings that a thread answers together: their windows share a batch, in which no other thread has to wait."""

BACKENDS = ("auto", "onnx", "onnx-int8", "torch")
_GRAPHS = {"onnx": checkpoint.GRAPH, "onnx-int8": checkpoint.INT8_GRAPH}

_LOG = logging.getLogger(__name__)


class Model:
    """A loaded model: its description, and where it runs.

    Any number of threads may use one model at a time. Nothing in it changes once it is loaded, and what runs it
    allows it: an ONNX Runtime session may be run by several threads, and so may a torch module in evaluation mode.
    (The detector behind ``vad`` keeps a state, and each thread has its own.)

    Attributes:
        config: what the model folder says of it.
        runtime: what runs it.
        backend: ``onnx``, ``onnx-int8`` or ``torch``.
    """

    def __init__(self, config: ModelConfig, runtime: Runtime, backend: str) -> None:
        self.config = config
        self.runtime = runtime
        self.backend = backend

    def __repr__(self) -> str:
        seconds = self.config.window_samples / self.config.sampling_rate
        return (
            f"Model({self.config.name!r}, {self.config.architecture}, {self.config.sampling_rate} Hz, "
            f"windows of {seconds:g} s, {len(self.config.labels)} labels, {self.backend} on {self.runtime.device})"
        )

    def predict(
        self,
        source: AudioSource | npt.NDArray[Any],
        sampling_rate: int | None = None,
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
        name: str | None = None,
    ) -> Prediction:
        """Say which emotion a recording holds: one answer, the mean over its windows that hold speech.

        The quiet at both ends is left out, as in training. A long recording is decoded in a stream; memory grows by
        2 MB an hour.

        Args:
            source: a path, the bytes of a file, a file object open for reading, or samples, (n_samples,) or
                (n_samples, n_channels), floats with full scale at ±1 or integers.
            sampling_rate: Hz, of samples.
            part: which stretch, channel and stream is meant.
            gate: whether windows of silence, hum, noise and steady tones are left out.
            vad: whether windows without a voice are left out too (extra ``vad``).
            name: what messages call a source that is not a path.

        Raises:
            AudioError: there is nothing to judge.
            PackageError: ``vad`` without its package.

        >>> import numpy as np
        >>> from audio_emotion import load_model
        >>> load_model(device="cpu").predict(np.zeros(16_000), 16_000).label
        'no speech'
        """
        read = self.reader(source, sampling_rate, part, name)
        return self._predict(Recording(read, part.start, part.channel, gate, vad))

    def predict_files(
        self,
        paths: Iterable[str | PathLike[str]],
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
    ) -> Iterator[tuple[Path, Prediction | AudioError]]:
        """Yield each path with its answer, or with the error that it met, which stops no other.

        Recordings are read and answered in groups of sixteen, on as many threads as there are cores.

        >>> from audio_emotion import AudioEmotionError, load_model
        >>> for path, result in load_model(device="cpu").predict_files(["absent.wav"]):
        ...     print(f"failed: {result}" if isinstance(result, AudioEmotionError) else result.label)
        failed: absent.wav: no such file or folder; check the path
        """
        if vad:
            check_vad()

        def predict_group(group: Sequence[Path]) -> list[Prediction | AudioError]:
            readers = [self.reader(path, None, part) for path in group]
            recordings = [Recording(read, part.start, part.channel, gate, vad) for read in readers]
            return predict_batched(recordings, self.config, forward)

        forward = self.runtime.logits_here if isinstance(self.runtime, OnnxRuntime) else self.runtime.logits
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
        """Do as :meth:`predict_files` with the recordings in a folder, sorted by name.

        Raises :class:`~audio_emotion.core.errors.AudioError` where the folder holds none.
        """
        found = expand([folder], recursive)
        if found == [Path(folder)]:
            raise AudioError(f"{display_path(folder)}: not a folder with recordings, such as *.wav, *.flac or *.mp3")
        return self.predict_files(found, gate=gate, vad=vad)

    def predict_waveform(self, waveform: Waveform, gate: bool = True, vad: bool = False) -> Prediction:
        """Say which emotion a waveform at the model's own sampling rate holds."""
        return self._predict(Recording(lambda: [waveform.samples], waveform.start, None, gate, vad))

    def reader(
        self,
        source: AudioSource | npt.NDArray[Any],
        sampling_rate: int | None,
        part: AudioRegion = FULL,
        name: str | None = None,
    ) -> Callable[[], Iterable[FloatArray]]:
        """Return what gives a recording's blocks at the model's rate, from the beginning each time it is called."""
        if not isinstance(source, np.ndarray):
            return lambda: audio.blocks(source, self.config.sampling_rate, part, name=name)
        if sampling_rate is None:
            raise TypeError("an array of samples needs its sampling_rate in Hz")
        waveform = audio.from_frames(source, sampling_rate, self.config.sampling_rate, part, name or "array")
        return lambda: [waveform.samples]

    def _predict(self, recording: Recording) -> Prediction:
        (result,) = predict_batched([recording], self.config, self.runtime.logits)
        if isinstance(result, AudioError):
            raise result
        return result


def load_model(
    name: str = checkpoint.DEFAULT,
    device: str = "auto",
    backend: Literal["auto", "onnx", "onnx-int8", "torch"] = "auto",
    threads: int | None = None,
) -> Model:
    """Load a model by name or path on ``auto``, ``cpu``, ``cuda`` or ``mps``.

    ``auto`` as backend is ONNX Runtime on the CPU, where torch is then not imported, and torch elsewhere, or where
    the model has no graph. On the CPU it takes a graph in 8-bit integers where the model has one, which takes half the
    time and whose scores differ by a few hundredths; ``onnx`` is the graph in 32-bit floats, ``onnx-int8`` the other,
    ``torch`` runs anywhere. Models whose features librosa makes need it on either, and take its import, one to several
    seconds, longer to start. ``threads`` is how many cores ONNX Runtime may use; None: all.

    Raises:
        ModelError: no such model, or its folder is incomplete or altered.
        DeviceError: no such device here.
        UsageError: no such backend, or a graph on another device than the CPU, or one that the model does not have.
    """
    if backend not in BACKENDS:
        raise UsageError(f"no backend is called {backend!r}; choose one of {', '.join(BACKENDS)}")
    by_graph = backend in _GRAPHS
    device = choose_device("cpu" if by_graph and device == "auto" else device)
    if by_graph and device != "cpu":
        raise UsageError(f"the {backend} backend runs on the CPU, and {device!r} was asked for; use --backend torch")
    began = time.monotonic()
    folder = checkpoint.find(name)
    config = checkpoint.read(folder)
    resolved = backend_for(config, device) if backend == "auto" else backend
    if resolved in _GRAPHS and _GRAPHS[resolved] not in config.weight_files:
        raise UsageError(f"the model {config.name!r} has no {_GRAPHS[resolved]}; use --backend auto")
    model = Model(config, _runtime(folder, config, device, resolved, threads), resolved)
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
    if not runtime.takes(shape) or runtime.n_labels != len(config.labels):
        raise ModelError(
            f"{graph.parent / checkpoint.CONFIG}: makes input of shape {shape} and {len(config.labels)} labels, "
            f"and {graph.name} has {runtime.input_shape} and {runtime.n_labels}; the folder is not one model"
        )
    return runtime
