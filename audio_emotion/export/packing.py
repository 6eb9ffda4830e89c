"""Weights that were rounded to 8-bit integers before → stored in a graph as these integers, a quarter of the size.

A graph computes such a matrix from its integers and the scale of each output channel, the same floats to the last bit.
ONNX Runtime does so once, when it loads the graph.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

Rounded = tuple[np.ndarray, np.ndarray]
"""A matrix in 8-bit integers (n_out, ...), and a scale for each output channel (n_out,)."""
_INTEGERS, _CAST, _SCALE = ".integers", ".cast", ".scale"


def pack(graph: "GraphProto", matrices: Iterable[Rounded]) -> None:
    """Store the weights of a graph that equal one of ``matrices``, or its transpose, as integers, in place."""
    from onnx import TensorProto, helper, numpy_helper

    rounded = _by_content(matrices)
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    added: list[NodeProto] = []
    for tensor in list(graph.initializer):
        name = tensor.name
        if (key := _key(held[name])) not in rounded:
            continue
        integers, scale = rounded[key]
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(integers), name + _INTEGERS))
        graph.initializer.append(numpy_helper.from_array(scale, name + _SCALE))
        cast = helper.make_node("Cast", [name + _INTEGERS], [name + _CAST], name=name + _CAST, to=TensorProto.FLOAT)
        added += [cast, helper.make_node("Mul", [name + _CAST, name + _SCALE], [name], name=name + _SCALE)]
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*added, *nodes])


def unpack(graph: "GraphProto") -> None:
    """Store the weights that a graph has as integers as 32-bit floats again, in place."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        integers = tensors.get(node.name.removesuffix(_CAST) + _INTEGERS)
        scale = tensors.get(node.name.removesuffix(_SCALE) + _SCALE)
        if node.op_type == "Cast" and node.name.endswith(_CAST) and integers is not None:
            graph.node.remove(node)
        elif node.op_type == "Mul" and node.name.endswith(_SCALE) and scale is not None:
            name = node.output[0]
            integers = tensors[name + _INTEGERS]
            weights = numpy_helper.to_array(integers).astype(np.float32) * numpy_helper.to_array(scale)
            graph.node.remove(node)
            graph.initializer.remove(integers)
            graph.initializer.remove(scale)
            graph.initializer.append(numpy_helper.from_array(weights, name))


def _by_content(matrices: Iterable[Rounded]) -> dict[bytes, Rounded]:
    """Return integers and scales, shaped to be multiplied, by the content of the product."""
    rounded: dict[bytes, Rounded] = {}
    for integers, scale in matrices:
        by_row = scale.astype(np.float32).reshape(-1, *[1] * (integers.ndim - 1))
        for pair in ((integers, by_row), (integers.T, by_row.T)):
            rounded[_key(pair[0].astype(np.float32) * pair[1])] = pair
    return rounded


def _key(array: np.ndarray) -> bytes:
    return repr((array.shape, array.dtype)).encode() + array.tobytes()
