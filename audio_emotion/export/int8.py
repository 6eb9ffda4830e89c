"""A model's graph → the same graph with its layers in 8-bit integers: half the time on a CPU.

After training, without more of it: a few windows are sent through the graph, and the range that each activation takes
there becomes its scale (Jacob et al. 2018). Weights have a scale for each output channel, and seven bits: the
products of eight overflow on x86 processors that lack instructions for them, without a word. The frontend, the first
convolution and the pooling stay in 32-bit floats: that convolution has few weights, and an error in them is multiplied
by the mean of all input. Where a graph can be adapted, so does what follows the pooling: a shift moves its activations
out of the ranges that were measured, and it is too small to cost time.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from audio_emotion.core.types import FloatArray
from audio_emotion.export.encoder import encoder_products
from audio_emotion.export.packing import pack, unpack
from audio_emotion.inference.backends.trim_padding import Margin

_BATCH = 16


def write_int8(graph: Path, target: Path, inputs: FloatArray) -> None:
    """Write the ONNX ``graph`` to ``target`` with convolutions but the first, and fully connected layers, in integers.

    Of matrix products, those in a frozen encoder of the frontend are integers too.

    Args:
        graph: what :func:`audio_emotion.export.weights.write_graph` wrote.
        target: where the other goes; what was there is replaced.
        inputs: windows, or features, as the graph reads them, (n, ...); some hundred of speech that the model was
            trained on, never of a test set.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder, _quiet():
        plain, prepared = Path(folder, "plain.onnx"), Path(folder, "prepared.onnx")
        _unpacked(graph, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            _reader(plain, inputs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            nodes_to_exclude=[
                *_convolutions(prepared)[:1],
                *_products_in_floats(prepared),
                *_behind_pooling(prepared),
            ],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        _drop_clips_that_integers_imply(target)
        _narrow_margin(target)
        _pack(target)


def _unpacked(graph: Path, target: Path) -> None:
    """Write a graph with all weights in 32-bit floats."""
    import onnx

    model = onnx.load(graph)
    unpack(model.graph)
    onnx.save(model, target)


def _pack(graph: Path) -> None:
    """Store the weights that stay in floats in 16 bits, if they were rounded to them."""
    import onnx

    model = onnx.load(graph)
    pack(model.graph)
    onnx.save(model, graph)


def _convolutions(graph: Path) -> list[str]:
    import onnx

    return [node.name for node in onnx.load(graph).graph.node if node.op_type == "Conv"]


def _products_in_floats(graph: Path) -> list[str]:
    """Return the names of all matrix products but those with the matrices of an encoder in the frontend."""
    import onnx

    whole = onnx.load(graph).graph
    integers = encoder_products(whole)
    return [node.name for node in whole.node if node.op_type == "MatMul" and node.name not in integers]


def _behind_pooling(graph: Path) -> list[str]:
    """Return the names of the nodes that compute anything from the output ``pooled``."""
    import onnx

    names: list[str] = []
    computed = {"pooled"}
    for node in onnx.load(graph).graph.node:  # in an order in which each follows what it reads
        if computed.intersection(node.input):
            computed.update(node.output)
            names.append(node.name)
    return names


def _drop_clips_that_integers_imply(graph: Path) -> None:
    """Remove each clipping from below whose values become integers that end at the same value.

    A clipping that stays is computed in floats, and so are its neighbours. Max pooling may come before it or after it,
    with the same result.
    """
    import onnx

    model = onnx.load(graph)
    numbers = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    def ends_at(name: str) -> float:
        """Return the value below which all values of the tensor ``name`` become the same integer."""
        ends = []
        for node in readers.get(name, []):
            if node.op_type == "QuantizeLinear" and all(name in numbers for name in node.input[1:]):
                scale, zero = (float(numbers[name]) for name in node.input[1:])
                # An integer q stands for scale * (q - zero). Values below the smallest q become the smallest, and
                # so do those up to half a step above it.
                ends.append(scale * (np.iinfo(numbers[node.input[2]].dtype).min - zero + 0.5))
            else:
                ends.append(ends_at(node.output[0]) if node.op_type == "MaxPool" else -np.inf)
        return min(ends, default=-np.inf)

    for node in [node for node in model.graph.node if node.op_type == "Clip" and len(node.input) == 2]:
        source, lowest = node.input
        if lowest in numbers and ends_at(node.output[0]) >= float(numbers[lowest]):
            for reader in readers[node.output[0]]:
                reader.input[:] = [source if name == node.output[0] else name for name in reader.input]
            model.graph.node.remove(node)
    onnx.save(model, graph)


def _narrow_margin(graph: Path) -> None:
    """Read less silence around short sounds than an exact result needs.

    Only the outermost paths through the network reach further than two of its steps. For a trained ``speech-embedding``
    (0.12 s instead of 0.33 s) this changes a score by 0.001 on average; the integers change it by 0.006.
    """
    import onnx

    model = onnx.load(graph)
    margin = Margin.of({entry.key: entry.value for entry in model.metadata_props})
    if not margin.step:
        return
    narrow = replace(margin, samples=min(margin.samples, 2 * margin.step))
    onnx.helper.set_model_props(model, narrow.to_metadata())
    onnx.save(model, graph)


def _reader(graph: Path, inputs: FloatArray) -> Any:
    """Return a reader that gives the quantizer one batch after another, and None at the end."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader

    name = onnx.load(graph, load_external_data=False).graph.input[0].name
    batches = iter([{name: inputs[i : i + _BATCH]} for i in range(0, len(inputs), _BATCH)])

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, FloatArray] | None:
            return next(batches, None)

    return Reader()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's advice, which goes to the root logger and to ONNX Runtime's own, off the terminal."""
    import onnxruntime

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(3)  # errors; its own default is warnings
    try:
        yield
    finally:
        logging.disable(before)
        onnxruntime.set_default_logger_severity(2)
