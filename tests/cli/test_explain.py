import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.cli.explain import _text
from audio_emotion.core.emotions import emotions
from audio_emotion.core.types import Prediction, Waveform
from audio_emotion.explanation import Explanation
from audio_emotion.explanation.attribution import Attribution
from tests.cli.test_infer import assert_one_line
from tests.conftest import ROOT
from tests.sounds import RATE

SAMPLE = ROOT / "inference" / "samples" / "sad.wav"


def test_a_picture_and_what_it_shows_in_words(cli, tmp_path: Path):
    result = cli("explain", SAMPLE)
    assert (result.returncode, result.stderr) == (0, "audio-emotion: image written to explain.png\n")
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"Predicted emotion: sad with \d\d\.\d\d% confidence", lines[0])
    assert [line.split(":")[0] for line in lines[1:]] == [
        "Log-odds of sad",
        "Strongest evidence for it",
        "Strongest evidence against it",
    ]
    assert (tmp_path / "explain.png").read_bytes()[:4] == b"\x89PNG"


def test_stretches_within_noise_are_told_as_such():
    def told(*over_time: float) -> list[str]:
        n_spans = len(over_time)
        weighed = Attribution(
            RATE * np.arange(n_spans + 1), np.arange(2.0), np.array([over_time]), np.array(over_time), 1.0, 0.0
        )
        said = Prediction(0, n_spans, "sad", 0.7, {"sad": 0.7, "happy": 0.3})
        sound = Waveform(np.zeros(n_spans * RATE, np.float32), RATE, RATE)
        lines = _text(Explanation(sound, said, "sad", "occlusion", weighed)).splitlines()
        return [line.partition(": ")[2] for line in lines[-2:]]

    assert told(0, 2, 0, -0.05) == ["1.0-2.0 s (+2.00)", "only noise, below 0.1"]
    assert told(0.15, 0, 0.09, 0) == ["0.0-1.0 s (+0.15), the rest is noise, below 0.1", "nothing"]


def test_without_matplotlib_it_is_told_before_anything_is_heard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for words in (["explain", "absent.wav"], ["infer", "absent.wav", "--plot", "x.png"]):
        result = CliRunner().invoke(app, words, prog_name="audio-emotion")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == (
            "audio-emotion: drawing needs a package that is not installed; run: pip install matplotlib\n"
        )
    without = CliRunner().invoke(app, ["explain", "absent.wav", "--json"], prog_name="audio-emotion")
    assert "absent.wav: no such file" in without.stderr, "numbers need no picture"


def test_json_has_every_importance_and_no_picture(cli, tmp_path: Path):
    result = cli("explain", SAMPLE, "--json", "--label", "happy", "--start", "0.5", "--end", "2")
    assert (result.returncode, result.stderr) == (0, "")
    said = json.loads(result.stdout)
    found = said["explained"]
    assert (said["label"], found["label"], found["method"]) == ("sad", "happy", "occlusion")
    assert list(said["scores"]) == list(emotions())
    assert np.shape(found["importance"]) == (len(found["frequencies"]) - 1, len(found["times"]) - 1)
    assert len(found["over_time"]) == len(found["times"]) - 1
    assert (found["times"][0], found["times"][-1]) == (0.5, 2.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_gradients_on_the_command_line(cli, tmp_path: Path):
    result = cli("explain", SAMPLE, "--method", "gradients", "--json", "-o", "x.svg")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)["explained"]
    change = found["log_odds"] - found["background_log_odds"]
    assert np.sum(found["importance"]) == pytest.approx(change, rel=0.05)
    assert b"<svg" in (tmp_path / "x.svg").read_bytes()


def test_what_cannot_be_explained_is_one_line(cli, tmp_path: Path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    assert_one_line(cli("explain", "silence.wav"), 1, "silence.wav: has no speech", "--no-gate")
    assert_one_line(cli("explain", SAMPLE, "-o", "x.gif"), 2, "x.gif", ".png or an .svg")
    assert_one_line(cli("explain", SAMPLE, "--method", "guess"), 2, "'guess'", "occlusion, gradients")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["silence.wav"]
