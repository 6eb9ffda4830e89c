"""The enhanced model of a student study of four: deeper convolutions, a recurrent layer, attention.

Source: the study's description: its base model made deeper, with attention and improved batch normalisation; it
reached 31.5 % on RAVDESS. Left open: the spectrogram, all sizes, which attention, and what was improved. Chosen here:
a log-mel spectrogram of 64 bands at 16 kHz, 3 s; seven convolutions in three blocks with shortcuts, the last two of
which keep more of time; an Elman layer in both directions; attentive statistics over speech in place of a mean; batch
normalisation after every convolution, after the recurrent layer and before the output.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.models.layers import AttentiveStatistics, ConvBlock, LogMelNorm, PooledNetwork, speech_frames


@dataclass(frozen=True)
class StudyEnhancedConfig:
    """Sizes of the network.

    Attributes:
        n_bins: mel bands.
        channels: width of each block of convolutions.
        hidden: width of the recurrent layer, in each direction.
        bottleneck: width of what attention is computed from.
        dropout: share of units dropped before the recurrent layer and before the output.
    """

    n_bins: int = 64
    channels: tuple[int, int, int] = (32, 64, 128)
    hidden: int = 128
    bottleneck: int = 64
    dropout: float = 0.3


class StudyEnhanced(PooledNetwork):
    """Normalised features (B, 1, n_bins, T) → logits (B, n_labels)."""

    def __init__(self, config: StudyEnhancedConfig, n_labels: int) -> None:
        super().__init__()
        first, second, third = config.channels
        both = 2 * config.hidden
        self.normalise = LogMelNorm()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, first, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            ConvBlock(first, first),
            ConvBlock(first, second, pool=(2, 1)),
            ConvBlock(second, third, pool=(2, 1)),
            nn.Dropout(config.dropout),
        )
        self.recurrent = nn.RNN(third * (config.n_bins // 16), config.hidden, batch_first=True, bidirectional=True)
        self.norm = nn.BatchNorm1d(both)
        self.pool = AttentiveStatistics(both, config.bottleneck)
        self.head = nn.Sequential(nn.BatchNorm1d(2 * both), nn.Dropout(config.dropout), nn.Linear(2 * both, n_labels))

    def pooled(self, features: Tensor) -> Tensor:
        frames = F.max_pool1d(F.max_pool1d(speech_frames(features[:, 0]), 2, ceil_mode=True), 2)  # (B, 1, T / 4)
        x = self.convolutions(features)  # (B, C, n_bins / 16, T / 4)
        states, _ = self.recurrent(x.flatten(1, 2).transpose(1, 2))  # (B, T / 4, 2 * hidden)
        pooled: Tensor = self.pool(self.norm(states.transpose(1, 2)), frames)
        return pooled
