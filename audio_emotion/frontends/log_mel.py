"""Log-mel spectrogram as one channel.

librosa defines the values; ``tests/frontends/test_log_mel.py`` holds them to it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.frontends.mel_mfcc import MelMfccConfig, _fourier, _mel


@dataclass(frozen=True)
class LogMelSpectrogramConfig(MelMfccConfig):
    """What fixes the features: what fixes the log-mel channel of ``MelMfcc``, and by the same names."""


class LogMelSpectrogram(nn.Module):
    """(batch, n_samples) → (batch, 1, n_mels, n_frames), in dB; frames are those of ``MelMfcc``."""

    def __init__(self, config: LogMelSpectrogramConfig) -> None:
        super().__init__()
        self.config = config
        for name, values in (("fourier", _fourier(config)), ("mel", _mel(config))):
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)
        self.fourier: Tensor
        self.mel: Tensor

    def forward(self, samples: Tensor) -> Tensor:
        padded = F.pad(samples, (self.config.n_fft // 2, self.config.n_fft // 2))
        real, imaginary = F.conv1d(padded[:, None], self.fourier, stride=self.config.hop).chunk(2, dim=1)
        power = self.mel @ (real.square() + imaginary.square())
        return 10 * torch.log10(power.clamp_min(self.config.amin))[:, None]
