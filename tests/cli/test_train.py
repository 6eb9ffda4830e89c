import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from audio_emotion.cli import app
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
    assert "(no interval: one speaker)" in trained.stdout
    assert "8 utterances by 1 speaker" in trained.stdout
    assert "warning: only 8 test utterance(s)" in trained.stderr
    assert "warning: only one test speaker (ravdess/" in trained.stderr
    listed = cli("models", "list", **environment).stdout
    assert "mine\ttwo-channel-cnn\tUAR" in listed
    assert "% (8 utterances by 1 speaker(s), speaker, speaker-independent)" in listed
    soundfile.write(tmp_path / "clip.wav", voice(1.0), 16_000)
    answer = json.loads(cli("infer", "clip.wav", "--model", "mine", "--json", **environment).stdout)
    assert answer["model"] == "mine"


@pytest.mark.slow
def test_a_random_split_is_labelled_speaker_dependent(cli, tmp_path: Path, make_ravdess, environment):
    make_ravdess(tmp_path / "corpus", actors=3, takes=2)
    trained = cli("train", "--epochs", 1, "--split", "random", **environment)
    assert "Protocol: random, speaker-dependent" in trained.stdout, trained.stderr


@pytest.mark.slow
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
    result = cli("train", "--quiet", "--epochs", 1, **environment)
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
    log = tmp_path / "home" / "runs" / "two-channel-cnn" / "speaker-seed-0" / "log.jsonl"
    for _ in range(1200):
        if log.exists() and log.read_text():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("audio-emotion: interrupted; ")
    assert errors.endswith(
        "speaker-seed-0/checkpoint/state.safetensors has the run's state; the same command continues it\n"
    )
    assert not (tmp_path / "home" / "models").exists()


def test_a_dry_run_prints_a_config_its_data_and_its_cost(cli, tmp_path: Path, make_ravdess, environment):
    make_ravdess(tmp_path / "corpus")
    (tmp_path / "mine.toml").write_text("epochs = 9\nwindow_s = 1\n[optimizer]\nlr = 0.01\n")
    options = ("--config", "mine.toml", "--lr", 0.02, "--set", "loss.name=focal", "--dry-run")
    result = cli("train", *options, **environment)
    assert result.returncode == 0, result.stderr
    told = tomllib.loads(result.stdout)
    assert (told["epochs"], told["optimizer"]["lr"], told["loss"]["name"]) == (9, 0.02, "focal")
    assert "# train: 16 utterances of 2 speaker(s): ravdess/" in result.stdout
    assert "audio-emotion: warning: fewer than 10 utterances of angry (4), calm (4)," in result.stderr
    assert " parameters; 1 steps an epoch, 9 in at most 9 epochs" in result.stdout
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--folds", "emobox", "--split", "random"], "--folds cannot be used with --split"),
        (["--seeds", "2", "--jobs", "1"], "--seeds, --jobs needs --folds"),
        (["--folds", "speaker"], "there are: emobox, luna-jimenez, leave-one-speaker-out, leave-one-corpus-out, union"),
        (["--name", "../mine"], "'../mine' cannot name a model"),
        (["--folds", "2-fold", "--name", ".", "--restart"], "'.' cannot name a model"),
        (["--lr", "0", "--set", "epoch=3"], "epoch is unknown; did you mean epochs?; optimizer.lr is 0.0, expected"),
    ],
)
def test_options_that_would_be_ignored_or_are_wrong(options, problem, home, tmp_path, make_ravdess, monkeypatch):
    make_ravdess(tmp_path / "corpus", actors=1)
    result = CliRunner().invoke(app, ["train", "--data", str(tmp_path / "corpus"), *options])
    assert result.exit_code == 2
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1


def test_folds_need_no_launcher(home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = CliRunner().invoke(app, ["train", "--folds", "emobox"])
    assert result.exit_code == 2
    assert "run it without a launcher" in result.stderr
