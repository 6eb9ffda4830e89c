"""Turn the speaker encoder of the ``Resemblyzer`` wheel into the ONNX graph that ``--speakers`` uses.

    pip download --no-deps Resemblyzer==0.1.4
    unzip Resemblyzer-0.1.4-py3-none-any.whl resemblyzer/pretrained.pt
    AUDIO_EMOTION_DATA=RECORDINGS python training/speaker_encoder.py resemblyzer/pretrained.pt

Source: Wan, Wang, Papir, Moreno 2018, "Generalized End-to-End Loss for Speaker Verification" (arXiv 1710.10467), as
trained by Corentin Jemine for Resemblyzer 0.1.4 (Apache License 2.0). The graph takes mel frames (batch, n_frames, 40)
and returns embeddings of unit length (batch, 24). The weights are stored as 16-bit floats and computed with as
32-bit ones. (With 8-bit integers the embeddings point elsewhere: their mean cosine with those of floats is 0.43.)

Behind the network comes a linear discriminant analysis: what differs between speakers, relative to what differs between
the utterances of one speaker, whose emotions vary. It is computed from every second speaker of CREMA-D (36 of the 72;
Cao et al. 2014), the others are those that ``benchmarks/speakers.py`` tests on.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import scipy.linalg
import soundfile
import torch
from onnx import TensorProto, helper, numpy_helper

from audio_emotion.audio.windows import trim
from audio_emotion.core.paths import speaker_encoder
from audio_emotion.core.types import FloatArray
from audio_emotion.inference import speakers

N_LAYERS, HIDDEN, N_MELS = 3, 256, 40
N_DIMENSIONS, SHRINKAGE, N_CLIPS = 24, 0.2, 50


def gates(matrix: torch.Tensor) -> FloatArray:
    """Return a matrix of four gates, input forget cell output as torch has them, in the order of ONNX: i o f c."""
    i, f, c, o = matrix.to(torch.float32).chunk(4)
    return torch.cat([i, o, f, c]).numpy()


def graph(weights: dict[str, torch.Tensor], projection: tuple[FloatArray, FloatArray] | None = None) -> onnx.ModelProto:
    """Return the network: three LSTM layers, the last state of the last one, a linear layer, ReLU, unit length.

    ``projection`` is a mean (256,) and a matrix (256, n_dimensions) that follow, and unit length again.
    """
    tensors: list[onnx.TensorProto] = []
    nodes = [helper.make_node("Transpose", ["mel"], ["layer_0"], perm=[1, 0, 2])]  # (n_frames, batch, 40)

    def tensor(name: str, values: FloatArray) -> str:
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float16), f"{name}_16"))
        nodes.append(helper.make_node("Cast", [f"{name}_16"], [name], to=TensorProto.FLOAT))
        return name

    for n in range(N_LAYERS):
        w = tensor(f"w{n}", gates(weights[f"lstm.weight_ih_l{n}"])[None])
        r = tensor(f"r{n}", gates(weights[f"lstm.weight_hh_l{n}"])[None])
        both = [gates(weights[f"lstm.bias_{kind}_l{n}"]) for kind in ("ih", "hh")]
        b = tensor(f"b{n}", np.concatenate(both)[None])
        names = [f"y{n}", f"state{n}"]  # y: (n_frames, 1, batch, hidden)
        nodes.append(helper.make_node("LSTM", [f"layer_{n}", w, r, b], names, hidden_size=HIDDEN))
        nodes.append(helper.make_node("Squeeze", [f"y{n}", "axis_1"], [f"layer_{n + 1}"]))
    tensors.append(numpy_helper.from_array(np.array([1]), "axis_1"))
    tensors.append(numpy_helper.from_array(np.array([0]), "axis_0"))
    w, b = tensor("w", weights["linear.weight"].numpy().T), tensor("b", weights["linear.bias"].numpy())
    nodes += [
        helper.make_node("Squeeze", [f"state{N_LAYERS - 1}", "axis_0"], ["last"]),
        helper.make_node("MatMul", ["last", w], ["product"]),
        helper.make_node("Add", ["product", b], ["sum"]),
        helper.make_node("Relu", ["sum"], ["raw"]),
        helper.make_node("LpNormalization", ["raw"], ["unit" if projection else "embeddings"], axis=1, p=2),
    ]
    if projection:
        mean, matrix = tensor("mean", projection[0]), tensor("projection", projection[1])
        nodes += [
            helper.make_node("Sub", ["unit", mean], ["centred"]),
            helper.make_node("MatMul", ["centred", matrix], ["projected"]),
            helper.make_node("LpNormalization", ["projected"], ["embeddings"], axis=1, p=2),
        ]
    width = projection[1].shape[1] if projection else HIDDEN
    inputs = [helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["batch", "n_frames", N_MELS])]
    outputs = [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", width])]
    body = helper.make_graph(nodes, "speaker-encoder", inputs, outputs, tensors)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def discriminants(encoder: onnxruntime.InferenceSession, root: Path) -> tuple[FloatArray, FloatArray]:
    """Return the mean of the embeddings, and the directions that tell speakers apart, (256, 24)."""
    clips: dict[str, list[Path]] = {}
    for path in sorted((root / "crema-d").glob("*.ogg")):
        clips.setdefault(path.name[:4], []).append(path)
    rng = np.random.default_rng(0)
    rows, owners = [], []
    for name in sorted(clips)[::2]:
        for number in rng.permutation(len(clips[name]))[:N_CLIPS]:
            samples = soundfile.read(clips[name][number], dtype="float32")[0]
            mel, _ = speakers._features([samples[slice(*trim(samples))]])
            starts = speakers._window_starts((0, len(mel)))
            rows.append(speakers.embed(mel, starts, encoder))
            owners += [name] * len(starts)
    embeddings, of = np.concatenate(rows), np.array(owners)
    mean = embeddings.mean(axis=0)
    within, between = np.zeros((HIDDEN, HIDDEN)), np.zeros((HIDDEN, HIDDEN))
    for name in set(owners):
        own = embeddings[of == name]
        centred = own - own.mean(axis=0)
        within += centred.T @ centred / len(embeddings)
        between += len(own) / len(embeddings) * np.outer(own.mean(axis=0) - mean, own.mean(axis=0) - mean)
    within += SHRINKAGE * np.trace(within) / HIDDEN * np.eye(HIDDEN)
    _, vectors = scipy.linalg.eigh(between, within)
    return mean, vectors[:, ::-1][:, :N_DIMENSIONS].astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    given = parser.parse_args()
    weights = torch.load(given.weights, map_location="cpu", weights_only=True)["model_state"]
    plain = onnxruntime.InferenceSession(graph(weights).SerializeToString(), providers=["CPUExecutionProvider"])
    network = graph(weights, discriminants(plain, Path(os.environ["AUDIO_EMOTION_DATA"])))
    onnx.checker.check_model(network)
    target = speaker_encoder()
    target.parent.mkdir(exist_ok=True)
    onnx.save(network, target)
    print(f"written to {target}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
