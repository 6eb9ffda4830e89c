"""The pretrained weights that the frontend ``WhisperTiny`` computes with.

    pip download --no-deps pipecat-ai==1.14.0 && unzip pipecat_ai-1.14.0-py3-none-any.whl
    pip install onnx && python training/whisper_tiny.py pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx

Writes ``audio_emotion/weights/whisper-tiny/model.safetensors``: the convolutions and the first three levels of the
encoder, of the third the attention alone, by Whisper's names; matrices in the 8-bit integers that the graph has, with a
scale for each output channel.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from safetensors.numpy import save_file

from audio_emotion.core.paths import pretrained_weights, writing

SHA256 = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"
N_LEVELS = 3
ENCODER = "inner.encoder."


class Graph:
    """A graph of integers, to look up what its nodes multiply by."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        self.nodes = list(graph.node)
        self.arrays = {array.name: onnx.numpy_helper.to_array(array) for array in graph.initializer}
        self.made_by = {name: node for node in self.nodes for name in node.output}

    def quantized(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the integers and the scales, one for each output channel, behind a dequantized matrix."""
        integers, scale, zero = (self.arrays[part] for part in self.made_by[name].input)
        if integers.dtype != np.int8 or np.any(zero):
            raise SystemExit(f"{name}: expected 8-bit integers around zero")
        return integers, scale.astype(np.float32)

    def array(self, name: str) -> np.ndarray:
        """Return a vector of the graph, which may be stored in integers."""
        if name in self.arrays:
            return self.arrays[name].astype(np.float32)
        integers, scale, zero = (self.arrays[part] for part in self.made_by[name].input)
        return ((integers.astype(np.float32) - zero) * scale).astype(np.float32)

    def source(self, name: str) -> Any:
        """Return the node that computes a value, behind its quantization."""
        node = self.made_by[name]
        while node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node = self.made_by[node.input[0]]
        return node


def encoder(graph: Graph) -> dict[str, np.ndarray]:
    """Return the tensors of the first levels."""
    tensors: dict[str, np.ndarray] = {}
    for name in ("conv1", "conv2"):
        tensors[f"{name}.weight"], tensors[f"{name}.weight.scale"] = graph.quantized(
            f"{ENCODER}{name}.weight_DequantizeLinear_Output"
        )
        tensors[f"{name}.bias"] = graph.array(f"{ENCODER}{name}.bias")
    tensors["positions"] = graph.array(f"{ENCODER}embed_positions.weight")
    for node in graph.nodes:
        if node.op_type == "LayerNormalization":
            tensors |= {name.removeprefix(ENCODER): graph.array(name) for name in node.input[1:] if is_kept(name)}
        for i, name in enumerate(node.input if node.op_type == "Add" else ()):
            if is_kept(name):
                multiplied = graph.source(node.input[1 - i])
                tensors[name.removeprefix(ENCODER)] = graph.array(name)
                add_matrix(tensors, name.removeprefix(ENCODER).removesuffix("bias") + "weight", graph, multiplied)
    for level in range(N_LEVELS):
        add_keys(tensors, graph, level)
    unused = (f"layers.{N_LEVELS - 1}.fc", f"layers.{N_LEVELS - 1}.final")
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items() if not name.startswith(unused)}


def is_kept(name: str) -> bool:
    """Return whether a parameter belongs to the levels that are kept."""
    return name.startswith(f"{ENCODER}layers.") and int(name.split(".")[3]) < N_LEVELS


def add_matrix(tensors: dict[str, np.ndarray], name: str, graph: Graph, node: Any) -> None:
    """Add the matrix that a node multiplies by, (n_out, n_in)."""
    integers, scale = graph.quantized(node.input[1])
    tensors[name], tensors[f"{name}.scale"] = integers.T, scale


def add_keys(tensors: dict[str, np.ndarray], graph: Graph, level: int) -> None:
    """Add the projection to keys: it has no bias, so that it is the product of the level's input that none names."""
    attention = f"layers.{level}.self_attn"
    for node in graph.nodes:
        if node.op_type == "MatMul" and node.input[1] in graph.made_by:
            source = graph.source(node.input[0]) if node.input[0] in graph.made_by else None
            if source is not None and list(source.input[1:2]) == [f"{ENCODER}{attention}_layer_norm.weight"]:
                integers, _ = graph.quantized(node.input[1])
                others = (tensors[f"{attention}.{name}_proj.weight"] for name in ("q", "v"))
                if not any(np.array_equal(integers.T, other) for other in others):
                    add_matrix(tensors, f"{attention}.k_proj.weight", graph, node)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", type=Path, help="smart-turn-v3.2-cpu.onnx of pipecat-ai 1.14.0")
    path = parser.parse_args().graph
    computed = hashlib.sha256(path.read_bytes()).hexdigest()
    if computed != SHA256:
        raise SystemExit(f"{path}: sha256 {computed}, expected {SHA256}; take it from pipecat-ai 1.14.0")
    target = pretrained_weights("whisper-tiny")
    with writing(target.parent) as folder:
        save_file(encoder(Graph(path)), folder / target.name)


if __name__ == "__main__":
    main()
