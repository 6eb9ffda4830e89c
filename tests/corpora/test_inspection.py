import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.corpora.inspection import inspect
from audio_emotion.corpora.sources import gather, parse_sources
from tests.corpora.files import speak, touch


@pytest.fixture
def flawed(tmp_path: Path) -> Path:
    """Recordings of SAVEE's names: good, twice the same, unreadable, silent, clipped, and one too many."""
    speak(tmp_path / "DC_a01.wav", 0.5, 1)
    speak(tmp_path / "DC_a02.wav", 0.7, 1)
    speak(tmp_path / "JE_h01.wav", 0.5, 1)
    (tmp_path / "JE_n01.wav").write_bytes(b"RIFF and no more")
    soundfile.write(tmp_path / "JE_n02.wav", np.zeros(8000), 16_000)
    hum = 3 * np.sin(2 * np.pi * 100 * np.arange(24_000) / 48_000)
    soundfile.write(tmp_path / "JE_su01.wav", hum, 48_000)  # PCM-16 cuts it off at full scale
    touch(tmp_path, "notes.wav")
    return tmp_path


def test_every_flaw_is_found_and_touches_no_other(flawed: Path):
    said = inspect(gather(parse_sources([str(flawed)]))).as_dict()
    json.dumps(said)
    assert said["utterances"] == 6
    assert said["by emotion"] == {"neutral": 2, "happy": 1, "angry": 2, "surprised": 1}
    assert said["by speaker"] == {"savee/DC": 2, "savee/JE": 4}
    assert said["by speaker and emotion"]["savee/DC"] == {"angry": 2}
    assert said["seconds"] == pytest.approx({"shortest": 0.5, "median": 0.5, "longest": 0.7, "total": 2.7})
    assert said["sampling rates"] == {"16000": 4, "48000": 1}
    assert [Path(file["file"]).name for file in said["unreadable"]] == ["JE_n01.wav"]
    assert [Path(file).name for file in said["silent"]] == ["JE_n02.wav"]
    assert [Path(file).name for file in said["clipped"]] == ["JE_su01.wav"]
    assert [[Path(file).name for file in group] for group in said["duplicates"]] == [["DC_a01.wav", "JE_h01.wav"]]
    assert list(said["left out"]) == ["its name does not follow SAVEE's convention"]
    assert said["published"] == 480
    assert sum(n for counts in said["missing"].values() for n in counts.values()) == 480 - 6
    assert said["missing"]["savee/DC"]["angry"] == 13


def test_the_text_says_the_same(flawed: Path):
    text = inspect(gather(parse_sources([str(flawed)]))).text()
    lines = text.splitlines()
    assert lines[:2] == ["savee (licence: research use only)", "6 utterances, 2 speakers, 4 emotions"]
    assert lines[3].split() == ["neutral", "happy", "angry", "surprised", "total"]
    assert lines[4].split() == ["savee/DC", "0", "0", "2", "0", "2"]
    assert lines[6].split() == ["total", "2", "1", "2", "1", "6"]
    assert {"Unreadable: 1", "Silent: 1", "Clipped: 1", "Duplicates: 1"} <= set(lines)
    assert "Left out, its name does not follow SAVEE's convention: 1" in lines
    assert "Missing of the 480 published: 474" in lines


def test_the_readable_carry_digests(flawed: Path):
    inspection = inspect(gather(parse_sources([str(flawed)])))
    readable = inspection.readable
    assert len(readable.utterances) == 5
    assert all(u.digest for u in readable.utterances)
    assert len({u.recording for u in readable.utterances}) == 4
    assert {file.path.name for file in readable.left_out} == {"notes.wav", "JE_n01.wav"}


def test_nothing_readable_is_still_an_answer(tmp_path: Path):
    touch(tmp_path, "DC_a01.wav")
    inspection = inspect(gather(parse_sources([str(tmp_path)])))
    assert inspection.as_dict()["seconds"] == {}
    assert "Unreadable: 1" in inspection.text()


@pytest.mark.realdata
def test_one_recording_of_ravdess_stands_in_it_twice(recordings: Path):
    actor = recordings / "ravdess-speech" / "Actor_07"
    (pair,) = inspect(gather(parse_sources([f"ravdess={actor}"]))).duplicates
    assert [path.stem for path in pair] == ["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]


@pytest.mark.realdata
def test_the_published_originals(recordings: Path):
    inspection = inspect(gather(parse_sources([str(recordings / "originals")])))
    assert inspection.as_dict()["sampling rates"] == {"48000": 6}
    assert not inspection.unreadable
