from base64 import b64decode

import numpy as np
import pytest

from audio_emotion.web.overview import MAX_PEAKS, Overview
from tests.sounds import RATE


def seen(samples: np.ndarray, size: int) -> dict:
    overview = Overview(RATE)
    for start in range(0, len(samples), size):
        overview.push(samples[start : start + size])
    return overview.finish()


def unpacked(overview: dict) -> tuple[np.ndarray, np.ndarray]:
    wave = np.frombuffer(b64decode(overview["wave"]), np.int8).reshape(overview["n"], 2)
    return wave, np.frombuffer(b64decode(overview["mel"]), np.uint8).reshape(overview["mel_n"], overview["bands"])


@pytest.mark.parametrize("n_samples", [1, 127, 128, 1023, 5000, 255_999, 256_000, 256_001, 3_000_000])
def test_it_covers_the_sound_however_it_is_cut(n_samples):
    samples = np.random.default_rng(0).normal(size=n_samples).astype(np.float32)
    whole = seen(samples, n_samples)
    assert seen(samples, max(7, n_samples // 50)) == whole
    for n, step_s in ((whole["n"], whole["step_s"]), (whole["mel_n"], whole["mel_step_s"])):
        assert n_samples / RATE <= n * step_s < n_samples / RATE + 2 * step_s
    assert whole["n"] <= MAX_PEAKS
    assert whole["mel_n"] <= 2000
    wave, _ = unpacked(whole)
    assert np.abs(wave.astype(int)).max() == 127
    assert whole["peak"] == pytest.approx(np.abs(samples).max())


def test_sounds_stand_where_and_as_high_as_they_are():
    t = np.arange(40 * RATE) / RATE
    sound = np.where((t >= 10) & (t < 20), np.sin(2 * np.pi * 440 * t), 0) + np.where(
        t >= 30, np.sin(6e3 * np.pi * t), 0
    )
    overview = seen(sound.astype(np.float32), 4000)
    wave, mel = unpacked(overview)
    at = [round(second / overview["step_s"]) for second in (5, 15, 25, 35)]
    assert [bool(wave[column].any()) for column in at] == [False, True, False, True]
    at = [round(second / overview["mel_step_s"]) for second in (5, 15, 25, 35)]
    assert [bool(mel[column].any()) for column in at] == [False, True, False, True]
    assert mel[at[1]].argmax() < mel[at[3]].argmax()


def test_a_long_recording_does_not_fade():
    """Noise is as bright at its end as at its beginning: columns that were joined and those that were not are alike."""
    noise = np.random.default_rng(0).normal(0, 0.1, 400 * RATE).astype(np.float32)
    _, mel = unpacked(seen(noise, 64_000))
    tenth = len(mel) // 10
    first, last = mel[:tenth].mean(), mel[-tenth:].mean()
    assert last == pytest.approx(first, rel=0.01)


def test_silence_is_dark():
    _, mel = unpacked(seen(np.zeros(RATE, np.float32), 100))
    assert not mel.any()
