"""Tones and melodies are tonal, voices are not."""

import numpy as np
import pytest

from audio_emotion.audio.tonality import TONAL_SHARE, Tonality
from tests.sounds import RATE, melody, voice


def share(samples: np.ndarray, rate: int = RATE, block: int = 10**9) -> float:
    tonality = Tonality(rate)
    for start in range(0, len(samples), block):
        tonality.push(samples[start : start + block].astype(np.float32))
    return tonality.share()


@pytest.mark.parametrize("rate", [8_000, RATE, 22_050, 48_000])
def test_tones_and_melodies_are_tonal_at_any_rate(rate: int):
    t = np.arange(6 * rate) / rate
    assert share(np.sin(2 * np.pi * 440 * t), rate) > 0.95
    assert share(sum(np.sin(2 * np.pi * f * t) for f in (262, 330, 392)), rate) > 0.95
    assert share(melody(6, rate), rate) > TONAL_SHARE


@pytest.mark.parametrize("seed", range(5))
def test_voices_noise_and_silence_are_not(seed: int):
    assert share(voice(6, seed=seed)) < TONAL_SHARE / 2
    assert share(np.random.default_rng(seed).normal(size=6 * RATE)) < TONAL_SHARE / 2
    assert share(np.zeros(6 * RATE)) == 0
    assert share(np.empty(0)) == 0


def test_less_than_a_second_is_not_judged():
    assert share(np.sin(np.arange(RATE // 2) / 5)) == 0


@pytest.mark.parametrize("block", [1_000, 2_048, 5_001])
def test_blocks_of_any_length_give_the_same(block: int):
    assert share(melody(4), block=block) == pytest.approx(share(melody(4)), abs=1e-9)
