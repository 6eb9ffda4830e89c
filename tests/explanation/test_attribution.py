import numpy as np
import pytest

from audio_emotion.audio.windows import windows_of
from audio_emotion.explanation.attribution import log_odds, window_audio
from tests.sounds import RATE, voice


@pytest.mark.parametrize("seconds", [1.3, 3.0, 7.7])
def test_each_window_is_where_it_is_said_to_be(seconds: float):
    sound = np.concatenate([np.zeros(RATE // 2, np.float32), voice(seconds), np.zeros(RATE // 3, np.float32)])
    heard = window_audio(sound, RATE, 3 * RATE, gate=False)
    np.testing.assert_array_equal(heard.windows, windows_of(sound, 3 * RATE))
    for window, first in zip(heard.windows, heard.firsts, strict=True):
        a, b = max(first, heard.start), min(first + len(window), heard.end)
        np.testing.assert_array_equal(window[a - first : b - first], sound[a:b])
        assert not window[: a - first].any()
        assert not window[b - first :].any()


def test_windows_without_speech_are_left_out():
    quiet = 1e-3 * np.random.default_rng(0).standard_normal(6 * RATE).astype(np.float32)
    sound = np.concatenate([voice(3.0), quiet, voice(3.0, seed=1)])
    heard = window_audio(sound, RATE, 3 * RATE, gate=True)
    everything = window_audio(sound, RATE, 3 * RATE, gate=False)
    assert 0 < len(heard.windows) < len(everything.windows)
    assert set(heard.firsts) < set(everything.firsts)
    assert not len(window_audio(quiet, RATE, 3 * RATE, gate=True).windows)


def test_log_odds_are_those_of_the_softmax():
    logits = np.array([[1.0, -2.0, 0.5], [0.0, 300.0, -300.0]], np.float32)
    scaled = np.exp(logits[0].astype(np.float64) / 1.7)
    p = scaled[2] / scaled.sum()
    odds = log_odds(logits, 2, 1.7)
    assert odds[0] == pytest.approx(np.log(p / (1 - p)))
    assert odds[1] == pytest.approx(-600 / 1.7)
