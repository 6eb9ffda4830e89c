import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

from audio_emotion import load_model
from audio_emotion.cli import app
from audio_emotion.models import checkpoint
from tests.cli.conftest import Run
from tests.sounds import RATE, voice


@pytest.fixture
def folders(here: Path) -> Path:
    """Two folders with the voices of a speaker each."""
    for name, pitch in (("anna", 220.0), ("ben", 150.0)):
        Path(name).mkdir()
        for i in range(6):
            soundfile.write(f"{name}/{i}.wav", voice(1.6, seed=i, pitch_hz=pitch), RATE)
    return here


@pytest.fixture
def adapt(folders: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("AUDIO_EMOTION_HOME", str(folders / "home"))

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, ["adapt", *map(str, arguments)], prog_name="audio-emotion")

    return run


def scores(result: Result) -> list[float]:
    """Return the happy score of each recording in the JSON lines that `infer` printed."""
    assert result.exit_code == 0, result.output
    return [answer["scores"]["happy"] for answer in map(json.loads, result.stdout.splitlines())]


def test_an_adapted_model_is_stored_and_used_by_name(adapt: Callable[..., Result], infer: Run):
    result = adapt("anna", "--name", "anna")
    assert result.exit_code == 0, result.output
    assert "adapted default to 6 recordings (6 windows with speech)" in result.stderr
    config = checkpoint.read(checkpoint.find("anna"))
    assert config.name == "anna"
    assert config.adaptation == {"shrinkage": 10.0, "model": "default", "recordings": 6, "windows": 6}
    base = checkpoint.read(checkpoint.find("default"))
    assert config.sha256[checkpoint.GRAPH] == base.sha256[checkpoint.GRAPH]
    by_name = scores(infer("anna/0.wav", "--model", "anna", "-f", "jsonl"))
    expected = load_model(device="cpu").adapt("anna").predict("anna/0.wav").scores["happy"]
    assert by_name == pytest.approx([expected], abs=1e-6)
    assert by_name != pytest.approx(scores(infer("anna/0.wav", "-f", "jsonl")), abs=1e-4)


def test_a_name_that_exists_needs_replace(adapt: Callable[..., Result]):
    assert adapt("anna", "--name", "x").exit_code == 0
    refused = adapt("ben", "--name", "x")
    assert refused.exit_code == 1
    assert "exists already; add --replace, or use another name" in refused.stderr
    assert adapt("ben", "--name", "x", "--replace", "--shrinkage", "3").exit_code == 0
    assert checkpoint.read(checkpoint.find("x")).adaptation["shrinkage"] == 3


def test_what_cannot_be_adapted_to_is_one_line(adapt: Callable[..., Result]):
    few = adapt("anna/0.wav", "anna/1.wav", "--name", "few")
    assert few.exit_code == 1
    assert "at least 5 windows with speech, and 2 recordings gave 2" in few.stderr
    assert adapt("anna", "--name", "default").exit_code == 2
    assert adapt("-", "--name", "x").exit_code == 2
    Path("anna/bad.wav").write_bytes(b"no sound")
    mixed = adapt("anna", "--name", "mixed")
    assert mixed.exit_code == 3
    assert "bad.wav: cannot be decoded" in mixed.stderr
    assert checkpoint.read(checkpoint.find("mixed")).adaptation["recordings"] == 6


def test_each_folder_is_adapted_to_by_itself_and_all_together(adapt: Callable[..., Result], infer: Run):
    model = load_model(device="cpu")
    anna, ben = (model.adapt(name) for name in ("anna", "ben"))
    folder = scores(
        infer("anna/0.wav", *(f"anna/{i}.wav" for i in range(1, 6)), "ben", "--adapt", "folder", "-f", "jsonl")
    )
    assert folder[0] == pytest.approx(anna.predict("anna/0.wav").scores["happy"], abs=1e-6)
    assert folder[6] == pytest.approx(ben.predict("ben/0.wav").scores["happy"], abs=1e-6)
    together = scores(infer("anna", "ben", "--adapt", "all", "-f", "jsonl"))
    both = model.adapt(["anna", "ben"])
    assert together[0] == pytest.approx(both.predict("anna/0.wav").scores["happy"], abs=1e-6)


def test_a_batch_adapts_and_a_run_that_continues_uses_the_same_shift(adapt: Callable[..., Result], infer: Run):
    def run(*more: str) -> Result:
        return infer("anna", "--output-dir", "out", "-f", "jsonl", "--jobs", "1", *more)

    assert run("--adapt", "folder").exit_code == 0
    first = Path("out/results.jsonl").read_text("utf-8")
    adapted = load_model(device="cpu").adapt("anna").predict("anna/0.wav").scores["happy"]
    assert json.loads(first.splitlines()[0])["scores"]["happy"] == pytest.approx(adapted, abs=1e-6)
    soundfile.write("anna/6.wav", voice(1.6, seed=9, pitch_hz=300.0), RATE)
    assert "1 processed, 6 already done" in run("--adapt", "folder").stderr
    assert Path("out/results.jsonl").read_text("utf-8").startswith(first)
    refused = run()
    assert refused.exit_code == 2
    assert "adapt is not set (was 'folder')" in refused.stderr
    assert run("--restart").exit_code == 0
    assert not Path("out/adaptation.safetensors").exists()


def test_each_speaker_of_a_recording_is_adapted_to(adapt: Callable[..., Result], infer: Run):
    clips = [voice(1.6, seed=i, pitch_hz=pitch) for i in range(5) for pitch in (220.0, 100.0)]
    soundfile.write("talk.wav", [sample for clip in clips for sample in clip], RATE)
    turns = [f"SPEAKER talk 1 {1.6 * i:.3f} 1.600 <NA> <NA> {'ab'[i % 2]} <NA> <NA>" for i in range(10)]
    Path("talk.rttm").write_text("\n".join(turns) + "\n", "utf-8")

    def answers(*more: str) -> list[float]:
        result = infer("talk.wav", "--segments", "talk.rttm", "--json", *more)
        assert result.exit_code == 0, result.output
        return [segment["scores"]["happy"] for segment in json.loads(result.stdout)["segments"]]

    plain, adapted = answers(), answers("--adapt", "speaker")
    assert len(plain) == len(adapted) == 10
    own = load_model(device="cpu").adapt(clips[::2], RATE)
    assert adapted[0] == pytest.approx(own.predict(clips[0], RATE).scores["happy"], abs=0.02)
    assert abs(adapted[0] - plain[0]) > 1e-3


def test_what_does_not_go_with_adapt_is_refused(adapt: Callable[..., Result], infer: Run):
    for arguments, message in (
        (["anna", "--adapt", "town"], "--adapt is 'town', expected all, folder or speaker"),
        (["anna", "--adapt", "speaker"], "--adapt speaker needs to know who speaks"),
        (["-", "--adapt", "all"], "standard input (-) cannot be used with --adapt"),
    ):
        result = infer(*arguments)
        assert result.exit_code == 2
        assert message in result.stderr


def test_a_group_with_too_little_speech_is_predicted_without_adaptation(adapt: Callable[..., Result], infer: Run):
    result = infer("anna/0.wav", "--adapt", "all", "-f", "jsonl")
    assert "1 group has fewer than 5 windows with speech" in result.stderr
    assert scores(result) == pytest.approx(scores(infer("anna/0.wav", "-f", "jsonl")))
