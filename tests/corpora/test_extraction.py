from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.core.errors import CorpusError, UsageError
from audio_emotion.corpora.extraction import extract_audio
from tests.corpora.files import film, touch
from tests.sounds import contained, likeness, voice


def test_the_sound_of_every_video(tmp_path: Path):
    film(tmp_path / "in" / "a.mp4")
    film(tmp_path / "in" / "sub" / "b.mkv", 0.8)
    film(tmp_path / "in" / "mute.mp4", sound=False)
    (tmp_path / "in" / "c.webm").write_bytes(b"not a video")
    touch(tmp_path, "in/readme.txt", "in/d.wav")
    extracted = extract_audio(tmp_path / "in", tmp_path / "out", 16_000)
    assert [path.relative_to(tmp_path / "out").as_posix() for path in extracted.written] == ["a.wav", "sub/b.wav"]
    assert {file.path.name for file in extracted.failed} == {"mute.mp4", "c.webm"}
    assert {path.name for path in (tmp_path / "out").rglob("*.*")} == {"a.wav", "b.wav"}
    samples, rate = soundfile.read(tmp_path / "out" / "sub" / "b.wav")
    assert (rate, soundfile.info(tmp_path / "out" / "a.wav").subtype) == (16_000, "PCM_16")
    assert len(samples) == pytest.approx(0.8 * 16_000, abs=0.1 * 16_000)
    peak = np.fft.rfftfreq(len(samples), 1 / rate)[np.abs(np.fft.rfft(samples)).argmax()]
    assert peak == pytest.approx(440, abs=5)


def test_two_videos_of_one_name(tmp_path: Path):
    film(tmp_path / "a.mkv", 0.4)
    film(tmp_path / "a.mp4", 0.8)
    extracted = extract_audio(tmp_path, tmp_path / "out", 8_000)
    assert len(extracted.written) == 1
    assert "is already the audio of" in extracted.failed[0].reason


def test_the_audio_stream_can_be_named(tmp_path: Path):
    tracks = [voice(2, 48_000), voice(2, 48_000, seed=1)]
    (tmp_path / "a.mkv").write_bytes(contained(tracks, container="matroska", codec="flac"))
    for stream, seed in ((None, 0), (2, 1)):
        extract_audio(tmp_path, tmp_path / "out", 48_000, stream=stream)
        assert likeness(soundfile.read(tmp_path / "out" / "a.wav")[0], voice(2, 48_000, seed)) > 0.99


def test_bad_input(tmp_path: Path):
    with pytest.raises(CorpusError, match="no such folder"):
        extract_audio(tmp_path / "absent", tmp_path / "out", 16_000)
    with pytest.raises(CorpusError, match="contains no video"):
        extract_audio(tmp_path, tmp_path / "out", 16_000)
    with pytest.raises(UsageError, match="the rate is 0 Hz"):
        extract_audio(tmp_path, tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()


def test_a_wav_that_no_run_wrote_is_kept(tmp_path: Path):
    film(tmp_path / "take1.mp4")
    film(tmp_path / "take2.mp4")
    for name in ("take1.wav", "notes.wav"):
        (tmp_path / name).write_bytes(b"the user's own")
    first = extract_audio(tmp_path, tmp_path, 16_000)
    assert [path.name for path in first.written] == ["take2.wav"]
    assert "take1.wav already exists and is not from an earlier run" in first.failed[0].reason
    assert (tmp_path / "take1.wav").read_bytes() == b"the user's own"
    again = extract_audio(tmp_path, tmp_path, 8_000)
    assert [path.name for path in again.written] == ["take2.wav"]
    assert soundfile.info(tmp_path / "take2.wav").samplerate == 8_000
    soundfile.write(tmp_path / "take2.wav", np.zeros(100), 8_000)  # the user's own, of the same name
    assert not extract_audio(tmp_path, tmp_path, 16_000).written


def test_long_names_cost_no_other_video(tmp_path: Path):
    film(tmp_path / "in" / "a.mp4")
    film(tmp_path / "in" / f"{'n' * 246}.mp4")
    film(tmp_path / "in" / f"{'m' * 252}.ts")
    extracted = extract_audio(tmp_path / "in", tmp_path / "out", 16_000)
    assert [path.name for path in extracted.written] == ["a.wav", f"{'n' * 246}.wav"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.wav", f"{'n' * 246}.wav"}


def test_the_stream_can_be_chosen(tmp_path: Path):
    film(tmp_path / "a.mp4")
    assert extract_audio(tmp_path, tmp_path / "out", 16_000, stream=1).written
    assert "stream" in extract_audio(tmp_path, tmp_path / "out2", 16_000, stream=2).failed[0].reason
