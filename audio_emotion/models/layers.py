"""Parts that architectures share. Shapes: B batch, C channels, F bins (mel or MFCC), T frames."""

import torch
from torch import Tensor, nn

_SPEECH_RANGE_DB = 50.0
_DYNAMIC_RANGE_DB = 80.0


class ClipNorm(nn.Module):
    """Zero mean and unit variance within each window: (B, 2, F, T) dB → (B, 2, F, T).

    Statistics are those of the speech frames alone, the ones whose loudest band is within 50 dB of the window's
    loudest, so nothing depends on the zeros around a short clip. The log-mel channel has one mean and variance
    for the window, which removes recording level and keeps the spectrum's shape; each MFCC has its own, as
    cepstral mean and variance normalisation does, and is 0 outside speech.
    """

    def forward(self, features: Tensor) -> Tensor:
        log_mel, mfcc = features.unbind(dim=1)  # (B, F, T) each
        loudest = log_mel.amax(dim=1, keepdim=True)  # (B, 1, T)
        peak = loudest.amax(dim=2, keepdim=True)
        frames = (loudest > peak - _SPEECH_RANGE_DB).to(log_mel.dtype)
        log_mel = torch.maximum(log_mel, peak - _DYNAMIC_RANGE_DB)
        return torch.stack([_standardise(log_mel, frames, (1, 2)), _standardise(mfcc, frames, (2,)) * frames], dim=1)


def speech_frames(mfcc: Tensor) -> Tensor:
    """Mark the frames that ``ClipNorm`` took for speech, all others being 0: (B, F, T) → (B, 1, T) of 0 and 1."""
    return (mfcc.abs().amax(dim=1, keepdim=True) > 0).to(mfcc.dtype)


def _standardise(x: Tensor, frames: Tensor, over: tuple[int, ...]) -> Tensor:
    weight = (frames / frames.sum(dim=2, keepdim=True)) / (x.shape[1] if 1 in over else 1)
    mean = (x * weight).sum(dim=over, keepdim=True)
    variance = ((x - mean).square() * weight).sum(dim=over, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + 1e-3)


class AttentiveStatistics(nn.Module):
    """Weighted mean and standard deviation over time, the weights learnt for each channel: (B, C, T) → (B, 2 C).

    Okabe et al. 2018, "Attentive statistics pooling for deep speaker embedding". Frames outside ``frames``
    (B, 1, T) get no weight.
    """

    def __init__(self, channels: int, bottleneck: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Conv1d(channels, bottleneck, 1), nn.Tanh(), nn.Conv1d(bottleneck, channels, 1))

    def forward(self, x: Tensor, frames: Tensor) -> Tensor:
        weight = (self.score(x) - 1e4 * (1 - frames)).softmax(dim=2)
        mean = (x * weight).sum(dim=2)
        variance = ((x - mean[:, :, None]).square() * weight).sum(dim=2)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)
