"""Parts that architectures share.

Shapes: B batch, C channels, F bins (mel or MFCC), T frames, D width of a transformer. ``frames`` is (B, 1, T) of 0
and 1 and marks speech, see :func:`speech_frames`.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.core.errors import ModelError

_SPEECH_RANGE_DB = 50.0
_DYNAMIC_RANGE_DB = 80.0


class PooledNetwork(nn.Module):
    """A network that reduces a window to one vector, from which its head computes the logits.

    Adaptation (:mod:`audio_emotion.inference.adaptation`) adds a shift to that vector: a subclass defines
    :meth:`pooled` and the attributes below, and nothing else.

    Attributes:
        head: (B, D) pooled vectors → (B, n_labels) logits.
        speech: (B, D) pooled vectors → (B,) logits that a window contains speech; None: the network does not decide it.
    """

    head: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.speech: nn.Module | None = None

    def pooled(self, features: Tensor) -> Tensor:
        """Return the vectors that the head reads, (B, D)."""
        raise NotImplementedError

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pooled(features))
        return logits


def speech_head(width: int, hidden: int) -> nn.Module:
    """Return a head that decides whether a window contains speech: (B, width) → (B,) logits."""
    return nn.Sequential(
        nn.BatchNorm1d(width), nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Flatten(0)
    )


class ClipNorm(nn.Module):
    """Zero mean and unit variance within each window: (B, 2, F, T) dB → (B, 2, F, T).

    Statistics are those of the speech frames alone, the ones whose loudest band is within 50 dB of the window's
    loudest, so nothing depends on the zeros around a short clip. The log-mel channel has one mean and variance
    for the window, which removes recording level and keeps the spectrum's shape; each MFCC has its own, as
    cepstral mean and variance normalisation does, and is 0 outside speech.

    With ``like``, of the same shape, speech frames and statistics are those of that; the output is then as good as
    linear in the features, which is what following it from one spectrogram to another needs.
    """

    def forward(self, features: Tensor, like: Tensor | None = None) -> Tensor:
        log_mel, mfcc = features.unbind(dim=1)  # (B, F, T) each
        given_mel, given_mfcc = (features if like is None else like).unbind(dim=1)
        floor, frames = _speech(given_mel)
        log_mel, given_mel = torch.maximum(log_mel, floor), torch.maximum(given_mel, floor)
        log_mel = _standardise(log_mel, given_mel, frames, (1, 2))
        return torch.stack([log_mel, _standardise(mfcc, given_mfcc, frames, (2,)) * frames], dim=1)


class LogMelNorm(nn.Module):
    """What ``ClipNorm`` does to its log-mel channel, and 0 outside speech: (B, 1, F, T) dB → (B, 1, F, T)."""

    def forward(self, features: Tensor, like: Tensor | None = None) -> Tensor:
        given = (features if like is None else like)[:, 0]
        floor, frames = _speech(given)
        log_mel, given = torch.maximum(features[:, 0], floor), torch.maximum(given, floor)
        return (_standardise(log_mel, given, frames, (1, 2)) * frames)[:, None]


def speech_frames(features: Tensor) -> Tensor:
    """Mark the frames that a normalisation took for speech, all others being 0: (B, F, T) → (B, 1, T) of 0 and 1."""
    return (features.abs().amax(dim=1, keepdim=True) > 0).to(features.dtype)


def _speech(log_mel: Tensor) -> tuple[Tensor, Tensor]:
    """Return the floor 80 dB below the loudest value, and the speech mask: (B, F, T) → (B, 1, 1), (B, 1, T)."""
    loudest = log_mel.amax(dim=1, keepdim=True)  # (B, 1, T)
    # Loudest band of each frame, relative to the loudest frame of the window:
    #   0 dB  peak
    # -50 dB  frames above this are speech
    # -80 dB  floor: values below it are raised to it
    peak = loudest.amax(dim=2, keepdim=True)
    return peak - _DYNAMIC_RANGE_DB, (loudest > peak - _SPEECH_RANGE_DB).to(log_mel.dtype)


def _standardise(x: Tensor, like: Tensor, frames: Tensor, over: tuple[int, ...]) -> Tensor:
    """Subtract the mean of ``like`` over its speech and divide by its standard deviation."""
    # Weights of all values that are averaged sum to 1: over frames, and over bins if the statistics span them.
    weight = (frames / frames.sum(dim=2, keepdim=True)) / (x.shape[1] if 1 in over else 1)
    mean = (like * weight).sum(dim=over, keepdim=True)
    variance = ((like - mean).square() * weight).sum(dim=over, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + 1e-3)


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation and a shortcut, then max pooling, which halves F and T."""

    def __init__(self, n_in: int, n_out: int, pool: tuple[int, int] = (2, 2)) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut = nn.Conv2d(n_in, n_out, 1, bias=False)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(F.relu(self.body(x) + self.shortcut(x)), self.pool)


