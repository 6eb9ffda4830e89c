"""A model as an ONNX graph, on the CPU."""

import os
from collections.abc import Callable
from pathlib import Path

from audio_emotion.records import FloatArray


class OnnxRuntime:
    """Runs a graph that :mod:`audio_emotion.export` wrote: ``samples``, or ``features``, in, ``logits`` out.

    Attributes:
        input_shape: of one window, or of its features, as the graph has it.
        n_labels: how many logits a window gets.
    """

    device = "cpu"

    def __init__(self, graph: Path, features: Callable[[FloatArray], FloatArray] | None = None) -> None:
        """Load a graph; where it begins behind the frontend, ``features`` makes its input of windows."""
        # Its builds report usage to their maker unless told not to, before they are imported.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._features = features
        self._input: str = self._session.get_inputs()[0].name
        self.input_shape: tuple[int, ...] = tuple(self._session.get_inputs()[0].shape[1:])
        self.n_labels: int = self._session.get_outputs()[0].shape[1]

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples)."""
        given = windows if self._features is None else self._features(windows)
        logits: FloatArray = self._session.run(["logits"], {self._input: given})[0]
        return logits
