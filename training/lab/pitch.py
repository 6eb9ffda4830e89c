"""Periodicity as an image: how like itself each frame is after each of 64 delays."""

import numpy as np
import torch
from torch import Tensor, nn

from audio_emotion.models.frontends.stft import PowerSpectrum


class Periodicity(nn.Module):
    """Power spectrum (B, T, n_fft // 2 + 1) → (B, T, n_delays): autocorrelation at delays of 1 / f, f from low to high.

    The spectrum is compressed before it is transformed, which sharpens the peaks (Tolonen and Karjalainen 2000), and
    the window's own autocorrelation is divided out as far as that goes: a voice is highest at its period (0.3 at 90 Hz,
    0.7 at 200), noise is near 0. Frames hold three periods of a low voice, so it stands out less than a high one.
    """

    def __init__(self, spectrum: PowerSpectrum, sampling_rate: int, n_delays: int, low: float, high: float) -> None:
        super().__init__()
        n = spectrum.n_fft
        delays = sampling_rate / np.geomspace(low, high, n_delays)  # samples
        weight = np.where((spectrum.bins == 0) | (spectrum.bins == n // 2), 1, 2) / n
        waves = np.cos(2 * np.pi * np.outer(spectrum.bins, delays) / n) * weight[:, None]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
        own = np.correlate(window, window, "full")[n - 1 :]
        self.register_buffer("waves", torch.from_numpy(waves.astype(np.float32)))
        self.register_buffer("level", torch.from_numpy(weight[:, None].astype(np.float32)))
        fade = np.interp(delays, np.arange(n), own / own[0])
        self.register_buffer("gain", torch.from_numpy((1 / np.maximum(fade, 0.1)).astype(np.float32)))

    def forward(self, power: Tensor) -> Tensor:
        compressed = power.clamp_min(1e-10) ** (1 / 3)
        return (compressed @ self.waves) / (compressed @ self.level) * self.gain
