"""A model's graph → the same graph with its layers in 8-bit integers: half the time on a CPU.

After training, without more of it: a few windows are sent through the graph, and the range that each activation takes
there becomes its scale (Jacob et al. 2018). Weights have a scale for each output channel, and seven bits: the
products of eight overflow on x86 processors that lack instructions for them, without a word. What the frontend and
the pooling compute stays in 32-bit floats.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audio_emotion.records import FloatArray

_BATCH = 16


def write_int8(graph: Path, target: Path, inputs: FloatArray) -> None:
    """Write the ONNX ``graph`` to ``target`` with convolutions and fully connected layers in integers.

    Args:
        graph: what :func:`audio_emotion.export.weights.write_graph` wrote.
        target: where the other goes; what was there is replaced.
        inputs: windows, or features, as the graph reads them, (n, ...); some hundred of speech that the model was
            trained on, never of a test side.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder, _calm():
        prepared = Path(folder, "prepared.onnx")
        quant_pre_process(graph, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            _reader(graph, inputs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def _reader(graph: Path, inputs: FloatArray) -> Any:
    """Return what gives the quantizer one batch after another, and None at the end."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader

    name = onnx.load(graph, load_external_data=False).graph.input[0].name
    batches = iter([{name: inputs[i : i + _BATCH]} for i in range(0, len(inputs), _BATCH)])

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, FloatArray] | None:
            return next(batches, None)

    return Reader()


@contextmanager
def _calm() -> Iterator[None]:
    """Keep the quantizer's advice, which goes to the root logger, from the user's terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
