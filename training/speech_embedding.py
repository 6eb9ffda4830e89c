"""The pretrained weights that the architecture ``speech-embedding`` begins with.

    pip download --no-deps openwakeword==0.5.1 && unzip openwakeword-0.5.1-py3-none-any.whl
    pip install onnx && python training/speech_embedding.py openwakeword/resources/models/embedding_model.onnx

Writes ``audio_emotion/weights/speech-embedding/model.safetensors``: the kernels of the first four of five blocks,
turned from (frames, bins) to (bins, frames) and rounded to 16-bit floats, by their names in ``audio_emotion.models``.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import save_file

from audio_emotion.core.paths import pretrained_weights, writing

SHA256 = "70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f"
BLOCKS = (3, 4, 4, 4)
"""Convolutions of each block."""


def kernels(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weight (n_out, n_in, bins, frames) and bias of the convolutions that are kept, in order."""
    graph = onnx.load(path).graph
    numbers = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    named = [node.input[1:] for node in graph.node if node.op_type == "Conv"][: sum(BLOCKS)]
    return [(numbers[weight].transpose(0, 1, 3, 2), numbers[bias]) for weight, bias in named]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", type=Path, help="embedding_model.onnx of openWakeWord 0.5.1")
    path = parser.parse_args().graph
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{path}: sha256 {found}, expected {SHA256}; take it from openWakeWord 0.5.1")
    rest, tensors = iter(kernels(path)), {}
    for block, n in enumerate(BLOCKS):
        for layer in range(n):
            weight, bias = next(rest)
            name = f"{block}.{2 * layer}"  # a rectifier stands between two convolutions
            tensors[f"{name}.weight"] = np.ascontiguousarray(weight, np.float16)
            tensors[f"{name}.bias"] = bias.astype(np.float16)
    target = pretrained_weights("speech-embedding")
    with writing(target.parent) as folder:
        save_file(tensors, folder / target.name)


if __name__ == "__main__":
    main()
