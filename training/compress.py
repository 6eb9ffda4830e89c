"""Smaller networks than the default: pruned and tuned, and taught by it; each tested on speakers nobody had heard.

    audio-emotion train --config training/configs/two-channel-cnn.toml --folds emobox --allow-missing --name folds
    python training/compress.py RUN...     # the folders of the five models, each with its config.json

Two ways to half the width of a fold's model. Pruned: channels with the smallest weights are taken out of it
(Li et al. 2017, "Pruning filters for efficient ConvNets"), and what is left is trained for a third of the recipe's
epochs. Distilled: a new network of half the width learns for all of them. Both learn from the labels and from
what the fold's model says of the same sounds, as shares of the target (Hinton et al. 2015). The teacher, the student
and every choice are of the training side; the test side is looked at once, by the graphs in 32-bit floats and in
8-bit integers. Writes training/records/compress.json and benchmarks/compress.md; what is there is not made again.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from compare import CONFIGS, clip_milliseconds, keep
from int8 import calibration, rounded, tested

from audio_emotion.corpora.splits import split_utterances
from audio_emotion.export.int8 import write_int8
from audio_emotion.export.weights import write_weights
from audio_emotion.inference.backends.torch import load
from audio_emotion.models import build, card, checkpoint
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training.callbacks import Callbacks
from audio_emotion.training.checkpointing import Epoch
from audio_emotion.training.config import TrainConfig, read
from audio_emotion.training.data import Subset
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.distillation import distil
from audio_emotion.training.loop import fit

HERE = Path(__file__).parent
RECORD = HERE / "records" / "compress.json"
TABLE = HERE.parent / "benchmarks" / "compress.md"
NAME = "two-channel-cnn"
HALF: dict[str, Any] = {"channels": [16, 32, 64], "hidden": 64}
SHARE = 0.7
"""Of the target that is the teacher's; the rest is the label's."""


def pruned(teacher: EmotionModel, half: TrainConfig, n_labels: int) -> EmotionModel:
    """Return a network of half the width with those of the teacher's channels whose weights are largest.

    Channels that a shortcut adds up go or stay together.
    """
    old, new = teacher.network.state_dict(), {}
    kept = largest(old["stem.0.weight"])
    new |= layer(old, "stem.0", kept) | norm(old, "stem.1", kept)
    for block in (f"blocks.{number}" for number in range(3)):
        middle = largest(old[f"{block}.body.0.weight"])
        out = largest(old[f"{block}.body.3.weight"], old[f"{block}.shortcut.weight"])
        new |= layer(old, f"{block}.body.0", middle, kept) | norm(old, f"{block}.body.1", middle)
        new |= layer(old, f"{block}.body.3", out, middle) | norm(old, f"{block}.body.4", out)
        new |= layer(old, f"{block}.shortcut", out, kept)
        kept = out
    width = old["pool.score.2.weight"].shape[0]
    rows = width // old["blocks.2.shortcut.weight"].shape[0]
    pooled = (kept[:, None] * rows + torch.arange(rows)).flatten()  # (C, F) became one dimension
    units = largest(old["head.1.weight"])
    new |= layer(old, "pool.score.0", None, pooled) | layer(old, "pool.score.2", pooled)
    new |= layer(old, "head.1", units, torch.cat([pooled, pooled + width])) | norm(old, "head.2", units)
    new |= layer(old, "head.5", None, units)
    model = build(half.architecture, n_labels, half.parameters, half.frontend_table)
    model.network.load_state_dict(new)
    return model


def largest(*weights: torch.Tensor) -> torch.Tensor:
    """Return the numbers of the half of the outputs whose weights (n_out, ...), all together, are largest."""
    sizes = torch.stack([weight.flatten(1).square().sum(dim=1) for weight in weights]).sum(dim=0)
    return sizes.topk(len(sizes) // 2).indices.sort().values


def layer(
    old: dict[str, torch.Tensor], name: str, outputs: torch.Tensor | None, inputs: torch.Tensor | None = None
) -> dict[str, torch.Tensor]:
    """Return a layer's weights for some of its outputs and inputs."""
    weight = old[f"{name}.weight"]
    outputs = torch.arange(len(weight)) if outputs is None else outputs
    weight = weight[outputs] if inputs is None else weight[outputs][:, inputs]
    bias = {f"{name}.bias": old[f"{name}.bias"][outputs]} if f"{name}.bias" in old else {}
    return {f"{name}.weight": weight, **bias}


def norm(old: dict[str, torch.Tensor], name: str, kept: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return a batch normalisation of some channels."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": old[f"{name}.{part}"][kept] for part in parts} | {
        f"{name}.num_batches_tracked": old[f"{name}.num_batches_tracked"]
    }


