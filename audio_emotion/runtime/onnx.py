"""A model as an ONNX graph, on the CPU."""

from pathlib import Path

from audio_emotion.records import FloatArray


class OnnxRuntime:
    """Runs a graph that :mod:`audio_emotion.export` wrote: ``samples`` in, ``logits`` out."""

    device = "cpu"

    def __init__(self, graph: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples)."""
        logits: FloatArray = self._session.run(["logits"], {"samples": windows})[0]
        return logits
