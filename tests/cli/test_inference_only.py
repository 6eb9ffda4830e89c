"""An installation without torch: what works, and what the other commands say to install."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import soundfile
from packaging.requirements import Requirement

from audio_emotion.core import packages
from tests.conftest import ROOT
from tests.sounds import RATE, voice

# Runs the commands in one process in which the packages of training cannot be imported.
COMMANDS = """
import json, sys
MODULES = {"scikit-learn": "sklearn", "tomli-w": "tomli_w"}
from audio_emotion.core import packages
for name in [*packages.TRAIN, "scipy"]:
    sys.modules[MODULES.get(name, name)] = None
from typer.testing import CliRunner
from audio_emotion.cli import app
results = []
for words in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, words, prog_name="audio-emotion")
    results.append((result.exit_code, result.stdout, result.stderr))
json.dump(results, sys.stdout)
"""
FULL = "which is not installed; this installation is for infer, listen and serve; run: pip install audio-emotion\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """The exit code, stdout and stderr of each command below."""
    folder = tmp_path_factory.mktemp("inference-only")
    soundfile.write(folder / "clip.wav", voice(2), RATE)
    for label in ("happy", "sad"):
        path = folder / "labelled" / label / "anna" / "clip.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, voice(2), RATE)
    commands = [
        "infer clip.wav --json",
        "infer clip.wav --timeline --report report.html",
        "infer clip.wav --speakers auto",
        "infer clip.wav --backend torch",
        "listen --file clip.wav",
        "data check folders=labelled",
        "train",
        "train --data folders=labelled",
        "evaluate folders=labelled",
        "export out",
    ]
    result = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps([command.split() for command in commands])],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=_environment(folder),
    )
    assert (folder / "report.html").is_file()
    return dict(zip(commands, map(tuple, json.loads(result.stdout)), strict=True))


def _environment(folder: Path) -> dict[str, str]:
    import os

    return {**os.environ, "AUDIO_EMOTION_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    "command",
    [
        "infer clip.wav --json",
        "infer clip.wav --timeline --report report.html",
        "listen --file clip.wav",
        "data check folders=labelled",
    ],
)
def test_works_without_torch(run, command: str):
    code, stdout, stderr = run[command]
    assert code == 0, stderr
    assert stdout


@pytest.mark.parametrize(
    ("command", "package"),
    [
        ("infer clip.wav --backend torch", "torch"),
        ("train", "torch"),
        ("train --data folders=labelled", "torch"),
        ("evaluate folders=labelled", "sklearn"),
    ],
)
def test_says_in_one_line_what_to_install(run, command: str, package: str):
    code, stdout, stderr = run[command]
    assert (code, stdout) == (1, "")
    assert stderr == f"audio-emotion: this command needs {package}, {FULL}"


def test_export_says_what_to_install(run):
    code, _, stderr = run["export out"]
    assert code == 1
    assert stderr.startswith("audio-emotion: this command needs ")
    assert stderr.endswith(FULL)


def test_the_search_for_speakers_needs_nothing_more(run):
    code, stdout, _ = run["infer clip.wav --speakers auto"]
    assert code == 0
    assert "speaker 1: " in stdout


def test_the_command_that_adds_an_extra_does_not_add_torch():
    expected = "pip install 'fastapi>=0.115'"
    assert packages.install_command("web", inference_only=True).startswith(expected)
    assert packages.install_command("web", inference_only=False) == "pip install 'audio-emotion[web]'"
    assert packages.install_command("tune", inference_only=True) == "pip install 'audio-emotion[tune]'"
    assert packages.install_command() == "pip install audio-emotion"


def test_a_checkout_that_is_not_installed_is_installed_by_its_path(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages, "_is_installed", lambda: False)
    assert packages.install_command() == "pip install ."
    assert packages.install_command("web", inference_only=False) == "pip install '.[web]'"


def test_the_page_on_installation_names_the_packages_of_the_extras():
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for extra in ("web", "live", "vad"):
        names = " ".join(Requirement(requirement).name for requirement in extras[extra])
        assert f"pip install {names} " in page
