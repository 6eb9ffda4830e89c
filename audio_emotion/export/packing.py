"""Weights of a graph that were rounded before → stored as what they were rounded to.

Matrices that were 8-bit integers are stored as these integers and the scale of each output channel, a quarter of the
size; others that 16-bit floats hold exactly, as such, half the size. The graph computes 32-bit floats from them, the
same to the last bit. ONNX Runtime does so once, when it loads the graph.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

Rounded = tuple[np.ndarray, np.ndarray]
"""A matrix in 8-bit integers (n_out, ...), and a scale for each output channel (n_out,)."""
_INTEGERS, _HALF, _CAST, _SCALE = ".integers", ".half", ".cast", ".scale"
_MIN_SIZE = 1_024
"""Smaller tensors stay as they are."""


def pack(graph: "GraphProto", matrices: Iterable[Rounded] = ()) -> None:
    """Store the weights of a graph that were rounded in fewer bits, in place.

    Args:
        graph: with weights in 32-bit floats.
        matrices: those that were integers, or their transposes.
    """
    from onnx import TensorProto, helper, numpy_helper

    rounded = _by_content(matrices)
    floats = [tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT]
    given = {value.name for value in graph.input}  # a default of an input must stay a constant
    added: list[NodeProto] = []

    def store(name: str, array: np.ndarray) -> None:
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))

    def cast(source: str, target: str, node: str) -> None:
        added.append(helper.make_node("Cast", [source], [target], name=node, to=TensorProto.FLOAT))

    for tensor in [tensor for tensor in floats if tensor.name not in given]:
        name, array = tensor.name, numpy_helper.to_array(tensor)
        if (key := _key(array)) in rounded:
            integers, scale = rounded[key]
            store(name + _INTEGERS, integers)
            store(name + _SCALE, scale)
            cast(name + _INTEGERS, name + _CAST, name + _CAST)
            added.append(helper.make_node("Mul", [name + _CAST, name + _SCALE], [name], name=name + _SCALE))
        elif is_half(array):
            store(name + _HALF, array.astype(np.float16))
            cast(name + _HALF, name, name + _HALF)
        else:
            continue
        graph.initializer.remove(tensor)
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*added, *nodes])


def is_half(array: np.ndarray) -> bool:
    """Return whether 16-bit floats hold a large array of 32-bit floats exactly."""
    with np.errstate(over="ignore"):
        return array.size >= _MIN_SIZE and bool((array.astype(np.float16).astype(np.float32) == array).all())


def unpack(graph: "GraphProto") -> None:
    """Store all weights of a graph in 32-bit floats again, in place."""
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        name = node.output[0]
        if node.op_type == "Cast" and node.name == name + _HALF and name + _HALF in stored:
            parts = [stored[name + _HALF]]
        elif node.op_type == "Mul" and node.name == name + _SCALE and name + _INTEGERS in stored:
            parts = [stored[name + _INTEGERS], stored[name + _SCALE]]
        else:
            continue
        arrays = [numpy_helper.to_array(part).astype(np.float32) for part in parts]
        graph.initializer.append(numpy_helper.from_array(arrays[0] * arrays[1] if arrays[1:] else arrays[0], name))
        graph.node.remove(node)
        for part in parts:
            graph.initializer.remove(part)
    for node in [node for node in graph.node if node.op_type == "Cast" and node.name.endswith(_CAST)]:
        if node.name.removesuffix(_CAST) + _INTEGERS in stored:
            graph.node.remove(node)


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