class AttentiveStatistics(nn.Module):
    """Weighted mean and standard deviation over time, the weights learnt for each channel: (B, C, T) → (B, 2 C).

    Okabe et al. 2018, "Attentive statistics pooling for deep speaker embedding". Frames outside ``frames``
    (B, 1, T) get no weight. With ``groups`` the channels are so many groups, each weighted by its own channels alone.
    """

    def __init__(self, channels: int, bottleneck: int, groups: int = 1) -> None:
        super().__init__()
        self.score = nn.Sequential(
            nn.Conv1d(channels, bottleneck, 1, groups=groups),
            nn.Tanh(),
            nn.Conv1d(bottleneck, channels, 1, groups=groups),
        )

    def forward(self, x: Tensor, frames: Tensor) -> Tensor:
        weight = (self.score(x) + _no_weight(frames)).softmax(dim=2)
        mean = (x * weight).sum(dim=2)
        variance = ((x - mean[:, :, None]).square() * weight).sum(dim=2)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


def speech_mean(x: Tensor, frames: Tensor) -> Tensor:
    """Return the mean over speech: (B, C, T) → (B, C); of a window without speech it is 0."""
    return (x * frames).sum(dim=2) / frames.sum(dim=2).clamp_min(1)


def _no_weight(frames: Tensor) -> Tensor:
    """Return the addend that masks frames in a softmax; finite, so that silence does not divide by 0."""
    return -1e4 * (1 - frames)


class Positions(nn.Module):
    """Add sines and cosines of each place in time: (B, T, D) → (B, T, D). Vaswani et al. 2017.

    A window of more than ``max_len`` frames raises ModelError.
    """

    def __init__(self, width: int, max_len: int) -> None:
        super().__init__()
        place = torch.arange(max_len)[:, None]
        angle = place * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
        self.waves: Tensor  # (max_len, D)
        waves = torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :width]
        self.register_buffer("waves", waves, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] > len(self.waves):
            raise ModelError(f"a window has {x.shape[1]} frames, expected at most pe_max_len = {len(self.waves)}")
        return x + self.waves[: x.shape[1]]


class TokenBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of each value of a token: (B, T, D) → (B, T, D)."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


def check_heads(width: int, n_heads: int) -> None:
    """Raise a :class:`ModelError` where attention of so many heads cannot share a width."""
    if n_heads < 1 or width % n_heads:
        raise ModelError(f"a width of {width} cannot be shared by {n_heads} heads; take a multiple")


class EncoderLayer(nn.Module):
    """A transformer encoder layer, normalised before each part: (B, T, D) → (B, T, D). Vaswani et al. 2017.

    Not torch's own: that has layer normalisation alone, and in evaluation goes another way than in training and
    export, with masks of its own. No frame attends to what is outside ``frames`` (B, 1, T).
    """

    def __init__(
        self, width: int, n_heads: int, hidden: int, dropout: float, norm: type[nn.Module] = nn.LayerNorm
    ) -> None:
        super().__init__()
        check_heads(width, n_heads)
        self.n_heads = n_heads
        self.before_attention, self.before_mlp = norm(width), norm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width), nn.Dropout(dropout)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, frames: Tensor) -> Tensor:
        parts = self.query_key_value(self.before_attention(x)).unflatten(2, (3, self.n_heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, heads, T, D / heads) each
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=_no_weight(frames)[:, None])
        x = x + self.dropout(self.joined(attended.transpose(1, 2).flatten(2)))
        return torch.add(x, self.mlp(self.before_mlp(x)))
