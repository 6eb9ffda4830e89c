import numpy as np
import pytest

from audio_emotion.core.types import FloatArray
from audio_emotion.explanation.attribution import window_audio
from audio_emotion.explanation.occlusion import BANDS, grid, occlude, parts
from tests.sounds import RATE, voice

LENGTH = 3 * RATE


class Energy:
    """Two logits, one of which is the energy of a window between two of its samples, above a frequency."""

    device = "cpu"

    def __init__(self, start: int = 0, end: int = LENGTH, above_hz: float = 0.0) -> None:
        self.start, self.end, self.above_hz = start, end, above_hz

    def logits(self, windows: FloatArray) -> FloatArray:
        spectrum = np.fft.rfft(windows[:, self.start : self.end])
        spectrum[:, np.fft.rfftfreq(self.end - self.start, 1 / RATE) < self.above_hz] = 0
        energy = (np.abs(spectrum) ** 2).mean(axis=1) / LENGTH
        return np.stack([energy, np.zeros_like(energy)], axis=1).astype(np.float32)


def weighed(runtime: Energy, sound: FloatArray):
    heard = window_audio(sound, RATE, LENGTH, gate=False)
    return occlude(runtime, heard, runtime.logits(heard.windows), 0, 1.0)


@pytest.mark.parametrize("n_samples", [1, 700, RATE, 3 * RATE + 17])
def test_the_parts_add_up_to_the_sound(n_samples: int):
    sound = voice(4.0)[:n_samples]
    edges, hertz = grid(window_audio(sound, RATE, LENGTH, gate=False))
    total = np.zeros(n_samples + 2 * RATE, np.float32)
    for piece in parts(sound, RATE, edges, hertz):
        assert len(piece.samples) == BANDS
        total[RATE + piece.first : RATE + piece.end] += piece.samples.sum(axis=0)
    np.testing.assert_allclose(total[RATE : RATE + n_samples], sound, atol=1e-5)
    np.testing.assert_allclose(np.delete(total, slice(RATE, RATE + n_samples)), 0, atol=1e-5)


def test_a_tone_is_in_the_part_of_its_time_and_band():
    sound = np.zeros(RATE, np.float32)
    sound[8_000:9_600] = np.sin(2 * np.pi * 1_000 * np.arange(1_600) / RATE)
    edges, hertz = grid(window_audio(sound, RATE, LENGTH, gate=False))
    energy = np.array([np.square(piece.samples).sum(axis=1) for piece in parts(sound, RATE, edges, hertz)])
    band = int(np.searchsorted(hertz, 1_000)) - 1
    assert energy[5, band - 1 : band + 2].sum() > 0.9 * energy.sum()


def test_importance_is_where_the_model_listens():
    sound = voice(3.0)
    found = weighed(Energy(2 * RATE, LENGTH), sound)
    assert found.heat.shape == (BANDS, 30)
    assert (found.over_time[20:] > 0).any()
    np.testing.assert_allclose(found.over_time[:17], 0, atol=1e-3 * found.over_time.max())
    assert found.log_odds > found.background >= 0


def test_importance_is_in_the_bands_that_the_model_listens_to():
    rng = np.random.default_rng(0)
    sound = 0.3 * rng.standard_normal(LENGTH).astype(np.float32)
    sound[: LENGTH // 2] *= 1e-3
    found = weighed(Energy(above_hz=3_000), sound)
    below = found.hertz[1:] < 1_500
    assert np.abs(found.heat[below]).sum() < 0.05 * np.abs(found.heat).sum()


def test_the_background_is_not_turned_down():
    steady = 0.1 * np.sin(2 * np.pi * 440 * np.arange(LENGTH) / RATE).astype(np.float32)
    found = weighed(Energy(), steady)
    assert np.abs(found.over_time[2:-2]).max() < 0.02 * found.log_odds


def test_each_window_that_holds_a_part_is_asked():
    """The middle of a long sound is in two windows, whose mean is the answer; its ends are in one."""
    sound = np.tile(voice(0.5), 12)
    n_windows = len(window_audio(sound, RATE, LENGTH, gate=False).windows)
    found = weighed(Energy(), sound)
    middle, ends = found.over_time[25:35].mean(), found.over_time[2:12].mean()
    assert n_windows == 3
    assert middle == pytest.approx(2 * ends, rel=0.1)
