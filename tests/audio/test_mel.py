import numpy as np
import pytest

from audio_emotion.audio.mel import to_hertz, to_mel


def test_there_and_back():
    hertz = np.array([0.0, 50.0, 440.0, 1_000.0, 8_000.0])
    assert to_hertz(to_mel(hertz)) == pytest.approx(hertz)
    assert to_mel(700.0) == pytest.approx(2595 * np.log10(2))
