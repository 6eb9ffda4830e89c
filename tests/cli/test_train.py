import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from tests.conftest import ROOT
from tests.sounds import voice


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"AUDIO_EMOTION_HOME": str(tmp_path / "home"), "AUDIO_EMOTION_DATA": str(tmp_path / "corpus")}


def test_train_then_list_then_infer(cli, tmp_path: Path, make_ravdess, environment):
    make_ravdess(tmp_path / "corpus" / "any" / "nesting")
    trained = cli("train", "--epochs", 1, "--name", "mine", **environment)
    assert trained.returncode == 0, trained.stderr
    assert "precision" in trained.stdout
    assert "speaker-independent" in trained.stdout
    assert "mine\ttwo-channel-cnn\tUAR" in cli("models", "list", **environment).stdout
    soundfile.write(tmp_path / "clip.wav", voice(1.0), 16_000)
    answer = json.loads(cli("infer", "clip.wav", "--model", "mine", "--json", **environment).stdout)
    assert answer["model"] == "mine"


def test_a_random_split_is_labelled_speaker_dependent(cli, tmp_path: Path, make_ravdess, environment):
    make_ravdess(tmp_path / "corpus", actors=3, takes=2)
    trained = cli("train", "--epochs", 1, "--split", "random", **environment)
    assert "Protocol: random, speaker-dependent" in trained.stdout, trained.stderr


def test_cross_corpus(cli, tmp_path: Path, make_ravdess, environment):
    make_ravdess(tmp_path / "corpus", actors=3)
    for name in ("a", "b"):
        (tmp_path / "own" / "sad").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "own" / "sad" / f"{name}.wav", voice(1.0, seed=len(name)), 16_000)
    trained = cli("train", "--epochs", 1, "--test-data", "folders=own", **environment)
    assert "Protocol: cross-corpus, speaker-independent, trained on ravdess, tested on own, 2 test" in trained.stdout, (
        trained.stderr
    )


def test_without_recordings_it_names_the_download(cli, environment):
    result = cli("train", **environment)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "audio-emotion data download ravdess" in result.stderr


def test_an_unwritable_home_is_one_line(cli, tmp_path: Path, make_ravdess, environment):
    make_ravdess(tmp_path / "corpus")
    (tmp_path / "home").write_text("a file where the folder should be")
    result = cli("train", "--epochs", 1, **environment)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "AUDIO_EMOTION_HOME" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process there")
def test_ctrl_c_ends_with_one_line_and_nothing_half_written(tmp_path: Path, make_ravdess, environment):
    make_ravdess(tmp_path / "corpus", actors=6, takes=2)
    process = subprocess.Popen(
        [sys.executable, "-m", "audio_emotion", "train", "--epochs", "1000", "--patience", "0"],
        env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (a background job ignores it)
    )
    models = tmp_path / "home" / "models"
    for _ in range(600):
        if models.is_dir() and any(models.iterdir()):
            break
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "audio-emotion: interrupted\n"
    assert not list(models.iterdir())
