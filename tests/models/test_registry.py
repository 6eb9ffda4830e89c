"""The contract that every registered architecture keeps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from audio_emotion.errors import ModelError
from audio_emotion.export import write_weights
from audio_emotion.models import Entry, architectures, build, register
from audio_emotion.runtime.onnx import OnnxRuntime
from audio_emotion.runtime.torch import TorchRuntime, load
from tests.sounds import voice

WINDOW = 48_000
N_LABELS = 8


def windows(n: int) -> np.ndarray:
    clips = [np.pad(voice(1.0 + 0.1 * i, seed=i, pitch_hz=90 + 15 * i), (2_000, 0)) for i in range(n)]
    return np.stack([np.pad(clip, (0, WINDOW - len(clip))) for clip in clips])


@pytest.fixture(params=architectures())
def model(request: pytest.FixtureRequest):
    torch.manual_seed(0)
    return build(request.param, N_LABELS)


def test_shapes_for_one_and_many(model):
    for n in (1, 3):
        logits = TorchRuntime(model, "cpu").logits(windows(n))
        assert logits.shape == (n, N_LABELS)
        assert np.isfinite(logits).all()


def test_silence_has_finite_logits(model):
    assert np.isfinite(TorchRuntime(model, "cpu").logits(np.zeros((2, WINDOW), np.float32))).all()


def test_every_parameter_gets_a_gradient(model):
    model.train()
    model(torch.from_numpy(windows(4))).square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not without


def test_an_answer_repeats_and_does_not_depend_on_its_neighbours(model):
    runtime, batch = TorchRuntime(model, "cpu"), windows(4)
    together = runtime.logits(batch)
    np.testing.assert_array_equal(together, runtime.logits(batch))
    np.testing.assert_allclose(together[:1], runtime.logits(batch[:1]), atol=1e-5)


def test_recording_level_does_not_matter(model):
    runtime, batch = TorchRuntime(model, "cpu"), windows(2)
    np.testing.assert_allclose(runtime.logits(batch), runtime.logits(batch / 2), atol=2e-2)


def test_it_learns_sixteen_clips_by_heart(model):
    samples = torch.from_numpy(windows(16))
    targets = torch.arange(16) % N_LABELS
    model.train()
    with torch.no_grad():
        features = model.features(samples)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model.network(features), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    answers = TorchRuntime(model, "cpu").logits(samples.numpy()).argmax(axis=1)
    assert (answers == targets.numpy()).all()


def test_what_is_stored_comes_back_and_the_graph_agrees(model, request, tmp_path: Path):
    name = request.node.callspec.params["model"]
    write_weights(model, tmp_path, WINDOW)
    batch = windows(3)
    original = TorchRuntime(model, "cpu").logits(batch)
    again = load(tmp_path / "model.safetensors", name, N_LABELS, model.sizes, model.frontend_config)
    np.testing.assert_array_equal(TorchRuntime(again, "cpu").logits(batch), original)
    graph = OnnxRuntime(tmp_path / "model.onnx")
    np.testing.assert_allclose(graph.logits(batch), original, atol=1e-4)
    np.testing.assert_allclose(graph.logits(batch[:1]), original[:1], atol=1e-4)


def test_an_unknown_architecture_or_size_is_one_clear_error():
    with pytest.raises(ModelError, match=r"no architecture is called 'nope'; there are: .*two-channel-cnn"):
        build("nope", N_LABELS)
    with pytest.raises(ModelError, match="depth"):
        build("two-channel-cnn", N_LABELS, {"depth": 3})


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="registered already"):
        register("two-channel-cnn", Entry("m", "N", "C", "F", "s"))
