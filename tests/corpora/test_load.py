from pathlib import Path

import numpy as np
import pytest

from audio_emotion import audio
from audio_emotion.core.errors import AudioError
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.load import digest, sound
from tests.corpora.files import speak


def test_a_segment_is_that_stretch_of_the_file(tmp_path: Path):
    path = speak(tmp_path / "a.wav", 1.0)
    whole = audio.load(path, 16_000).samples
    assert np.array_equal(sound(Utterance(path, "sad", "x/1")).samples, whole)
    assert np.array_equal(sound(Utterance(path, "sad", "x/1", start=0.25, end=0.5)).samples, whole[4000:8000])
    assert np.array_equal(sound(Utterance(path, "sad", "x/1", start=0.75)).samples, whole[12000:])
    assert np.array_equal(sound(Utterance(path, "sad", "x/1", end=1.05)).samples, whole)  # a rounded end


@pytest.mark.parametrize(("start", "end"), [(1.0, None), (2.0, 3.0), (0.5, 1.5)])
def test_a_segment_outside_its_file(tmp_path: Path, start: float, end: float | None):
    path = speak(tmp_path / "a.wav", 1.0)
    with pytest.raises(AudioError, match="lies outside the recording, which lasts 1 s"):
        sound(Utterance(path, "sad", "x/1", start=start, end=end))


def test_digests_tell_sounds_apart(tmp_path: Path):
    a, b, c = (sound(Utterance(speak(tmp_path / f"{n}.wav", 0.3, n // 2), "sad", "x/1")).samples for n in (0, 1, 2))
    assert digest(a) == digest(b) != digest(c)
