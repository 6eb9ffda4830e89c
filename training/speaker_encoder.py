"""Turn the speaker encoder of the ``Resemblyzer`` wheel into the ONNX graph that ``--speakers`` uses.

    pip download --no-deps Resemblyzer==0.1.4
    unzip Resemblyzer-0.1.4-py3-none-any.whl resemblyzer/pretrained.pt
    AUDIO_EMOTION_DATA=RECORDINGS python training/speaker_encoder.py resemblyzer/pretrained.pt

Source: Wan, Wang, Papir, Moreno 2018, "Generalized End-to-End Loss for Speaker Verification" (arXiv 1710.10467), as
trained by Corentin Jemine for Resemblyzer 0.1.4 (Apache License 2.0). The graph takes mel frames (batch, 160, 40) and
returns embeddings (batch, 30). The weights are stored as 16-bit floats and computed with as 32-bit ones. (With 8-bit
integers the embeddings point elsewhere: their mean cosine with those of floats is 0.43.)

Not the encoder's own embedding is used, but the means and deviations over time of all three layers' outputs. Behind
them comes a linear discriminant analysis: what differs between speakers, relative to what differs between the pieces of
speech of one speaker, whose emotions vary. It learns from every second speaker of CREMA-D (36 of the 72; Cao et al.
2014), the others are those that ``benchmarks/speakers.py`` tests on. Embeddings are scaled so that the variance within
a speaker is 1; the variance between speakers is stored with the graph, as ``speaker_variance``.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
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
from audio_emotion.corpora import Utterance, crema_d
from audio_emotion.inference import speakers

N_LAYERS, HIDDEN, N_MELS = 3, 256, 40
N_STATISTICS = N_LAYERS * 2 * HIDDEN
N_DIMENSIONS, SHRINKAGE, N_CLIPS = 30, 3.0, 40


def gates(matrix: torch.Tensor) -> FloatArray:
    """Return a matrix of four gates, input forget cell output as torch has them, in the order of ONNX: i o f c."""
    i, f, c, o = matrix.to(torch.float32).chunk(4)
    return torch.cat([i, o, f, c]).numpy()


@dataclass(frozen=True)
class Projection:
    """What follows the statistics: ``statistics @ matrix + offset``.

    Attributes:
        matrix: (1536, n_dimensions).
        offset: (n_dimensions,).
        speaker_variance: (n_dimensions,), the variance between speakers; that within a speaker is 1.
    """

    matrix: FloatArray
    offset: FloatArray
    speaker_variance: FloatArray


def graph(weights: dict[str, torch.Tensor], projection: Projection | None = None) -> onnx.ModelProto:
    """Return the network: three LSTM layers, statistics over time of what each returns, and a projection of them."""
    tensors = [numpy_helper.from_array(np.array([1]), "axis_1")]
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
        layer = f"layer_{n + 1}"
        nodes += [
            helper.make_node("LSTM", [f"layer_{n}", w, r, b], [f"y{n}"], hidden_size=HIDDEN),  # (n_frames, 1, batch, h)
            helper.make_node("Squeeze", [f"y{n}", "axis_1"], [layer]),
            helper.make_node("ReduceMean", [layer], [f"mean_{n}"], axes=[0], keepdims=0),
            helper.make_node("Sub", [layer, f"mean_{n}"], [f"centred_{n}"]),
            helper.make_node("Mul", [f"centred_{n}", f"centred_{n}"], [f"squares_{n}"]),
            helper.make_node("ReduceMean", [f"squares_{n}"], [f"variance_{n}"], axes=[0], keepdims=0),
            helper.make_node("Sqrt", [f"variance_{n}"], [f"deviation_{n}"]),
        ]
    pooled = [f"{kind}_{n}" for n in range(N_LAYERS) for kind in ("mean", "deviation")]
    nodes.append(helper.make_node("Concat", pooled, ["statistics" if projection else "embeddings"], axis=1))
    if projection:
        tensors.append(numpy_helper.from_array(projection.matrix.astype(np.float32), "matrix"))
        tensors.append(numpy_helper.from_array(projection.offset.astype(np.float32), "offset"))
        nodes += [
            helper.make_node("MatMul", ["statistics", "matrix"], ["product"]),
            helper.make_node("Add", ["product", "offset"], ["embeddings"]),
        ]
    width = projection.matrix.shape[1] if projection else N_STATISTICS
    inputs = [helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["batch", "n_frames", N_MELS])]
    outputs = [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", width])]
    body = helper.make_graph(nodes, "speaker-encoder", inputs, outputs, tensors)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if projection:
        variance = " ".join(f"{value:.6g}" for value in projection.speaker_variance)
        helper.set_model_props(model, {"speaker_variance": variance})
    return model


def training_clips(root: Path) -> dict[str, list[Path]]:
    """Return the clips of every second speaker of CREMA-D."""
    clips: dict[str, list[Path]] = {}
    for path in sorted((root / "crema-d").glob("*.ogg")):
        if isinstance(crema_d.read(path), Utterance):  # four clips are defective
            clips.setdefault(path.name[:4], []).append(path)
    return {name: clips[name] for name in sorted(clips)[::2]}


def piece_statistics(path: Path, encoder: onnxruntime.InferenceSession, rng: np.random.Generator) -> FloatArray:
    """Return the statistics of each piece of speech in a clip, with a level and noise as in a recording, (n, 1536)."""
    samples = soundfile.read(path, dtype="float32")[0]
    samples = samples[slice(*trim(samples))]
    level = 0.5 * rng.uniform(0.5, 1.0) / max(float(np.abs(samples).max()), 1e-6)
    sound = np.pad(samples * level, speakers.RATE // 2) + rng.normal(0, 1e-3, len(samples) + speakers.RATE)
    mel, levels = speakers._features([sound.astype(np.float32)])
    pieces = speakers._pieces(speakers.speech_regions(levels))
    return speakers.embed(mel, levels, pieces, encoder)


def statistics_by_speaker(encoder: onnxruntime.InferenceSession, root: Path) -> list[FloatArray]:
    """Return the statistics of pieces of speech of each speaker, (n_pieces, 1536) each."""
    rng = np.random.default_rng(0)
    by_speaker = []
    for _, paths in sorted(training_clips(root).items()):
        drawn = rng.permutation(len(paths))[:N_CLIPS]
        by_speaker.append(np.concatenate([piece_statistics(paths[i], encoder, rng) for i in drawn]))
    return by_speaker


def discriminants(by_speaker: Sequence[FloatArray]) -> Projection:
    """Return the directions in which speakers differ more than one speaker's pieces of speech."""
    rows = np.concatenate(by_speaker)
    deviation = rows.std(axis=0) + 1e-6
    mean = rows.mean(axis=0) / deviation
    within, between = np.zeros((N_STATISTICS, N_STATISTICS)), np.zeros((N_STATISTICS, N_STATISTICS))
    for own in by_speaker:
        centre = (own / deviation).mean(axis=0)
        within += np.cov(own / deviation, rowvar=False, bias=True) * len(own) / len(rows)
        between += np.outer(centre - mean, centre - mean) * len(own) / len(rows)
    within += SHRINKAGE * np.trace(within) / N_STATISTICS * np.eye(N_STATISTICS)
    _, vectors = scipy.linalg.eigh(between, within, subset_by_index=(N_STATISTICS - N_DIMENSIONS, N_STATISTICS - 1))
    matrix = vectors[:, ::-1] / deviation[:, None]
    projected = [own @ matrix for own in by_speaker]
    matrix = matrix / np.sqrt(np.mean([own.var(axis=0) for own in projected], axis=0))
    centres = np.stack([(own @ matrix).mean(axis=0) for own in by_speaker])
    return Projection(matrix, -(mean * deviation) @ matrix, centres.var(axis=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    given = parser.parse_args()
    weights = torch.load(given.weights, map_location="cpu", weights_only=True)["model_state"]
    plain = onnxruntime.InferenceSession(graph(weights).SerializeToString(), providers=["CPUExecutionProvider"])
    by_speaker = statistics_by_speaker(plain, Path(os.environ["AUDIO_EMOTION_DATA"]))
    network = graph(weights, discriminants(by_speaker))
    onnx.checker.check_model(network)
    target = speaker_encoder()
    target.parent.mkdir(exist_ok=True)
    onnx.save(network, target)
    print(f"written to {target}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
