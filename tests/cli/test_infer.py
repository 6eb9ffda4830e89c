import json
import os
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.core import paths
from audio_emotion.core.emotions import emotions
from tests.conftest import ROOT
from tests.sounds import voice


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    soundfile.write(path, voice(3), 16_000)
    return path


def assert_one_line(result, code: int, *words: str) -> None:
    assert result.returncode == code, result
    assert result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_the_text_form_is_exact(cli, clip: Path):
    result = cli("infer", clip, "--device", "cpu")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    lines = result.stdout.split("\n")
    assert lines[:2] == ["Using device: cpu", ""]
    said = re.fullmatch(r"Predicted emotion: (\w+) with (\d+\.\d\d)% confidence", lines[2])
    assert said
    assert lines[3:5] == ["", "All emotion probabilities:"]
    shares = [re.fullmatch(r"(\w+): (\d+\.\d\d)%", line).groups() for line in lines[5:13]]
    assert [label for label, _ in shares] == list(emotions())
    assert max(shares, key=lambda share: float(share[1])) == said.groups()
    assert sum(float(share) for _, share in shares) == pytest.approx(100, abs=0.05)
    assert lines[13:] == [""]


def test_json_is_an_object_for_one_file_and_a_list_for_several(cli, clip: Path):
    one = json.loads(cli("infer", clip, "--json").stdout)
    assert list(one) == ["file", "start", "end", "label", "score", "scores", "model", "device"]
    assert (one["file"], one["start"], one["end"]) == (str(clip), 0.0, 3.0)
    assert list(one["scores"]) == list(emotions())
    assert one["score"] == one["scores"][one["label"]] == max(one["scores"].values())
    assert json.loads(cli("infer", clip, clip, "--json").stdout) == [one, one]
    (listed,) = json.loads(cli("infer", clip.parent, "--json").stdout)
    assert listed == one


@pytest.mark.parametrize(
    ("subtype", "channels", "rate"),
    [("PCM_U8", 1, 16_000), ("PCM_24", 2, 44_100), ("DOUBLE", 1, 48_000), ("PCM_16", 12, 22_050),
     ("PCM_16", 1, 8_000), ("PCM_16", 1, 384_000), ("FLOAT", 2, 96_000), ("ULAW", 1, 8_000)],
)  # fmt: skip
def test_every_kind_of_wav_is_answered(cli, tmp_path: Path, subtype: str, channels: int, rate: int):
    import soxr

    path = tmp_path / "x.wav"
    samples = soxr.resample(voice(1.5), 16_000, rate)
    soundfile.write(path, np.tile(samples[:, None], (1, channels)), rate, subtype)
    answer = json.loads(cli("infer", path, "--json").stdout)
    assert answer["label"] in emotions()
    assert answer["end"] == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize(("suffix", "options"), [("flac", {}), ("ogg", {}), ("mp3", {}), ("AIFF", {})])
def test_other_formats_are_answered(cli, tmp_path: Path, suffix: str, options: dict):
    path = tmp_path / f"x.{suffix}"
    soundfile.write(path, voice(1.5), 16_000, format=suffix.upper(), **options)
    assert json.loads(cli("infer", path, "--json").stdout)["label"] in emotions()


def header(rate: int = 16_000, data: bytes = b"\0\0" * 1_600, size: int | None = None) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate % 2**32, 2, 16)
    body = form + struct.pack("<4sI", b"data", len(data) if size is None else size) + data
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is empty"]),
        (b"This is a letter, not a sound.\n" * 40, ["cannot be decoded"]),
        (header()[:30], ["bad.wav"]),
        (header(data=b""), ["no samples"]),
        (header(rate=0), ["bad.wav"]),
        (header(rate=1), ["1 Hz"]),
    ],
    ids=["empty", "text", "truncated header", "no samples", "0 Hz", "1 Hz"],
)
def test_damaged_files_are_one_line(cli, tmp_path: Path, content: bytes, words: list[str]):
    (tmp_path / "bad.wav").write_bytes(content)
    assert_one_line(cli("infer", tmp_path / "bad.wav"), 1, *words)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_one_line(cli, tmp_path: Path, value: float):
    samples = voice(1.0)
    samples[500] = value
    soundfile.write(tmp_path / "bad.wav", samples, 16_000, "FLOAT")
    assert_one_line(cli("infer", tmp_path / "bad.wav"), 1, "NaN, infinite")


def test_what_is_not_there_is_one_line(cli, tmp_path: Path, clip: Path):
    assert_one_line(cli("infer", tmp_path / "none.wav"), 1, "none.wav", "no such file")
    (tmp_path / "empty").mkdir()
    assert_one_line(cli("infer", tmp_path / "empty"), 1, "is a folder")
    assert_one_line(cli("infer", clip, "--model", "nope"), 1, "nope", "default")
    assert_one_line(cli("infer", clip, "--device", "tpu"), 2, "tpu")


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine has cuda")
def test_an_absent_device_asked_for_by_name_is_an_error(cli, clip: Path):
    assert_one_line(cli("infer", clip, "--device", "cuda"), 1, "cuda")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything")
def test_an_unreadable_file_is_one_line(cli, clip: Path):
    clip.chmod(0)
    assert_one_line(cli("infer", clip), 1, "permission")


def test_a_bad_file_among_good_ones_costs_no_other(cli, tmp_path: Path, clip: Path):
    (tmp_path / "bad.wav").write_bytes(b"no")
    result = cli("infer", tmp_path / "bad.wav", clip, "--json")
    assert_one_line(result, 3, "bad.wav")
    assert [answer["file"] for answer in json.loads(result.stdout)] == [str(clip)]


def test_an_altered_model_is_one_line(cli, tmp_path: Path, clip: Path):
    model = Path(shutil.copytree(paths.bundled_model_dir(), tmp_path / "model"))
    with (model / "model.int8.onnx").open("ab") as file:
        file.write(b"x")
    assert_one_line(cli("infer", clip, "--model", model), 1, "checksum")


def test_nothing_is_left_in_the_home_and_the_version_is_told(cli, tmp_path: Path, clip: Path):
    home = tmp_path / "home"
    home.mkdir()
    assert cli("infer", clip, HOME=str(home), XDG_CACHE_HOME=str(home / "cache")).returncode == 0
    assert not list(home.iterdir()), "no cache, no identifier, no telemetry"
    told = cli("--version").stdout
    assert re.fullmatch(
        r"audio-emotion \d+\.\d+\.\d+\nPython 3[\d.]+, onnxruntime \d.*, torch \d.*, soundfile .*\n", told
    )


def test_silence_is_no_emotion(cli, tmp_path: Path):
    soundfile.write(tmp_path / "s.wav", np.zeros(32_000), 16_000)
    answer = json.loads(cli("infer", tmp_path / "s.wav", "--json").stdout)
    assert (answer["label"], answer["score"]) == ("no speech", 0)
    assert list(answer["scores"]) == list(emotions())


def test_a_closed_pipe_ends_quietly(clip: Path):
    import subprocess
    import sys

    command = [sys.executable, "-m", "audio_emotion", "infer", *[str(clip)] * 200]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0
