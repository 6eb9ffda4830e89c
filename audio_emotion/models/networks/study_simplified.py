"""The simplified model of a student study of four, its best: a transformer with batch normalisation.

Source: the study's description: 4 transformer layers, 8 heads, 256 dimensions, batch normalisation and residual
connections; it reached 50.5 % on RAVDESS. Left open: what the transformer reads, where the batch normalisation stands
and all other sizes. Chosen here: a log-mel spectrogram of 64 bands at 16 kHz, 3 s; a block of convolutions with batch
normalisation and a shortcut that leaves one token every 64 ms; batch normalisation of each value of the tokens where
an encoder layer has layer normalisation; the mean over speech.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.models.layers import (
    ConvBlock,
    EncoderLayer,
    LogMelNorm,
    PooledNetwork,
    Positions,
    TokenBatchNorm,
    speech_frames,
    speech_mean,
)


@dataclass(frozen=True)
class StudySimplifiedConfig:
    """Sizes of the network.

    Attributes:
        n_bins: mel bands.
        channels: width of each of the convolutions.
        transformer_dim: width of the transformer.
        num_layers: encoder layers.
        num_heads: attention heads of each.
        feedforward: hidden width of each layer's two linear ones.
        dropout: share of units dropped.
        pe_max_len: tokens that there are positions for.
    """

    n_bins: int = 64
    channels: tuple[int, int] = (32, 48)
    transformer_dim: int = 256
    num_layers: int = 4
    num_heads: int = 8
    feedforward: int = 512
    dropout: float = 0.2
    pe_max_len: int = 500


class StudySimplified(PooledNetwork):
    """Normalised features (B, 1, n_bins, T) → logits (B, n_labels)."""

    def __init__(self, config: StudySimplifiedConfig, n_labels: int) -> None:
        super().__init__()
        first, second = config.channels
        dim = config.transformer_dim
        self.normalise = LogMelNorm()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, first, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            ConvBlock(first, second),
        )
        self.project = nn.Linear(second * (config.n_bins // 4), dim)
        self.positions = Positions(dim, config.pe_max_len)
        self.encoder = nn.ModuleList(
            EncoderLayer(dim, config.num_heads, config.feedforward, config.dropout, TokenBatchNorm)
            for _ in range(config.num_layers)
        )
        self.head = nn.Sequential(nn.BatchNorm1d(dim), nn.Dropout(config.dropout), nn.Linear(dim, n_labels))

    def pooled(self, features: Tensor) -> Tensor:
        frames = F.max_pool1d(F.max_pool1d(speech_frames(features[:, 0]), 2, ceil_mode=True), 2)  # (B, 1, T / 4)
        x = self.convolutions(features)  # (B, C, n_bins / 4, T / 4)
        x = self.positions(self.project(x.flatten(1, 2).transpose(1, 2)))  # (B, T / 4, transformer_dim)
        for layer in self.encoder:
            x = layer(x, frames)
        return speech_mean(x.transpose(1, 2), frames)