def ways(teacher: EmotionModel, whole: TrainConfig, n_labels: int) -> dict[str, tuple[TrainConfig, Any]]:
    """Return each way to a smaller network: its recipe, and what gives its first weights."""
    half = replace(whole, parameters=HALF)
    gentle = replace(whole.optimizer, lr=whole.optimizer.lr / 4)
    short = replace(half, epochs=max(1, whole.epochs // 3), optimizer=gentle)
    return {"pruned": (short, partial(pruned, teacher, half, n_labels)), "distilled": (half, None)}


def measured(
    model: EmotionModel,
    described: checkpoint.ModelConfig,
    config: TrainConfig,
    material: Dataset,
) -> dict[str, Any]:
    """Store a model, test both of its graphs on the fold's test speakers, and weigh and time them."""
    test = set(described.training["speakers"]["test"])
    utterances = [u for u in material.corpus.utterances if u.speaker in test]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_weights(model, folder, config.window_samples)
        windows = calibration(material, described)
        write_int8(folder / checkpoint.GRAPH, folder / checkpoint.INT8_GRAPH, windows)
        described = replace(described, parameters=dict(config.parameters), int8=True, temperature=1.0)
        checkpoint.write(folder, described, card.render(described))
        floats, integers = (tested(folder, backend, utterances) for backend in ("onnx", "onnx-int8"))
        return {
            "parameters": sum(p.numel() for p in model.parameters()),
            "bytes": {path.name: path.stat().st_size for path in sorted(folder.glob("model.*"))},
            "constants": sum(b.numel() * b.element_size() for b in model.frontend.buffers()),
            "ms": {
                name: round(clip_milliseconds(folder / name, model, config), 2)
                for name in (checkpoint.GRAPH, checkpoint.INT8_GRAPH)
            },
            "fp32": rounded(floats.scores()),
            "int8": rounded(integers.scores()),
        }


def heard(what: str, epoch: Epoch) -> None:
    print(f"{what} epoch {epoch.number}: loss {epoch.loss:.3f}, {epoch.seconds:.1f} s", flush=True)


def fold(folder: Path, material: Dataset, epochs: int, kept: dict[str, Any]) -> dict[str, Any]:
    """Make the smaller networks of one fold's model, and test all; those ``kept`` are not made again."""
    described = checkpoint.read(folder)
    labels, name = described.labels, described.training["split"]
    whole = read(CONFIGS / f"{NAME}.toml", {"epochs": epochs} if epochs else {})
    weights = folder / checkpoint.TENSORS
    teacher = load(weights, described.architecture, len(labels), described.parameters, described.frontend)
    split = split_utterances(name, material.corpus.utterances, whole.seed, False)
    assert {u.speaker for u in split.train} == set(described.training["speakers"]["train"])
    learnt_from = material.side(split.train)
    found = {"split": name, "test speakers": described.training["speakers"]["test"], **kept}
    if "default" not in found:
        own = replace(whole, parameters=described.parameters)
        found["default"] = measured(teacher, described, own, material)
    for way, (config, begin) in ways(teacher, whole, len(labels)).items():
        if way in found:
            continue
        began = time.monotonic()
        listener = Callbacks(on_epoch=partial(heard, f"{name} {way}"))
        aim = distil([teacher], SHARE)
        model = fit(learnt_from, Subset([], []), len(labels), config, "cpu", listener, None, begin, aim)
        spent = {"epochs": config.epochs, "training_seconds": round(time.monotonic() - began, 1)}
        found[way] = measured(model, described, config, material) | spent
        print(name, way, found[way]["fp32"]["uar"], "fp32,", found[way]["int8"]["uar"], "int8", flush=True)
    return found


def table(folds: Sequence[dict[str, Any]]) -> str:
    """Return the page: each network in both precisions, over all folds."""
    base = statistics.mean(f["default"]["fp32"]["uar"] for f in folds)
    rows = []
    for way in ("default", "pruned", "distilled"):
        for precision, graph in (("fp32", checkpoint.GRAPH), ("int8", checkpoint.INT8_GRAPH)):
            uars = [100 * f[way][precision]["uar"] for f in folds]
            mean, spread = statistics.mean(uars), statistics.pstdev(uars)
            one = folds[0][way]
            size = one["bytes"][checkpoint.TENSORS] if precision == "fp32" else one["bytes"][graph] - one["constants"]
            ms = statistics.median(f[way]["ms"][graph] for f in folds)
            reached = f"{mean:.1f} ± {spread:.1f} | {mean - 100 * base:+.1f}"
            rows.append(f"| {way} | {one['parameters']:,} | {precision} | {reached} | {size / 1000:.0f} | {ms:.2f} |")
    return PAGE.format(n=len(folds)) + "\n".join(rows) + "\n"


PAGE = """# Smaller networks

`two-channel-cnn` at half width, by pruning and by distillation, on EmoBox folds of RAVDESS speech: {n} fold(s), one
seed, speaker-independent, UAR in %, mean ± SD over folds. Made by `python training/compress.py` from the models of a
cross-validation. Nothing is chosen on a test side.

KB is the size of the weights; in integers, of the graph without the constants of the frontend, which are the same for
every network and could be computed. ms is the time for a single clip of 3 s on one thread, including the frontend.

| network | parameters | precision | UAR | from the default | KB | ms |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="RUN", help="none: the table alone")
    parser.add_argument("--epochs", type=int, default=0, help="of the distilled; the recipe's if not given")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folds = json.loads(RECORD.read_text("utf-8"))["folds"] if RECORD.exists() else []
    done = {f["split"]: f for f in folds}
    material = load_dataset(()) if options.models else None
    for folder in options.models:
        assert material is not None
        split = checkpoint.read_config(folder).training["split"]
        done[split] = fold(folder, material, options.epochs, done.get(split, {}))
        folds = [done[name] for name in sorted(done)]
        keep(RECORD, {"share of the teacher": SHARE, "folds": folds})
    TABLE.write_text(table(folds), "utf-8")


if __name__ == "__main__":
    main()
