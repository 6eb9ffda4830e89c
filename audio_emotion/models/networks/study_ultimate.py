"""The ultimate model of a student study of four: a transformer on two kinds of features, joined.

Source: the study's description: a full transformer with multi-head attention and feature fusion; it reached 33.3 % on
RAVDESS. Left open: which features are fused and where, and all sizes. Chosen here: log-mel spectrogram and MFCC (the
two channels of ``MelMfcc``), each through convolutions of its own to one token every 64 ms; both tokens of a moment
joined by a linear layer before the encoder, so that attention sees both; attentive statistics over speech at the end.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.models.layers import (
    AttentiveStatistics,
    ClipNorm,
    ConvBlock,
    EncoderLayer,
    PooledNetwork,
    Positions,
    speech_frames,
)


@dataclass(frozen=True)
class StudyUltimateConfig:
    """Sizes of the network.

    Attributes:
        n_bins: height of both input channels.
        channels: width of each branch's convolutions.
        transformer_dim: width of the transformer.
        num_layers: encoder layers.
        num_heads: attention heads of each.
        feedforward: hidden width of each layer's two linear ones.
        bottleneck: width of what the last attention is computed from.
        dropout: share of units dropped.
        pe_max_len: tokens that there are positions for.
    """

    n_bins: int = 64
    channels: tuple[int, int, int] = (16, 32, 64)
    transformer_dim: int = 192
    num_layers: int = 4
    num_heads: int = 8
    feedforward: int = 384
    bottleneck: int = 64
    dropout: float = 0.2
    pe_max_len: int = 500


def branch(channels: tuple[int, int, int]) -> nn.Sequential:
    """Convolutions of one kind of features: (B, 1, F, T) → (B, C, F / 8, T / 4)."""
    first, second, third = channels
    return nn.Sequential(
        nn.Conv2d(1, first, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        ConvBlock(first, second),
        ConvBlock(second, third, pool=(2, 1)),
    )


class StudyUltimate(PooledNetwork):
    """Normalised features (B, 2, n_bins, T) → logits (B, n_labels)."""

    def __init__(self, config: StudyUltimateConfig, n_labels: int) -> None:
        super().__init__()
        dim = config.transformer_dim
        self.normalise = ClipNorm()
        self.log_mel, self.mfcc = branch(config.channels), branch(config.channels)
        self.fuse = nn.Linear(2 * config.channels[-1] * (config.n_bins // 8), dim)
        self.positions = Positions(dim, config.pe_max_len)
        self.encoder = nn.ModuleList(
            EncoderLayer(dim, config.num_heads, config.feedforward, config.dropout) for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(dim)
        self.pool = AttentiveStatistics(dim, config.bottleneck)
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(2 * dim, n_labels))

    def pooled(self, features: Tensor) -> Tensor:
        frames = F.max_pool1d(F.max_pool1d(speech_frames(features[:, 1]), 2, ceil_mode=True), 2)  # (B, 1, T / 4)
        both = [self.log_mel(features[:, :1]), self.mfcc(features[:, 1:])]  # (B, C, F / 8, T / 4) each
        x = self.fuse(torch.cat(both, dim=1).flatten(1, 2).transpose(1, 2))  # (B, T / 4, transformer_dim)
        x = self.positions(x)
        for layer in self.encoder:
            x = layer(x, frames)
        pooled: Tensor = self.pool(self.norm(x).transpose(1, 2), frames)
        return pooled
