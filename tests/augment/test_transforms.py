import librosa
import numpy as np
import pytest

from audio_emotion.augment import Noise, PitchShift, Speed, TimeShift
from tests.sounds import RATE, voice

TRANSFORMS = [Noise(), PitchShift(), Speed(), TimeShift()]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: type(t).__name__)
def test_a_draw_repeats_and_the_input_stays(transform):
    samples = voice(1.0)
    before = samples.copy()
    parameter = transform.draw(np.random.default_rng(3))
    assert parameter == transform.draw(np.random.default_rng(3))
    assert parameter != transform.draw(np.random.default_rng(4))
    first, second = (transform.apply(samples, RATE, parameter) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(samples, before)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()


def median_pitch(samples: np.ndarray) -> float:
    return float(np.median(librosa.yin(samples, fmin=60, fmax=500, sr=RATE)))


def test_pitch_shift_moves_the_pitch_and_keeps_the_duration():
    samples = voice(1.0, pitch_hz=150)
    higher = PitchShift().apply(samples, RATE, 2.0)
    assert len(higher) == len(samples)
    assert median_pitch(higher) / median_pitch(samples) == pytest.approx(2 ** (2 / 12), rel=0.02)


def test_speed_moves_pitch_and_duration_together():
    samples = voice(1.0, pitch_hz=150)
    faster = Speed().apply(samples, RATE, 1.1)
    assert len(faster) == pytest.approx(len(samples) / 1.1, abs=2)
    assert median_pitch(faster) / median_pitch(samples) == pytest.approx(1.1, rel=0.02)


def test_noise_has_the_signal_to_noise_ratio_asked_for():
    samples = voice(2.0)
    noise = Noise().apply(samples, RATE, (20.0, 7)) - samples
    ratio = 10 * np.log10(np.mean(samples**2) / np.mean(noise**2))
    assert ratio == pytest.approx(20.0, abs=0.2)


@pytest.mark.parametrize("shift", [1600, -1600, 0, 10**6, -(10**6)])
def test_time_shift_moves_by_seconds_and_fills_with_zeros(shift):
    samples = np.arange(1, 16_001, dtype=np.float32)
    moved = TimeShift().apply(samples, RATE, shift / RATE)
    expected = np.zeros(16_000, np.float32)
    for i in range(16_000):
        if 0 <= i - shift < 16_000:
            expected[i] = samples[i - shift]
    np.testing.assert_array_equal(moved, expected)
