"""Log-mel spectrogram as one channel.

librosa defines the values; ``tests/models/frontends/test_log_mel.py`` holds them to it.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from audio_emotion.models.frontends.mel_mfcc import MelMfccConfig


@dataclass(frozen=True)
class LogMelSpectrogramConfig(MelMfccConfig):
    """What fixes the features: what fixes the log-mel channel of ``MelMfcc``, and by the same names."""


class LogMelSpectrogram(nn.Module):
    """(batch, n_samples) → (batch, 1, n_mels, n_frames), in dB; ``n_frames = 1 + n_samples // hop``."""

    def __init__(self, config: LogMelSpectrogramConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = config.log_mel()

    def forward(self, samples: Tensor) -> Tensor:
        return self.of_log_mel(self.log_mel(samples))

    def of_log_mel(self, log_mel: Tensor) -> Tensor:
        """Return the features of a log-mel spectrogram (batch, n_frames, n_mels) in dB."""
        return log_mel.transpose(1, 2)[:, None]


@dataclass(frozen=True)
class CoarseLogMelConfig(LogMelSpectrogramConfig):
    """The same with the defaults of ``acnt``: 40 bands up to 11 kHz, frames of 93 ms, one every 23 ms."""

    sampling_rate: int = 22_050
    n_fft: int = 2_048
    hop: int = 512
    n_mels: int = 40
    f_max: float = 11_025.0


class CoarseLogMel(LogMelSpectrogram):
    """(batch, n_samples) → (batch, 1, 40, n_frames), in dB."""


@dataclass(frozen=True)
class NarrowLogMelConfig(LogMelSpectrogramConfig):
    """The same with the defaults of ``speech-embedding``: 32 bands up to 3.8 kHz, frames of 30 ms, one every 15 ms."""

    n_fft: int = 480
    hop: int = 240
    n_mels: int = 32
    f_min: float = 60.0
    f_max: float = 3_800.0


class NarrowLogMel(LogMelSpectrogram):
    """(batch, n_samples) → (batch, 1, 32, n_frames), in dB."""
