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
        *("model.onnx", "model.int8.onnx", "model.json", "README.md", "ask.py", "speech.py"),
    }
    lines = result.stdout.splitlines()
    assert lines[1].split()[:2] == ["onnx", "model.onnx"]
    assert lines[2].split()[:2] == ["onnx-int8", "model.int8.onnx"]
    about = json.loads((tmp_path / "out/model.json").read_text())
    floats, integers = about["files"]
    assert floats["differs_most"] < 1e-5 < integers["differs_most"] < 0.2
    assert integers["size_bytes"] < floats["size_bytes"]
    assert 0 <= floats["uar"] <= 1

    assert (about["sampling_rate"], about["window_samples"], about["temperature_applied"]) == (16_000, 48_000, True)
    assert about["temperature"] == pytest.approx(load_model().config.temperature)


def ask(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run an exported folder's program, without this package."""
    command = [sys.executable, "-I", folder / "ask.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder.parent)


def scores_of(result: subprocess.CompletedProcess[str]) -> dict[str, float]:
    assert result.returncode == 0, result.stderr
    return {line.split()[0]: float(line.split()[1]) for line in result.stdout.splitlines()}


def test_the_program_in_it_agrees_with_infer_for_any_length(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("export", out, "--as", "onnx", "--as", "onnx-int8").returncode == 0
    quiet = np.zeros(RATE, np.float32)
    sounds = [voice(seconds, seed=number) for number, seconds in enumerate((0.7, 2.9, 3.0, 3.1, 5.9, 10.3))]
    sounds.append(np.concatenate([quiet, voice(2.0, seed=7), quiet, quiet, quiet, quiet, voice(2.9, seed=8), quiet]))
    model, floats = load_model(), load_model(backend="onnx")
    for number, samples in enumerate(sounds):
        clip = tmp_path / f"{number}.wav"
        soundfile.write(clip, samples, RATE, subtype="FLOAT")
        assert scores_of(ask(out, clip)) == pytest.approx(model.predict(clip).scores, abs=1e-3)
    assert scores_of(ask(out, clip, "model.onnx")) == pytest.approx(floats.predict(clip).scores, abs=1e-3)
    stereo = tmp_path / "stereo.wav"
    soundfile.write(stereo, np.stack([sounds[1], 0.5 * sounds[1]], 1).repeat(3, axis=0), 3 * RATE, subtype="FLOAT")
    # The program resamples in one piece, infer in blocks: integers make more of that difference than floats do.
    assert scores_of(ask(out, stereo, "model.onnx")) == pytest.approx(floats.predict(stereo).scores, abs=1e-3)


def test_the_program_says_what_it_wants(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("export", out, "--as", "onnx").returncode == 0
    for arguments, code in (((), 2), (("-h",), 0)):
        result = ask(out, *arguments)
        assert (result.returncode, result.stderr) == (code, "")
        assert "python ask.py speech.wav [FILE]" in result.stdout
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    assert ask(out, tmp_path / "silence.wav").stdout == "no speech\n"
    (tmp_path / "x.wav").write_text("x")
    for name in ("x.wav", "absent.wav"):
        result = ask(out, tmp_path / name)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        assert "cannot be read" in result.stderr


def test_a_folder_of_somebody_elses_stays(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/one.txt").write_text("dear")
    result = cli("export", tmp_path / "letters", "--as", "onnx")
    assert (result.returncode, result.stdout) == (1, "")
    assert "is not an export; name a new folder" in result.stderr
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["one.txt"]


def test_an_export_is_replaced_by_the_next(cli: Cli, tmp_path: Path) -> None:
    assert cli("export", tmp_path / "out", "--as", "ort").returncode == 0
    result = cli("export", tmp_path / "out", "--as", "onnx")
    assert result.returncode == 0
    assert "compared on generated sounds" in result.stderr
    assert not (tmp_path / "out/model.ort").exists()
    assert (tmp_path / "out/model.onnx").exists()


def test_nothing_right_is_a_figure_too(capsys: pytest.CaptureFixture[str]) -> None:
    checked = Checked("onnx", "model.onnx", 1, 1.0, 0.0, 0.0, 1.0, uar=0.0, accuracy=0.0)
    _tell([checked, replace(checked, uar=None, accuracy=None)], 1)
    labelled, unlabelled = capsys.readouterr().out.splitlines()[1:3]
    assert labelled.endswith("  0.0 / 0.0 %")
    assert unlabelled.endswith("  -")


def test_an_unknown_form_is_refused(cli: Cli, tmp_path: Path) -> None:
    result = cli("export", tmp_path / "out", "--as", "pickle")
    assert result.returncode == 2
    assert "unknown format 'pickle'; choose from onnx, onnx-int8" in result.stderr
    assert not (tmp_path / "out").exists()
