"""What every architecture keeps: each check takes a subject and fails by an assertion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audio_emotion.export.weights import write_weights
from audio_emotion.inference.backends import DEVICES, choose_device
from audio_emotion.inference.backends.onnx import OnnxRuntime
from audio_emotion.inference.backends.torch import TorchRuntime, load
from audio_emotion.models import build, entry
from audio_emotion.models.descriptors import maker
from audio_emotion.models.emotion_model import EmotionModel
from tests.sounds import voice

N_LABELS = 8


@dataclass(frozen=True)
class Subject:
    """An architecture under test.

    Attributes:
        name: as it is registered.
        parameters: sizes that make it quick to test.
        window_s: a shorter window that does so, in seconds; 0: the architecture's own.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    window_s: float = 0.0

    def build(self) -> EmotionModel:
        torch.manual_seed(0)
        return build(self.name, N_LABELS, self.parameters)

    @property
    def window_samples(self) -> int:
        known = entry(self.name)
        return round((self.window_s or known.window_s) * known.sampling_rate)

    def windows(self, n: int) -> np.ndarray:
        """Voices of different pitch and length in windows, (n, window_samples), zeros at both ends."""
        rate, size = entry(self.name).sampling_rate, self.window_samples
        seconds = size / rate
        clips = [voice(seconds * (0.6 + 0.2 * i / n), rate=rate, seed=i, pitch_hz=90 + 15 * i) for i in range(n)]
        return np.stack([np.pad(clip, (size // 20, size - size // 20 - len(clip))) for clip in clips])


def one_and_many_have_finite_logits(subject: Subject, folder: Path) -> None:
    runtime = TorchRuntime(subject.build(), "cpu")
    for windows in (subject.windows(1), subject.windows(3), np.zeros((2, subject.window_samples), np.float32)):
        logits = runtime.logits(windows)
        assert logits.shape == (len(windows), N_LABELS)
        assert np.isfinite(logits).all()


def every_parameter_gets_a_gradient(subject: Subject, folder: Path) -> None:
    model = subject.build().train()
    model(torch.from_numpy(subject.windows(4))).square().sum().backward()
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    without = [name for name, p in trained if p.grad is None or not p.grad.abs().sum()]
    assert not without


def an_answer_repeats_and_does_not_depend_on_its_neighbours(subject: Subject, folder: Path) -> None:
    runtime, batch = TorchRuntime(subject.build(), "cpu"), subject.windows(4)
    together = runtime.logits(batch)
    np.testing.assert_array_equal(together, runtime.logits(batch))
    np.testing.assert_allclose(together[:1], runtime.logits(batch[:1]), atol=1e-5)


def it_learns_sixteen_clips_by_heart(subject: Subject, folder: Path) -> None:
    model, samples = subject.build(), torch.from_numpy(subject.windows(16))
    targets = torch.arange(16) % N_LABELS
    with torch.no_grad():
        features = model.features(samples)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(8):
        for _ in range(20):
            model.train()
            loss = torch.nn.functional.cross_entropy(model.network(features), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        answers = TorchRuntime(model, "cpu").logits(samples.numpy()).argmax(axis=1)
        if (answers == targets.numpy()).all():
            return
    raise AssertionError(f"after 160 steps it knows {(answers == targets.numpy()).sum()} of 16 clips")


def what_is_stored_comes_back_and_the_graph_agrees(subject: Subject, folder: Path) -> None:
    model, batch = subject.build(), subject.windows(3)
    write_weights(model, folder, subject.window_samples)
    original = TorchRuntime(model, "cpu").logits(batch)
    again = load(folder / "model.safetensors", subject.name, N_LABELS, model.sizes, model.frontend_config)
    np.testing.assert_array_equal(TorchRuntime(again, "cpu").logits(batch), original)
    known = entry(subject.name)
    features = maker(known.frontend, model.frontend_config) if known.graph == "features" else None
    graph = OnnxRuntime(folder / "model.onnx", features)
    np.testing.assert_allclose(graph.logits(batch), original, atol=1e-4)
    np.testing.assert_allclose(graph.logits(batch[:1]), original[:1], atol=1e-4)


def every_device_here_answers_alike(subject: Subject, folder: Path) -> None:
    model, batch = subject.build(), subject.windows(2)
    expected = TorchRuntime(model, "cpu").logits(batch)
    present = choose_device("auto")
    assert present in DEVICES
    np.testing.assert_allclose(TorchRuntime(model, present).logits(batch), expected, atol=5e-3)


Check = Callable[[Subject, Path], None]

CHECKS: tuple[Check, ...] = (
    one_and_many_have_finite_logits,
    every_parameter_gets_a_gradient,
    an_answer_repeats_and_does_not_depend_on_its_neighbours,
    it_learns_sixteen_clips_by_heart,
    what_is_stored_comes_back_and_the_graph_agrees,
    every_device_here_answers_alike,
)

_SMALL_TRANSFORMER = {"transformer_dim": 32, "num_layers": 2, "num_heads": 4, "feedforward": 32}
_TINY_ENCODER = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [16, 16, 16],
    "conv_stride": [5, 4, 4],
    "conv_kernel": [10, 4, 4],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0,
}

SMALL: dict[str, Subject] = {
    subject.name: subject
    for subject in (
        Subject(
            "acnt",
            {"channels": (8, 8, 16, 16), "hidden": 32, "dropout": 0.0, "conv_dropout": 0.0, **_SMALL_TRANSFORMER},
            window_s=1.5,
        ),
        Subject("cnn-1d", {"channels": (8, 16, 16), "hidden": 32, "conv_dropout": 0.0, "dropout": 0.0}),
        Subject(
            "cnn-bilstm-attention",
            {"channels": (16, 16), "hidden": 16, "lstm_layers": 2, "head_width": 32, "dropout": 0.0},
            window_s=1.5,
        ),
        Subject("study-base", {"channels": (8, 16, 16), "hidden": 32}, window_s=1.0),
        Subject("study-enhanced", {"channels": (8, 16, 16), "hidden": 16, "bottleneck": 16}, window_s=0.75),
        Subject("study-simplified", {"channels": (8, 16), **_SMALL_TRANSFORMER}, window_s=1.0),
        Subject("study-ultimate", {"channels": (8, 8, 16), "bottleneck": 16, **_SMALL_TRANSFORMER}, window_s=1.0),
        Subject("two-channel-cnn", {"channels": (8, 16, 16), "hidden": 32}, window_s=1.0),
        Subject("wav2vec2", {"encoder": _TINY_ENCODER, "tune_from": 0, "dropout": 0.0}, window_s=1.0),
    )
}
"""Sizes to test an architecture with; one that is not here is tested as it stands."""
