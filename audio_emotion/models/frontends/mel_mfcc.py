"""Log-mel spectrogram and MFCC as two channels.

librosa defines the values; ``tests/models/frontends/test_mel_mfcc.py`` holds both channels to it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from audio_emotion.models.frontends.stft import LogMel, MelBands


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

    def log_mel(self) -> LogMel:
        """Return the log-mel spectrogram of these."""
        bands = MelBands(self.n_mels, self.f_min, self.f_max)
        return LogMel(self.sampling_rate, self.n_fft, self.hop, bands, self.amin)


class MelMfcc(nn.Module):
    """(batch, n_samples) → (batch, 2, n_mels, n_frames): log-mel spectrogram in dB, and its MFCC (DCT-II, ortho).

    ``n_frames = 1 + n_samples // hop``; the signal is padded with zeros by half a frame at both ends.
    """

    def __init__(self, config: MelMfccConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = config.log_mel()
        self.dct: Tensor  # (n_mels, n_mels)
        self.register_buffer("dct", torch.from_numpy(_dct(config.n_mels).astype(np.float32)), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        return self.of_log_mel(self.log_mel(samples))

    def of_log_mel(self, log_mel: Tensor) -> Tensor:
        """Return the features of a log-mel spectrogram (batch, n_frames, n_mels) in dB."""
        return torch.stack([log_mel, log_mel @ self.dct], dim=1).transpose(2, 3)


def _dct(size: int) -> np.ndarray:
    """Return the orthonormal DCT-II, (values, coefficients)."""
    n, k = np.mgrid[:size, :size]
    basis = np.cos(np.pi / size * (n + 0.5) * k) * np.sqrt(2 / size)
    # The constant basis vector has twice the power of the cosines.
    basis[:, 0] /= np.sqrt(2)
    return np.asarray(basis)
