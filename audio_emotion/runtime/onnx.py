"""A model as an ONNX graph, on the CPU."""

import os
from pathlib import Path

from audio_emotion.records import FloatArray


class OnnxRuntime:
    """Runs a graph that :mod:`audio_emotion.export` wrote: ``samples`` in, ``logits`` out.

    Attributes:
        window_samples: the length of a window, as the graph has it.
        n_labels: how many logits a window gets.
    """

    device = "cpu"

    def __init__(self, graph: Path) -> None:
        # Its builds report usage to their maker unless told not to, before they are imported.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.window_samples: int = self._session.get_inputs()[0].shape[1]
        self.n_labels: int = self._session.get_outputs()[0].shape[1]

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples)."""
        logits: FloatArray = self._session.run(["logits"], {"samples": windows})[0]
        return logits
