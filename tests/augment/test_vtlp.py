import librosa
import numpy as np
import pytest
import torch

from audio_emotion.augment.vtlp import warp, warped_hz
from audio_emotion.models.frontends import LogMelSpectrogram, LogMelSpectrogramConfig, MelMfcc, MelMfccConfig

FRONTEND = MelMfcc(MelMfccConfig())
CENTRES = librosa.mel_frequencies(66, fmin=0, fmax=8_000)[1:-1]


def tones(*hz: float) -> torch.Tensor:
    t = np.arange(16_000) / 16_000
    return FRONTEND(torch.from_numpy(np.stack([np.sin(2 * np.pi * f * t) for f in hz]).astype(np.float32)))


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_the_axis_keeps_its_ends_and_its_order(factor: float):
    hz = np.linspace(0, 8_000, 801)
    moved = warped_hz(hz, factor, 4_800, 8_000)
    assert moved[0] == 0
    assert moved[-1] == pytest.approx(8_000)
    assert (np.diff(moved) > 0).all()
    np.testing.assert_allclose(moved[hz < 4_300], factor * hz[hz < 4_300])


@pytest.mark.parametrize("hz", [500.0, 1_000.0, 3_000.0])
def test_a_tone_moves_by_the_factor(hz: float):
    features = tones(hz, hz, hz)
    warped = warp(features, torch.tensor([0.9, 1.0, 1.1]), FRONTEND, 4_800.0)
    assert torch.equal(warped[1, 0], features[1, 0])
    for clip, factor in ((0, 0.9), (2, 1.1)):
        heard = CENTRES[int(warped[clip, 0, :, 30].argmax())]
        assert heard == pytest.approx(factor * hz, rel=0.045), "within a band"


def test_the_mfcc_are_those_of_the_warped_bands():
    features = tones(400.0, 2_000.0)
    before = features.clone()
    warped = warp(features, torch.tensor([0.93, 1.07]), FRONTEND, 4_800.0)
    torch.testing.assert_close(FRONTEND.dct.T @ warped[:, 0], warped[:, 1])
    assert torch.equal(features, before)
    assert not torch.allclose(warped[:, 1], features[:, 1])


def test_a_single_channel_of_bands_is_warped_as_the_first_of_two():
    features, factors = tones(400.0, 2_000.0), torch.tensor([0.93, 1.07])
    frontend = LogMelSpectrogram(LogMelSpectrogramConfig())
    alone = warp(features[:, :1], factors, frontend, 4_800.0)
    assert torch.equal(alone, warp(features, factors, FRONTEND, 4_800.0)[:, :1])
