"""Timelines, inputs of every kind, output folders: what `infer` does beside one answer for one file."""

import csv
import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.core.emotions import emotions
from tests.conftest import ROOT
from tests.sounds import RATE, contained, encoded, voice


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Four seconds of voice, four of silence, four of voice."""
    sound = np.concatenate([voice(4), np.zeros(4 * RATE, np.float32), voice(4, seed=1)])
    soundfile.write(tmp_path / "talk.wav", sound, RATE)
    return tmp_path / "talk.wav"


def test_a_timeline_covers_the_recording_and_hears_the_pause(cli, talk: Path):
    answer = json.loads(cli("infer", talk, "--timeline", "--json").stdout)
    segments = answer["segments"]
    assert (segments[0]["start"], segments[-1]["end"]) == (0.0, 12.0)
    assert all(a["end"] == b["start"] for a, b in itertools.pairwise(segments))
    assert any(segment["label"] == "no speech" for segment in segments)
    assert answer["label"] in emotions()
    merged = json.loads(cli("infer", talk, "--timeline", "--merge", "--json").stdout)["segments"]
    assert len(merged) < len(segments)
    assert all(a["label"] != b["label"] for a, b in itertools.pairwise(merged))


@pytest.mark.parametrize("name", ["text", "jsonl", "csv", "srt", "vtt", "rttm", "audacity", "audformat"])
def test_every_format_goes_to_standard_output(cli, talk: Path, name: str):
    result = cli("infer", talk, "--timeline", "--format", name)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) >= 5
    if name == "csv":
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert {row["file"] for row in rows} == {str(talk)}
    if name == "text":
        assert "Share of time: " in result.stdout


def test_a_part_a_channel_and_each_channel(cli, tmp_path: Path):
    stereo = np.stack([voice(4), np.zeros(4 * RATE, np.float32)], axis=1)
    soundfile.write(tmp_path / "call.wav", stereo, RATE)
    both = json.loads(cli("infer", "call.wav", "--channels", "each", "--json").stdout)
    assert [(answer["channel"], answer["label"] == "no speech") for answer in both] == [(1, False), (2, True)]
    (second,) = [json.loads(cli("infer", "call.wav", "--channels", "2", "--json").stdout)]
    assert second["label"] == "no speech"
    part = json.loads(cli("infer", "call.wav", "--start", 1, "--end", 2.5, "--json").stdout)
    assert (part["start"], part["end"]) == (1.0, 2.5)
    for wrong in (["--channels", "left"], ["--channels", "each", "--format", "srt"], ["--start", 3, "--end", 2]):
        result = cli("infer", "call.wav", *wrong)
        assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr


def test_given_segments_are_answered(cli, talk: Path, tmp_path: Path):
    (tmp_path / "turns.csv").write_text("start,end\n0.5,3.5\n4.5,7.5\n")
    answer = json.loads(cli("infer", talk, "--segments", "turns.csv", "--json").stdout)
    found = [(s["start"], s["end"], s["label"] == "no speech") for s in answer["segments"]]
    assert found == [(0.5, 3.5, False), (4.5, 7.5, True)]


def test_unknown_below_the_confidence_asked_for(cli, talk: Path):
    answer = json.loads(cli("infer", talk, "--min-confidence", 1.0, "--json").stdout)
    assert answer["label"] == "unknown"
    assert sum(answer["scores"].values()) == pytest.approx(1)


def test_videos_lists_patterns_and_folders_below_folders(cli, tmp_path: Path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "film.MP4").write_bytes(contained([voice(4, 48_000)], picture=True))
    (tmp_path / "a" / "one").write_bytes(encoded(voice(3)))
    (tmp_path / "list.txt").write_text("a/one\na/b/film.MP4\n")
    for arguments in (["a", "-r"], ["a/one", "a/*/*.MP4"], ["--files-from", "list.txt"]):
        answers = json.loads(cli("infer", *arguments, "--json").stdout)
        assert sorted(answer["file"] for answer in answers) == ["a/b/film.MP4", "a/one"], arguments
    assert json.loads(cli("infer", "a/b/film.MP4", "--json").stdout)["label"] in emotions()


def pipe(content: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "audio_emotion", "infer", "-", *options]
    return subprocess.run(command, input=content, capture_output=True, cwd=ROOT, timeout=100, check=False)


def test_standard_input_is_a_recording():
    answer = json.loads(pipe(encoded(voice(3), file_format="FLAC"), "--json").stdout)
    assert (answer["file"], answer["end"]) == ("-", 3.0)
    empty = pipe(b"")
    assert (empty.returncode, empty.stderr.count(b"\n")) == (1, 1)
    assert b"standard input" in empty.stderr


def test_an_output_folder_is_continued(cli, tmp_path: Path, talk: Path):
    soundfile.write(tmp_path / "other.flac", voice(3), RATE)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    options = ["--output-dir", "out", "-f", "json", "-f", "csv", "-j", 1]
    first = cli("infer", "talk.wav", "broken.wav", *options)
    assert first.returncode == 3, first.stderr
    assert "1 processed, 0 already done, 1 failed" in first.stderr
    (failure,) = (tmp_path / "out" / "failures.jsonl").read_text().splitlines()
    assert json.loads(failure)["file"] == "broken.wav"
    second = cli("infer", "talk.wav", "other.flac", *options)
    assert "1 processed, 1 already done, 0 failed" in second.stderr
    together = json.loads((tmp_path / "out" / "results.json").read_text())
    alone = json.loads(cli("infer", "talk.wav", "other.flac", "--json").stdout)
    for a, b in zip(together, alone, strict=True):
        assert a.pop("scores") == pytest.approx(b.pop("scores"), abs=1e-6)
        assert a.pop("score") == pytest.approx(b.pop("score"), abs=1e-6)
        assert a == b
    mixed = cli("infer", "talk.wav", *options, "--timeline")
    assert (mixed.returncode, mixed.stderr.count("\n")) == (2, 1)


def test_timelines_in_a_folder_are_those_of_standard_output(cli, tmp_path: Path, talk: Path):
    options = ["--timeline", "--hop", 0.5, "--smooth", "median", "--merge"]
    alone = json.loads(cli("infer", talk, *options, "--json").stdout)
    result = cli("infer", talk, *options, "--output-dir", "out", "-j", 1)
    assert result.returncode == 0, result.stderr
    (batched,) = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(batched["segments"]) == len(alone["segments"]) > 1
    for a, b in zip(batched["segments"], alone["segments"], strict=True):
        assert (a["start"], a["end"], a["label"]) == (b["start"], b["end"], b["label"])
        assert a["scores"] == pytest.approx(b["scores"], abs=1e-5)
    assert batched["label"] == alone["label"]
    assert batched["scores"] == pytest.approx(alone["scores"], abs=1e-5)


def test_a_plot_is_drawn(cli, tmp_path: Path, talk: Path):
    for name in ("plot.png", "plot.svg"):
        result = cli("infer", talk, "--timeline", "--plot", name)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / name).stat().st_size > 5_000


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_low_rate_is_said_and_odd_names_are_shown_on_one_line(cli, tmp_path: Path):
    soundfile.write(tmp_path / "two\nlines.wav", voice(4, 8_000), 8_000)
    result = cli("infer", "two\nlines.wav", "--json")
    assert result.stderr.count("\n") == 1
    assert "two\\nlines.wav has 8000 Hz, below the model's 16000 Hz" in result.stderr
