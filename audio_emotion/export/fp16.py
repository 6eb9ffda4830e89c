"""A model's graph → the same graph with its large layers in 16-bit floats: half their weights' size."""

from typing import TYPE_CHECKING

import numpy as np

from audio_emotion.export.encoder import encoder_products
from audio_emotion.export.packing import unpack

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


def halve(model: "ModelProto") -> None:
    """Let a graph's convolutions compute in 16-bit floats, in place; all that is around them stays in 32 bits.

    So do the products with the matrices of an encoder in the frontend. A spectrogram of the frontend's spans more than
    16 bits can hold: so the cast stands before each of these layers.
    """
    graph = model.graph
    unpack(graph)
    nodes, products = list(graph.node), encoder_products(graph)
    del graph.node[:]
    for node in nodes:
        large = node.op_type == "Conv" or node.name in products
        graph.node.extend(_in_half(graph, node) if large else [node])
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def _in_half(graph: "GraphProto", node: "NodeProto") -> "list[NodeProto]":
    """Return a layer between two casts; weights that the graph holds are stored in 16 bits."""
    from onnx import TensorProto, helper, numpy_helper

    held = {tensor.name: tensor for tensor in graph.initializer}
    before = []
    for index, name in enumerate(node.input):
        half = f"{node.name}_in_half_{index}"
        if name in held:
            weights = numpy_helper.to_array(held[name]).astype(np.float16)
            graph.initializer.append(numpy_helper.from_array(weights, half))
        else:
            before.append(helper.make_node("Cast", [name], [half], name=half, to=TensorProto.FLOAT16))
        node.input[index] = half
    out, node.output[0] = node.output[0], f"{node.name}_out_half"
    after = helper.make_node("Cast", [node.output[0]], [out], name=f"{node.name}_out_whole", to=TensorProto.FLOAT)
    return [*before, node, after]
