"""A model as an ONNX graph, on the CPU."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np

from audio_emotion.core.errors import ModelError
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import FloatArray, IntArray
from audio_emotion.inference.backends import Outputs, concatenate, cores
from audio_emotion.inference.backends.trim_padding import Margin, shortened
from audio_emotion.models import entry
from audio_emotion.models.checkpoint import CONFIG, ModelConfig
from audio_emotion.models.descriptors import maker


class OnnxRuntime:
    """Runs a graph that :mod:`audio_emotion.export.weights` wrote.

    Its input is ``samples``, or ``features``, and maybe ``shift``; its outputs are ``logits``, and maybe ``pooled`` and
    ``speech``.

    Attributes:
        input_shape: of one window, or of its features, as the graph has it; None for a length that may vary.
        n_labels: how many logits a window gets.
        n_pooled: width of the pooled vector; None: the graph has none.
        decides_speech: whether the graph says which windows contain speech.
    """

    device = "cpu"

    def __init__(
        self,
        graph: Path,
        features: Callable[[FloatArray], FloatArray] | None = None,
        threads: int | None = None,
        shift: FloatArray | None = None,
    ) -> None:
        """Load a graph.

        Args:
            graph: the file.
            features: computes the graph's input from windows, where it begins behind the frontend.
            threads: how many threads share the windows of a batch; None: one on each core.
            shift: what is added to every pooled vector, (n_pooled,), where the model is adapted.

        Raises:
            ModelError: ONNX Runtime rejects the graph.
        """
        # Its builds report usage to their maker unless this is set before they are imported.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1  # a window is too small to share; a batch's windows are
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a class for each of its complaints
            reason = " ".join(str(error).split())[:300]
            raise ModelError(
                f"ONNX Runtime cannot load this graph ({reason})",
                subject=display_path(graph),
                hint="use --backend torch, or download or train the model again",
            ) from error
        self._features = features
        self._n_threads = threads
        self._shift = shift
        self._input: str = self._session.get_inputs()[0].name
        shape = self._session.get_inputs()[0].shape[1:]
        self.input_shape: tuple[int | None, ...] = tuple(n if isinstance(n, int) else None for n in shape)
        self._margin = Margin()
        if None in self.input_shape:  # it reads windows of several lengths
            self._margin = Margin.of(self._session.get_modelmeta().custom_metadata_map)
        shapes = {output.name: output.shape for output in self._session.get_outputs()}
        self.n_labels: int = shapes["logits"][1]
        self.n_pooled: int | None = shapes["pooled"][1] if "pooled" in shapes else None
        self.decides_speech = "speech" in shapes
        self._names = [name for name in Outputs._fields if name in shapes]

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Return whether a window, or its features, may have that shape."""
        if None in self.input_shape:
            return len(shape) == 1 and self._margin.divides(shape[0])
        return shape == self.input_shape

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples), each thread reading some of them."""
        return self.outputs(windows).logits

    def outputs(self, windows: FloatArray, shift: FloatArray | None = None, threads: int | None = None) -> Outputs:
        """See :meth:`audio_emotion.inference.backends.OutputsRuntime.outputs`."""
        given = windows if self._features is None else self._features(windows)
        shift = self._shift if shift is None else shift
        rows = None if shift is None else np.broadcast_to(shift, (len(given), shift.shape[-1]))
        if len(given) <= 1:  # a window cannot be shared
            return self._run(given, rows)
        n_shares = min(threads or self._n_threads or cores(), len(given))
        if n_shares == 1:
            return self._run(given, rows)
        shares = np.array_split(given, n_shares)
        shifts = [None] * n_shares if rows is None else np.array_split(rows, n_shares)
        return concatenate(list(_threads().map(self._run, shares, shifts)))

    def with_shift(self, shift: FloatArray) -> Self:
        """Return the same model, its session shared, with a shift (n_pooled,) of its own."""
        other = copy(self)
        other._shift = shift
        return other

    def _run(self, given: FloatArray, shift: FloatArray | None) -> Outputs:
        if None not in self.input_shape:
            return self._answer(given, shift)
        parts: list[Outputs] = []
        order: list[IntArray] = []
        for numbers, windows in shortened(given, self._margin):  # windows of one length at a time
            parts.append(self._answer(windows, None if shift is None else shift[numbers]))
            order.append(numbers)
        # Windows were computed in the order of their lengths; argsort of a permutation is its inverse.
        back = np.argsort(np.concatenate(order))
        return Outputs._make(None if array is None else array[back] for array in concatenate(parts))

    def _answer(self, given: FloatArray, shift: FloatArray | None) -> Outputs:
        inputs = {self._input: given} | ({} if shift is None else {"shift": np.ascontiguousarray(shift)})
        return Outputs(**dict(zip(self._names, self._session.run(self._names, inputs), strict=True)))


def load(graph: Path, config: ModelConfig, threads: int | None = None) -> OnnxRuntime:
    """Load a graph of a model folder, and check that it belongs to the folder's description.

    Raises:
        ModelError: it does not, or ONNX Runtime rejects it.
    """
    features = maker(entry(config.architecture).frontend, config.frontend) if config.graph == "features" else None
    shape: tuple[int, ...] = (config.window_samples,)
    if features is not None:
        shape = features(np.zeros((1, config.window_samples), np.float32)).shape[1:]
    runtime = OnnxRuntime(graph, features, threads)
    if config.speech_threshold is not None and not runtime.decides_speech:
        raise ModelError(
            f"states a speech_threshold, and {graph.name} has no output 'speech'",
            subject=f"{graph.parent / CONFIG}",
            hint="the files belong to different models",
        )
    if not runtime.takes(shape) or runtime.n_labels != len(config.labels):
        raise ModelError(
            f"makes input of shape {shape} and {len(config.labels)} labels, "
            f"and {graph.name} has {runtime.input_shape} and {runtime.n_labels}",
            subject=f"{graph.parent / CONFIG}",
            hint="the files belong to different models",
        )
    return runtime


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads of every model on the CPU; they are started when a batch first asks for them."""
    return ThreadPoolExecutor(cores(), "audio-emotion")
