import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from audio_emotion.core.errors import ModelError, UsageError
from audio_emotion.core.types import FloatArray
from audio_emotion.export import variants
from audio_emotion.export.variants import KINDS, Origin, runner, write
from audio_emotion.inference.backends.trim_padding import Margin
from audio_emotion.inference.loading import load_model
from audio_emotion.models import checkpoint
from tests.sounds import voice

LIMITS = {"onnx": 1e-6, "onnx-int8": 0.15, "ort": 1e-5, "ort-int8": 0.15, "torch": 1e-4}


@pytest.fixture(scope="module")
def origin() -> Origin:
    folder = checkpoint.find("default")
    return Origin(folder, checkpoint.read(folder))


@pytest.fixture(scope="module")
def windows() -> FloatArray:
    return np.stack([voice(3.0, seed=seed) for seed in range(3)])


@pytest.fixture(scope="module")
def expected(windows: FloatArray) -> np.ndarray:
    model = load_model(device="cpu", backend="onnx")
    odds = np.exp(model.runtime.logits(windows) / model.config.temperature)
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_each_form_says_what_the_model_says(
    kind: str, origin: Origin, windows: FloatArray, expected: np.ndarray, tmp_path: Path
) -> None:
    file = write(kind, origin, tmp_path)
    said = runner(file)(windows)
    assert np.abs(said - expected).max() < LIMITS[kind]
    assert np.abs(said.sum(axis=1) - 1).max() < 1e-5
    np.testing.assert_allclose(runner(file)(windows[1:2]), said[1:2], atol=1e-5)  # of any batch size


def test_a_graph_says_what_it_is(origin: Origin, tmp_path: Path) -> None:
    model = onnx.load(write("onnx-int8", origin, tmp_path))
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(said["labels"]) == list(origin.config.labels)
    assert (said["sampling_rate"], said["window_samples"]) == ("16000", "48000")
    assert said["package_version"] == origin.config.package_version
    assert int(said["opset"]) == next(entry.version for entry in model.opset_import if not entry.domain)


def test_integers_need_speech(origin: Origin, windows: FloatArray, tmp_path: Path) -> None:
    from dataclasses import replace

    without = replace(origin, config=replace(origin.config, int8=False))
    with pytest.raises(UsageError, match="add some with --data"):
        write("onnx-int8", without, tmp_path)
    assert write("onnx-int8", replace(without, speech=windows), tmp_path).is_file()


def test_what_cannot_be_had_is_said(origin: Origin, windows: FloatArray, tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(UsageError, match="unknown format 'pickle'; choose from onnx"):
        write("pickle", origin, tmp_path)
    large = replace(origin, config=replace(origin.config, graph="none", int8=False))
    with pytest.raises(UsageError, match="too large for an ONNX file"):
        write("ort", large, tmp_path)
    file = write("onnx", origin, tmp_path)
    with pytest.raises(ModelError, match=r"reads \(48000,\), got \(100,\)"):
        runner(file)(windows[:, :100])
    trimmed = onnx.load(file)
    onnx.helper.set_model_props(trimmed, Margin(samples=320, step=160).to_metadata())
    onnx.save(trimmed, file)
    with pytest.raises(ModelError, match=r"reads multiples of 160 samples, got \(100,\)"):
        runner(file)(windows[:, :100])
    assert variants.metadata(origin.config)["licence"].startswith("CC-BY-NC-SA-4.0 AND ODbL-1.0 AND ")
