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
    assert "is already the sound of" in extracted.failed[0].reason


def test_the_audio_stream_can_be_named(tmp_path: Path):
    tracks = [voice(2, 48_000), voice(2, 48_000, seed=1)]
    (tmp_path / "a.mkv").write_bytes(contained(tracks, container="matroska", codec="flac"))
    for stream, seed in ((None, 0), (2, 1)):
        extract_audio(tmp_path, tmp_path / "out", 48_000, stream=stream)
        assert likeness(soundfile.read(tmp_path / "out" / "a.wav")[0], voice(2, 48_000, seed)) > 0.99


def test_bad_input(tmp_path: Path):
    with pytest.raises(CorpusError, match="no such folder"):
        extract_audio(tmp_path / "absent", tmp_path / "out", 16_000)
    with pytest.raises(CorpusError, match="holds no video"):
        extract_audio(tmp_path, tmp_path / "out", 16_000)
    with pytest.raises(UsageError, match="the rate is 0 Hz"):
        extract_audio(tmp_path, tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()
