"""The matrix products in a graph that hold most weights of a frontend with an encoder."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto


def encoder_products(graph: "GraphProto") -> set[str]:
    """Return the names of the matrix products with a constant matrix in an encoder that belongs to the frontend."""
    constants = {array.name for array in graph.initializer}
    encoded = set[str]()  # everything that a layer normalization of the frontend leads to
    for node in graph.node:  # in an order in which each follows what it reads
        starts = node.op_type == "LayerNormalization" and node.input[1].startswith("frontend.")
        if starts or encoded.intersection(node.input):
            encoded.update(node.output)
    products = (node for node in graph.node if node.op_type == "MatMul")
    return {node.name for node in products if node.input[0] in encoded and node.input[1] in constants}
