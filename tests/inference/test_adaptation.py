from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from audio_emotion import Model, load_model
from audio_emotion.core import paths
from audio_emotion.core.errors import AudioError, ModelError, UsageError
from audio_emotion.core.types import FloatArray
from audio_emotion.export.int8 import write_int8
from audio_emotion.export.variants import Origin, runner, write
from audio_emotion.export.weights import write_weights
from audio_emotion.inference.adaptation import (
    MIN_WINDOWS,
    GroupMean,
    group_key,
    group_shifts,
    pooled_vectors,
    sample_evenly,
)
from audio_emotion.inference.backends import Outputs
from audio_emotion.inference.backends.onnx import OnnxRuntime
from audio_emotion.inference.backends.torch import TorchRuntime
from audio_emotion.inference.batching import BatchItem
from audio_emotion.models import adaptation_file, build, checkpoint
from audio_emotion.models.adaptation_file import Adaptation
from tests.sounds import RATE, voice

WINDOW = 24_000
VOICES = [voice(1.2, seed=seed, pitch_hz=90 + 15 * seed) for seed in range(6)]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[TorchRuntime, Path]:
    """A small network that also decides what is speech, and the folder of its graphs."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("network")
    model = build("speech-embedding", 8, {"n_blocks": 2, "speech_hidden": 8}).eval()
    write_weights(model, folder, WINDOW)
    write_int8(folder / checkpoint.GRAPH, folder / checkpoint.INT8_GRAPH, windows())
    return TorchRuntime(model, "cpu"), folder


def windows() -> FloatArray:
    """Voices of several lengths, with zeros around them."""
    clips = [clip[: 9_000 + 1_500 * (i % 3)] for i, clip in enumerate(VOICES)]
    return np.stack([np.pad(clip, (3_000, WINDOW - 3_000 - len(clip))) for clip in clips])


def shifts(n: int, width: int) -> FloatArray:
    return np.random.default_rng(0).normal(size=(n, width)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> Model:
    """The bundled model, which takes every window for speech: the voices here are made, and some would not pass."""
    found = load_model(device="cpu", backend="onnx")
    return Model(replace(found.config, speech_threshold=None), found.runtime, found.backend, found.adaptation)


def test_a_graph_has_the_outputs_of_the_network_and_takes_its_shift(network: tuple[TorchRuntime, Path]):
    torch_runtime, folder = network
    graph = OnnxRuntime(folder / checkpoint.GRAPH, threads=2)
    plain = torch_runtime.outputs(windows())
    assert plain.pooled is not None
    assert plain.speech is not None
    assert (graph.n_pooled, graph.decides_speech) == (plain.pooled.shape[1], True)
    rows = shifts(len(windows()), plain.pooled.shape[1])
    for shift in (None, rows[0], rows):
        expected, got = torch_runtime.outputs(windows(), shift), graph.outputs(windows(), shift)
        for one, other in zip(expected, got, strict=True):
            np.testing.assert_allclose(other, one, atol=1e-4)
        np.testing.assert_array_equal(got.pooled, graph.outputs(windows()).pooled)  # a shift is for the logits alone
    assert np.abs(graph.outputs(windows(), rows).logits - plain.logits).max() > 0.1
    np.testing.assert_array_equal(graph.outputs(windows(), 0 * rows).logits, graph.logits(windows()))
    np.testing.assert_array_equal(graph.with_shift(rows[0]).logits(windows()), graph.outputs(windows(), rows[0]).logits)


def test_the_head_of_a_graph_in_integers_agrees_for_any_shift(network: tuple[TorchRuntime, Path]):
    torch_runtime, folder = network
    graph = OnnxRuntime(folder / checkpoint.INT8_GRAPH)
    pooled = graph.outputs(windows()).pooled
    assert pooled is not None
    rows = 5 * shifts(len(pooled), pooled.shape[1])  # far out of the ranges that were measured
    with torch.no_grad():
        expected = torch_runtime.model.network.head(torch.from_numpy(pooled + rows)).numpy()
    np.testing.assert_allclose(graph.outputs(windows(), rows).logits, expected, atol=1e-4)


def test_the_shift_goes_part_of_the_way_to_the_training_mean():
    mean = GroupMean()
    mean.add(np.full((3, 2), 1.0, np.float32))
    mean.add(np.empty((0, 0), np.float32))
    target = np.array([4.0, 1.0], np.float32)
    assert mean.shift(target, 5) is None
    mean.add(np.full((2, 2), 6.0, np.float32))
    assert (mean.n_windows, mean.n_recordings) == (MIN_WINDOWS, 2)
    shift = mean.shift(target, 5)  # the mean is 3, and 5 of 5 + 5 windows go half the way
    assert shift is not None
    np.testing.assert_allclose(shift, [0.5, -1.0])


def test_without_shrinkage_the_recordings_lie_where_the_training_data_lie(model: Model):
    adapted = model.adapt(VOICES, RATE, shrinkage=0)
    assert adapted.config.adaptation == {
        "shrinkage": 0.0,
        "model": model.config.name,
        "recordings": 6,
        "windows": 6,
    }
    assert model.adaptation is not None
    assert adapted.adaptation is not None
    assert adapted.adaptation.shift is not None
    cut = np.stack([np.pad(clip, (14_400, 14_400)) for clip in VOICES])
    moved = pooled_vectors(adapted, cut).mean(axis=0) + adapted.adaptation.shift
    np.testing.assert_allclose(moved, model.adaptation.mean, atol=0.05)
    again = adapted.adapt(VOICES, RATE, shrinkage=0)  # of the base model: shifts do not add up
    np.testing.assert_allclose(again.adaptation.shift, adapted.adaptation.shift)  # type: ignore[union-attr]


def test_a_folder_of_recordings_adapts_every_backend_alike():
    scores = []
    for backend in ("onnx", "onnx-int8", "torch"):
        adapted = load_model(device="cpu", backend=backend).adapt("inference/samples")  # type: ignore[arg-type]
        assert adapted.config.adaptation["recordings"] == 8
        scores.append(list(adapted.predict("inference/samples/sad.wav").scores.values()))
    np.testing.assert_allclose(scores[0], scores[2], atol=1e-4)
    np.testing.assert_allclose(scores[0], scores[1], atol=0.1)


def test_too_few_recordings_and_wrong_settings_are_errors(model: Model, tmp_path: Path):
    with pytest.raises(AudioError, match="at least 5 windows with speech, and 2 recordings gave 2"):
        model.adapt(VOICES[:2], RATE)
    with pytest.raises(UsageError, match="shrinkage is -1, expected 0 or more"):
        model.adapt(VOICES, RATE, shrinkage=-1)
    with pytest.raises(AudioError, match="no such file"):
        model.adapt([tmp_path / "absent.wav"])


def test_a_model_without_the_training_mean_cannot_be_adapted(model: Model):
    old = Model(replace(model.config, adaptation={}), model.runtime, model.backend)
    for use in (lambda: old.adapt(VOICES, RATE), lambda: group_shifts(old, {}), lambda: old.with_shift(VOICES[0])):
        with pytest.raises(ModelError, match="model 'whisper-tiny' cannot be adapted"):
            use()
    assert old.with_shift(None) is old


def test_groups_get_shifts_of_their_own_and_small_ones_none(model: Model):
    def recordings(clips: list[FloatArray]) -> list[BatchItem]:
        return [BatchItem(lambda clip=clip: [clip]) for clip in clips]  # type: ignore[misc]

    deep, high = ([voice(1.0, seed=i, pitch_hz=pitch) for i in range(5)] for pitch in (90.0, 280.0))
    found = group_shifts(model, {"deep": recordings(deep), "high": recordings(high), "few": recordings(deep[:4])})
    assert set(found) == {"deep", "high"}
    assert np.abs(found["deep"] - found["high"]).max() > 0.01
    expected = model.adapt(deep, RATE).adaptation
    assert expected is not None
    np.testing.assert_allclose(found["deep"], expected.shift, atol=1e-6)


def test_recordings_are_grouped_by_folder_or_all_together():
    assert group_key("all", "a/b.wav") == group_key("all", "c.wav")
    assert group_key("folder", "a/b.wav") == group_key("folder", Path("a/c.wav")) != group_key("folder", "b/b.wav")
    assert sample_evenly("abc", 3) == ["a", "b", "c"]
    assert sample_evenly(range(1_000), 3) == [0, 500, 999]


def test_an_exported_graph_of_an_adapted_model_has_its_shift(model: Model, tmp_path: Path):
    base = paths.bundled_model_dir()
    adapted = model.adapt(VOICES, RATE)
    folder = tmp_path / "adapted"
    folder.mkdir()
    for name in model.config.weight_files:
        (folder / name).write_bytes((base / name).read_bytes())
    adaptation_file.write(folder, *adapted.adaptation)  # type: ignore[misc]
    checkpoint.write(folder, adapted.config, "card")
    stored = load_model(str(folder), "cpu", "onnx")
    cut = np.stack([np.pad(clip, (14_400, 14_400)) for clip in VOICES])
    np.testing.assert_array_equal(stored.logits(cut), adapted.logits(cut))
    odds = np.exp(adapted.logits(cut).astype(np.float64) / model.config.temperature)
    for kind in ("onnx", "torch"):
        file = write(kind, Origin(folder, checkpoint.read(folder)), tmp_path)
        np.testing.assert_allclose(runner(file)(cut), odds / odds.sum(axis=1, keepdims=True), atol=1e-4)


def test_an_exported_graph_says_how_likely_a_window_is_speech(network: tuple[TorchRuntime, Path], tmp_path: Path):
    torch_runtime, folder = network
    bundled = checkpoint.read(paths.bundled_model_dir())
    config = replace(bundled, window_samples=WINDOW, adaptation={}, speech_threshold=0.5)
    expected = torch_runtime.outputs(windows())
    assert expected.speech is not None
    for kind in ("onnx", "onnx-int8"):
        session = onnxruntime.InferenceSession(write(kind, Origin(folder, config), tmp_path))
        assert [value.name for value in session.get_inputs()] == ["samples"]
        probabilities, speech = session.run(["probabilities", "speech_probability"], {"samples": windows()})
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(speech, 1 / (1 + np.exp(-expected.speech)), atol=0.02)


class Decider:
    """A runtime for which only windows with a positive first sample contain speech."""

    device = "cpu"

    def logits(self, windows: FloatArray) -> FloatArray:
        return self.outputs(windows).logits

    def outputs(self, windows: FloatArray, shift: FloatArray | None = None, threads: int | None = None) -> Outputs:
        pooled = np.zeros((len(windows), 2), np.float32)
        return Outputs(np.ones((len(windows), 8), np.float32), pooled, np.where(windows[:, 0] > 0, 5.0, -5.0))

    def with_shift(self, shift: FloatArray) -> "Decider":
        return self


@pytest.fixture
def decider(model: Model) -> Model:
    config = replace(model.config, speech_threshold=0.5)
    return Model(config, Decider(), "onnx", Adaptation(np.zeros(2, np.float32)))


def test_windows_in_which_the_network_finds_no_speech_are_left_out(decider: Model):
    marked = np.stack([np.pad(clip, (14_400, 14_400)) for clip in VOICES])
    marked[:4, 0] = 1.0
    logits = decider.logits(marked)
    assert np.isnan(logits).all(axis=1).tolist() == [False] * 4 + [True] * 2
    assert not np.isnan(decider.logits(marked, gate=False)).any()
    assert len(pooled_vectors(decider, marked)) == 4
    assert len(pooled_vectors(decider, marked, gate=False)) == 6


def test_a_recording_without_speech_for_the_network_is_no_speech_unless_the_gate_is_off(decider: Model):
    silent = -np.abs(voice(3.0))
    assert decider.predict(silent, RATE).label == "no speech"
    assert decider.predict(silent, RATE).n_windows == 0
    assert decider.predict(silent, RATE, gate=False).n_windows == 1
