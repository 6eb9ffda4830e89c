import numpy as np
import pytest
import torch

from audio_emotion.core.errors import ModelError
from audio_emotion.models.frontends.stft import PowerSpectrum


@pytest.mark.parametrize(("n_fft", "hop"), [(512, 256), (512, 128), (2048, 512), (400, 200)])
@pytest.mark.parametrize("n_samples", [4000, 4001, 4095])
def test_it_is_the_squared_magnitude_of_numpys_transform(n_fft: int, hop: int, n_samples: int):
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((2, n_samples)).astype(np.float32)
    module = PowerSpectrum(n_fft, hop)
    power = module(torch.from_numpy(samples)).numpy()
    padded = np.pad(samples, ((0, 0), (n_fft // 2, n_fft)))
    starts = range(0, n_samples + 1, hop)
    frames = np.stack([padded[:, start : start + n_fft] for start in starts], axis=1)
    expected = np.abs(np.fft.rfft(frames * np.hanning(n_fft + 1)[:-1])) ** 2
    assert sorted(module.bins) == list(range(n_fft // 2 + 1))
    assert power.shape == expected.shape
    np.testing.assert_allclose(power, expected[..., module.bins], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("n_fft", "hop"), [(512, 300), (510, 255), (512, 0)])
def test_frames_that_cannot_be_cut_so_are_refused(n_fft: int, hop: int):
    with pytest.raises(ModelError, match=f"n_fft is {n_fft} and its hop {hop}"):
        PowerSpectrum(n_fft, hop)
