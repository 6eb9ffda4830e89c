import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion import load_model
from audio_emotion.cli.export import _tell
from audio_emotion.export.bundle import Checked
from tests.sounds import RATE, voice

Cli = Callable[..., subprocess.CompletedProcess[str]]


def labelled(folder: Path, n: int = 8) -> Path:
    for number in range(n):
        path = folder / ("happy" if number % 2 else "sad") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, voice(2.0, seed=number), RATE)
    return folder


def test_a_folder_that_stands_by_itself(cli: Cli, tmp_path: Path) -> None:
    result = cli("export", tmp_path / "out", "--as", "onnx", "--as", "onnx-int8", "--data", labelled(tmp_path / "data"))
    assert result.returncode == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("model.onnx", "model.int8.onnx", "model.json", "README.md", "ask.py"),
    }
    lines = result.stdout.splitlines()
    assert lines[1].split()[:2] == ["onnx", "model.onnx"]
    assert lines[2].split()[:2] == ["onnx-int8", "model.int8.onnx"]
    about = json.loads((tmp_path / "out/model.json").read_text())
    floats, integers = about["files"]
    assert floats["differs_most"] < 1e-5 < integers["differs_most"] < 0.2
    assert integers["size_bytes"] < floats["size_bytes"]
    assert 0 <= floats["uar"] <= 1

    # The program in it needs nothing of this package, and says what the model says of the same window.
    samples = voice(3.0, seed=5)
    soundfile.write(tmp_path / "clip.wav", samples, RATE, subtype="FLOAT")
    asked = subprocess.run(
        [sys.executable, "-I", tmp_path / "out/ask.py", tmp_path / "clip.wav"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    said = {line.split()[0]: float(line.split()[1]) for line in asked.stdout.splitlines()}
    model = load_model(backend="onnx")
    odds = np.exp(model.runtime.logits(samples[None].astype(np.float32))[0] / model.config.temperature)
    for label, probability in zip(model.config.labels, odds / odds.sum(), strict=True):
        assert said[label] == pytest.approx(probability, abs=1e-3)


def test_a_folder_of_somebody_elses_stays(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/one.txt").write_text("dear")
    result = cli("export", tmp_path / "letters", "--as", "onnx")
    assert (result.returncode, result.stdout) == (1, "")
    assert "is no export; name a new folder" in result.stderr
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["one.txt"]


def test_an_export_is_replaced_by_the_next(cli: Cli, tmp_path: Path) -> None:
    assert cli("export", tmp_path / "out", "--as", "ort").returncode == 0
    result = cli("export", tmp_path / "out", "--as", "onnx-fp16")
    assert result.returncode == 0
    assert "compared on generated sounds" in result.stderr
    assert not (tmp_path / "out/model.ort").exists()
    assert (tmp_path / "out/model.fp16.onnx").exists()


def test_nothing_right_is_a_figure_too(capsys: pytest.CaptureFixture[str]) -> None:
    checked = Checked("onnx", "model.onnx", 1, 1.0, 0.0, 0.0, 1.0, uar=0.0, accuracy=0.0)
    _tell([checked, replace(checked, uar=None, accuracy=None)], 1)
    labelled, unlabelled = capsys.readouterr().out.splitlines()[1:3]
    assert labelled.endswith("  0.0 / 0.0 %")
    assert unlabelled.endswith("  -")


def test_an_unknown_form_is_refused(cli: Cli, tmp_path: Path) -> None:
    result = cli("export", tmp_path / "out", "--as", "pickle")
    assert result.returncode == 2
    assert "no form is called 'pickle'; choose from onnx, onnx-fp16" in result.stderr
    assert not (tmp_path / "out").exists()
