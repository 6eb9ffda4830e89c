"""Samples → power spectrum and mel bands by matrix products only: exact on every device, and exportable to ONNX.

A discrete Fourier transform is a product with fixed cosines and sines. Half of its bins, the even ones, are the
transform of the frame's two halves added up (decimation in frequency, Cooley and Tukey 1965), so two steps of that
leave a third of the multiplications; more steps would cost more in passes over memory than they save.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.core.errors import ModelError
from audio_emotion.core.types import FloatArray

_STEPS = 2


class PowerSpectrum(nn.Module):
    """(B, n_samples) → (B, n_frames, n_bins): the power in each frequency bin of each frame, Hann window.

    ``n_frames = 1 + n_samples // hop``: frames are centred, zeros being added at both ends, as in librosa's ``stft``
    with ``pad_mode="constant"``. The bins are in the order of :attr:`bins`, not of their frequency; there are
    ``n_bins``, the lowest of all ``n_fft // 2 + 1``, or all.

    Attributes:
        bins: the number of each bin, as the output has them.

    Raises:
        ModelError: frames that cannot be cut so.
    """

    def __init__(self, n_fft: int, hop: int, n_bins: int | None = None) -> None:
        super().__init__()
        if hop < 1 or n_fft < 1 or n_fft % hop or n_fft % 2**_STEPS:
            raise ModelError(
                f"the frontend's n_fft is {n_fft} and its hop {hop}; expected a multiple of hop and of {2**_STEPS}"
            )
        self.n_fft, self.hop = n_fft, hop
        parts = [bins[bins < (n_bins or n_fft)] for bins in _bins(n_fft)]
        self.bins = np.concatenate(parts)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)  # periodic, as for every transform
        self.window: Tensor
        self.register_buffer("window", torch.from_numpy(window.astype(np.float32)), persistent=False)
        for step, bins in enumerate(parts):
            length = n_fft >> min(step + 1, _STEPS)
            self.register_buffer(f"basis_{step}", torch.from_numpy(_basis(n_fft, bins, length)), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        # The odd bins of a frame are a transform of (first - second), the even bins of (first + second), each of half
        # the length. Each step computes the odd ones and goes on with the even ones.
        first, second = (half * part for half, part in zip(self._halves(samples), self.window.chunk(2), strict=True))
        powers = []
        for step in range(_STEPS):
            powers.append(_power((first - second) @ self.get_buffer(f"basis_{step}")))
            frames = first + second
            first, second = frames.chunk(2, dim=2)
        powers.append(_power(frames @ self.get_buffer(f"basis_{_STEPS}")))
        return torch.cat(powers, dim=2)

    def _halves(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return both halves of each frame, (B, n_frames, n_fft // 2), not copied where a hop is half a frame."""
        # padded   |00 n_fft/2 00|====== samples ======|00..|     a whole number of hops
        # blocks   |--0--|--1--|--2--|--3--|--4--|               of one hop each
        # frame k  |-- k ..  k + overlap - 1 --|                 consecutive blocks, without a copy
        hop, n_samples = self.hop, samples.shape[1]
        n_frames, overlap = 1 + n_samples // hop, self.n_fft // hop
        before = self.n_fft // 2
        padded = F.pad(samples, (before, (n_frames + overlap - 1) * hop - before - n_samples))
        blocks = torch.unflatten(padded, 1, (-1, hop))
        shifted = [blocks[:, k : k + n_frames] for k in range(overlap)]
        if overlap == 2:
            return shifted[0], shifted[1]
        first, second = torch.cat(shifted, dim=2).chunk(2, dim=2)
        return first, second


def _bins(n_fft: int) -> Iterator[np.ndarray]:
    """Yield the bins that each step computes: the odd multiples of 1, then of 2 ...; at last all that are left."""
    for step in range(_STEPS):
        yield np.arange(1 << step, n_fft // 2 + 1, 2 << step)
    yield np.arange(0, n_fft // 2 + 1, 1 << _STEPS)


def _basis(n_fft: int, bins: np.ndarray, length: int) -> FloatArray:
    """Return cosines, then sines: (length, 2 * len(bins))."""
    phase = 2 * np.pi * np.outer(np.arange(length), bins) / n_fft
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)


def _power(spectrum: Tensor) -> Tensor:
    real, imaginary = (spectrum * spectrum).chunk(2, dim=2)
    return real + imaginary


class MelBands(NamedTuple):
    """How many mel bands, and their ends in Hz."""

    n_mels: int
    f_min: float
    f_max: float


class LogMel(nn.Module):
    """(B, n_samples) → (B, n_frames, n_mels): mel spectrogram in dB re 1 (Slaney's scale and norm, as in librosa).

    Power below ``amin`` is taken for ``amin``.
    """

    def __init__(self, sampling_rate: int, n_fft: int, hop: int, mel_bands: MelBands, amin: float) -> None:
        super().__init__()
        from librosa.filters import mel

        n_mels, f_min, f_max = mel_bands
        bands = mel(sr=sampling_rate, n_fft=n_fft, n_mels=n_mels, fmin=f_min, fmax=f_max)
        n_bins = 1 + int(np.flatnonzero(bands.any(axis=0)).max(initial=0))  # above the highest band nothing is needed
        self.spectrum = PowerSpectrum(n_fft, hop, n_bins)
        self.amin = amin
        self.bands: Tensor  # (n_bins, n_mels)
        bands = np.ascontiguousarray(bands[:, self.spectrum.bins].T)
        self.register_buffer("bands", torch.from_numpy(bands), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        return 10 * torch.log10((self.spectrum(samples) @ self.bands).clamp_min(self.amin))
