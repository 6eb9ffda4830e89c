"""`listen`: files in this process, Ctrl-C and a sound system in their own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from audio_emotion import formats
from audio_emotion.cli import app
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.inference import live
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.timeline import timeline
from tests import pulse
from tests.conftest import ROOT
from tests.inference.live.fakes import Clock, FakeInputs
from tests.sounds import RATE, voice


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    sound = np.concatenate([voice(4), np.zeros(4 * RATE, np.float32)])
    soundfile.write(tmp_path / "talk.wav", sound, RATE)
    return tmp_path / "talk.wav"


def listen(*arguments: object):
    return CliRunner().invoke(app, prog_name="audio-emotion", args=["listen", *map(str, arguments)])


def expected(recording: Path) -> list[dict[str, object]]:
    said = timeline(load_model(device="cpu"), recording, config=TimelineConfig(hop_s=0.5))
    writer = formats.get_writer("jsonl", ())
    told = formats.Source(str(recording), "two-channel-cnn", "cpu")
    return [json.loads(writer.segment(told, one)) for one in said]


def alike(lines: list[dict[str, object]], others: list[dict[str, object]]) -> None:
    assert [(line["start"], line["end"], line["label"]) for line in lines] == [
        (line["start"], line["end"], line["label"]) for line in others
    ]
    for line, other in zip(lines, others, strict=True):
        assert line["scores"] == pytest.approx(other["scores"], abs=1e-4)


def test_programs_get_the_lines_of_infer_and_nothing_else(talk: Path, tmp_path: Path):
    result = listen("--file", talk, "--jsonl", "--save", tmp_path / "s.jsonl", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    for line in lines:
        jsonschema.validate(line, {"$ref": "#/$defs/line", **{"$defs": formats.schema()["$defs"]}})
    assert (tmp_path / "s.jsonl").read_text() == result.stdout
    alike(lines, expected(talk))
    assert "share of time: " in result.stderr


def test_people_get_lines_where_there_is_no_terminal(talk: Path):
    result = listen("--file", talk, "--hop", 1, "--min-confidence", 1)
    *lines, blank, shares = result.stdout.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("00:00:00.000 - 00:00:02.000  unknown  (")
    assert lines[-1] == "00:00:06.000 - 00:00:08.000  no speech"
    assert blank == ""
    assert shares.startswith("Share of time: ")
    assert "8.0 s of sound, 6 predictions" in result.stderr
    assert listen("--file", talk, "--plain", "-q").stderr == ""
    assert "beyond the hop" not in result.stderr  # a file that is read has no latency


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--realtime",), "--file"),
        (("--file", "a.wav", "--record", "b.wav"), "--record cannot be used with --file"),
        (("--file", "a.wav", "--device-name", "usb"), "--file cannot be used with --device-name"),
        (("--file", "a.wav", "--jsonl", "--plain"), "--jsonl cannot be used with --plain"),
        (("--file", "a.wav", "--hop", "5"), "the hop is 5 s"),
        (("--file", "a.wav", "--wait", "5"), "--wait is for microphones"),
        (("--vad", "--no-gate"), "--vad cannot be used with --no-gate"),
        (("--record", "a", "--save", "a"), "are the same file"),
        (("--wait", "-1"), "expected 0 or more"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments: tuple[str, ...], says: str):
    result = listen(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--save", "--record"])
def test_a_file_that_is_there_is_not_written_over(option: str, talk: Path):
    content = talk.read_bytes()
    result = listen(option, talk)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "already exists and would be overwritten" in result.stderr
    assert talk.read_bytes() == content


def test_an_unreadable_file_is_one_line(tmp_path: Path):
    result = listen("--file", tmp_path / "absent.wav", "--jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1].endswith("no such file or folder; check the path")


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    for arguments in ((), ("--list-devices",)):
        result = listen(*arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert "pip install 'audio-emotion[live]'" in result.stderr


def test_a_device_that_goes_is_waited_for_and_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    clock = Clock()
    inputs = FakeInputs(clock)
    said = (voice(4) * 32767).astype(np.int16)[:, None]
    inputs.says_when_opened = [said]
    monkeypatch.setattr(live, "PortAudio", lambda: inputs)
    monkeypatch.setattr(live, "Microphone", lambda *given: live.sources.Microphone(*given, clock=clock))

    def gone() -> None:
        while inputs._active is None:  # the model is loaded first, which takes long on a busy machine
            time.sleep(0.01)
        time.sleep(0.5)
        inputs.unplug()
        clock.now += 31

    threading.Thread(target=gone, daemon=True).start()
    result = listen("--jsonl", "--record", tmp_path / "s.wav", "--save", tmp_path / "s.jsonl")
    assert result.exit_code == 3
    assert "did not come back within 30 s" in capfd.readouterr().err.splitlines()[-1]
    alike([json.loads(line) for line in result.stdout.splitlines()], expected(tmp_path / "s.wav"))
    assert np.array_equal(soundfile.read(tmp_path / "s.wav", dtype="int16")[0], said[:, 0])


@contextmanager
def listening(*arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run `listen` in a process of its own, from when it says that it listens."""
    command = [sys.executable, "-m", "audio_emotion", "listen", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:  # type: ignore[call-overload]
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            assert "listening to" in first, first + process.stderr.read()
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_ends_cleanly_with_a_summary(tmp_path: Path):
    soundfile.write(tmp_path / "long.wav", np.tile(voice(5), 20), RATE)
    options = ("--file", tmp_path / "long.wav", "--realtime", "--jsonl", "--window", 1)
    with listening(*options, "--save", tmp_path / "s.jsonl") as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # while it goes on: lines are flushed one by one
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    lines = (first + rest).splitlines(keepends=True)
    assert 2 <= len(lines) < 20
    assert "".join(lines) == (tmp_path / "s.jsonl").read_text()
    shares, cost, latency = errors.splitlines()
    assert shares.startswith("audio-emotion: share of time: ")
    assert f"{len(lines)} predictions" in cost
    assert "no overflow, 0.0 s lost" in latency


@pytest.mark.skipif(pulse.missing() is not None, reason=pulse.missing() or "")
def test_what_is_played_into_the_microphone_is_heard_as_infer_hears_it(tmp_path: Path):
    soundfile.write(tmp_path / "clip.wav", np.concatenate([voice(3), np.zeros(RATE // 2), voice(1.5, seed=1)]), RATE)
    with tempfile.TemporaryDirectory() as folder, pulse.server(Path(folder)) as environment:
        options = ("--jsonl", "--record", tmp_path / "s.wav", "--save", tmp_path / "s.jsonl", "--device", "cpu")
        with listening(*options, **environment) as process:
            subprocess.run(["paplay", tmp_path / "clip.wav"], env=environment, check=True, timeout=60)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in output.splitlines()]
    assert lines[-1]["end"] == pytest.approx(soundfile.info(tmp_path / "s.wav").duration, abs=1e-3)
    assert lines[-1]["end"] > 4
    assert any(line["label"] != NO_SPEECH for line in lines)
    alike(lines, expected(tmp_path / "s.wav"))
    assert (tmp_path / "s.jsonl").read_text() == output
    assert "ALSA" not in errors
