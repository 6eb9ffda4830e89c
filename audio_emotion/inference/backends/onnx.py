"""A model as an ONNX graph, on the CPU."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from audio_emotion.core.types import FloatArray
from audio_emotion.inference.backends import cores
from audio_emotion.inference.backends.trim_padding import Margin, shortened


class OnnxRuntime:
    """Runs a graph that :mod:`audio_emotion.export.weights` wrote: ``samples``, or ``features``, in, ``logits`` out.

    Attributes:
        input_shape: of one window, or of its features, as the graph has it; None for a length that may vary.
        n_labels: how many logits a window gets.
    """

    device = "cpu"

    def __init__(
        self, graph: Path, features: Callable[[FloatArray], FloatArray] | None = None, threads: int | None = None
    ) -> None:
        """Load a graph; where it begins behind the frontend, ``features`` makes its input of windows.

        ``threads`` is how many of a batch's windows are read at a time; None: one on each core.
        """
        # Its builds report usage to their maker unless told not to, before they are imported.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1  # a window is too small to share; a batch's windows are
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._features = features
        self._n_shares = threads or cores()
        self._input: str = self._session.get_inputs()[0].name
        self._margin = Margin.of(self._session.get_modelmeta().custom_metadata_map)
        shape = self._session.get_inputs()[0].shape[1:]
        self.input_shape: tuple[int | None, ...] = tuple(n if isinstance(n, int) else None for n in shape)
        self.n_labels: int = self._session.get_outputs()[0].shape[1]

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Return whether a window, or its features, may have that shape."""
        if None in self.input_shape:
            return len(shape) == 1 and self._margin.divides(shape[0])
        return shape == self.input_shape

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples), each thread reading some of them."""
        given = self._made(windows)
        shares = np.array_split(given, min(self._n_shares, len(given)))
        if len(shares) == 1:
            return self._run(given)
        return np.concatenate(list(_threads().map(self._run, shares)))

    def logits_here(self, windows: FloatArray) -> FloatArray:
        """Do as :meth:`logits` on the caller's thread alone, as one of several does that keep every core busy."""
        return self._run(self._made(windows))

    def _made(self, windows: FloatArray) -> FloatArray:
        return windows if self._features is None else self._features(windows)

    def _run(self, given: FloatArray) -> FloatArray:
        if self._margin.divides(given.shape[-1]):
            return shortened(given, self._margin, self._answer)
        return self._answer(given)

    def _answer(self, given: FloatArray) -> FloatArray:
        logits: FloatArray = self._session.run(["logits"], {self._input: given})[0]
        return logits


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads of every model on the CPU; they are started when a batch first asks for them."""
    return ThreadPoolExecutor(cores(), "audio-emotion")
