"""Log-mel spectrogram and MFCC as two channels.

The transform is a convolution with fixed cosines and sines, which exports to ONNX exactly. librosa defines
the values; ``tests/frontends/test_mel_mfcc.py`` holds both channels to it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class MelMfccConfig:
    """What fixes the features, in librosa's terms (Slaney mel scale and norm, Hann window, centred frames).

    Attributes:
        sampling_rate: Hz.
        n_fft: samples in a frame and in its window.
        hop: samples from one frame to the next.
        n_mels: mel bands, and cepstral coefficients, so that both channels have one size.
        f_min: Hz, lower edge of the lowest band.
        f_max: Hz, upper edge of the highest band.
        amin: power below which the logarithm is cut off (reference 1, no ``top_db``).
    """

    sampling_rate: int = 16_000
    n_fft: int = 512
    hop: int = 256
    n_mels: int = 64
    f_min: float = 0.0
    f_max: float = 8_000.0
    amin: float = 1e-10


class MelMfcc(nn.Module):
    """(batch, n_samples) → (batch, 2, n_mels, n_frames): log-mel spectrogram in dB, and its MFCC (DCT-II, ortho).

    ``n_frames = 1 + n_samples // hop``; the signal is padded with zeros by half a frame at both ends.
    """

    def __init__(self, config: MelMfccConfig) -> None:
        super().__init__()
        self.config = config
        for name, values in (
            ("fourier", _fourier(config)),
            ("mel", _mel(config)),
            ("dct", _dct(config.n_mels)),
        ):
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)
        self.fourier: Tensor  # (2 * n_bins, 1, n_fft)
        self.mel: Tensor  # (n_mels, n_bins)
        self.dct: Tensor  # (n_mels, n_mels)

    def forward(self, samples: Tensor) -> Tensor:
        padded = F.pad(samples, (self.config.n_fft // 2, self.config.n_fft // 2))
        spectrum = F.conv1d(padded[:, None], self.fourier, stride=self.config.hop)  # (batch, 2 * n_bins, n_frames)
        real, imaginary = spectrum.chunk(2, dim=1)
        power = self.mel @ (real.square() + imaginary.square())  # (batch, n_mels, n_frames)
        log_mel = 10 * torch.log10(power.clamp_min(self.config.amin))
        return torch.stack([log_mel, self.dct @ log_mel], dim=1)


def _fourier(config: MelMfccConfig) -> np.ndarray:
    """Return the windowed cosines, then the windowed sines, (2 * n_bins, 1, n_fft)."""
    n = np.arange(config.n_fft)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / config.n_fft)  # periodic Hann
    phase = 2 * np.pi * np.outer(np.arange(config.n_fft // 2 + 1), n) / config.n_fft
    return np.concatenate([np.cos(phase) * window, -np.sin(phase) * window])[:, None]


def _mel(config: MelMfccConfig) -> np.ndarray:
    from librosa.filters import mel

    bands: np.ndarray = mel(
        sr=config.sampling_rate,
        n_fft=config.n_fft,
        n_mels=config.n_mels,
        fmin=config.f_min,
        fmax=config.f_max,
    )
    return bands


def _dct(size: int) -> np.ndarray:
    """Return the orthonormal DCT-II, (size, size)."""
    k, n = np.mgrid[:size, :size]
    basis = np.cos(np.pi / size * (n + 0.5) * k) * np.sqrt(2 / size)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis)
