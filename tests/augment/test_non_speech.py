import numpy as np
import pytest

from audio_emotion.augment.non_speech import KINDS, PEAK, coloured_noise, non_speech
from tests.sounds import voice

VOICES = [voice(1.0, seed=seed) for seed in range(3)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n_samples", "rate"), [(48_000, 16_000), (2_000, 8_000), (66_150, 22_050)])
def test_each_kind_fills_a_window_at_one_peak(kind: str, n_samples: int, rate: int):
    for seed in range(20):
        sound = non_speech(kind, n_samples, rate, np.random.default_rng(seed), VOICES)
        assert sound.shape == (n_samples,)
        assert sound.dtype == np.float32
        assert np.abs(sound).max() == pytest.approx(PEAK, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_one_sound_and_another_seed_another(kind: str):
    first, again, other = (non_speech(kind, 16_000, 16_000, np.random.default_rng(seed), VOICES) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_some_sounds_are_short_and_some_fill_the_window():
    sounds = [non_speech("noise", 48_000, 16_000, np.random.default_rng(seed)) for seed in range(40)]
    silent = [float(np.mean(sound == 0)) for sound in sounds]
    assert sum(share > 0.04 for share in silent) in range(10, 31)


def test_noise_has_a_colour_and_unit_power():
    noises = [coloured_noise(16_000, np.random.default_rng(seed)) for seed in range(10)]
    assert [noise.std() for noise in noises] == pytest.approx([1] * 10)
    tilts = [np.abs(np.fft.rfft(n))[100:200].mean() / np.abs(np.fft.rfft(n))[4_000:5_000].mean() for n in noises]
    assert min(tilts) < 5
    assert max(tilts) > 20


def test_what_cannot_be_made_is_an_error():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="unknown kind of sound 'speech'; expected one of noise, tones"):
        non_speech("speech", 16_000, 16_000, rng)
    with pytest.raises(ValueError, match="babble needs recordings of speech"):
        non_speech("babble", 16_000, 16_000, rng)
    with pytest.raises(ValueError, match="less than a quarter of a second"):
        non_speech("noise", 3_999, 16_000, rng)
