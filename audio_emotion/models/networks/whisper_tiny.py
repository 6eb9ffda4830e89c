"""A head for a frozen level of Whisper tiny: convolutions, attentive statistics over time, fully connected layers."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.models.layers import AttentiveStatistics, PooledNetwork, speech_frames, speech_head

_WIDTH = 384
"""Of the encoder."""


@dataclass(frozen=True)
class WhisperTinyHeadConfig:
    """Sizes of the head.

    Attributes:
        width: channels of the convolutions, of one frame and of three.
        bottleneck: width of the pooling's attention.
        hidden: width of the fully connected layer.
        dropout: share of units dropped before and after it.
        speech_hidden: width of the head that decides whether a window contains speech; 0: there is no such head.
    """

    width: int = 256
    bottleneck: int = 64
    hidden: int = 128
    dropout: float = 0.4
    speech_hidden: int = 0


class WhisperTinyHead(PooledNetwork):
    """Frames of a frozen encoder (B, 1, 384, T), 0 outside speech → logits (B, n_labels)."""

    def __init__(self, config: WhisperTinyHeadConfig, n_labels: int) -> None:
        super().__init__()
        self.normalise = nn.Identity()
        self.norm = nn.BatchNorm1d(_WIDTH, affine=False)
        self.projection = nn.Conv1d(_WIDTH, config.width, 1)
        self.convolution = nn.Sequential(
            nn.BatchNorm1d(config.width), nn.GELU(), nn.Conv1d(config.width, config.width, 3, padding=1)
        )
        self.pool = AttentiveStatistics(config.width, config.bottleneck)
        self.head = nn.Sequential(
            nn.BatchNorm1d(2 * config.width),
            nn.Dropout(config.dropout),
            nn.Linear(2 * config.width, config.hidden, bias=False),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, n_labels),
        )
        if config.speech_hidden:
            self.speech = speech_head(2 * config.width, config.speech_hidden)

    def pooled(self, features: Tensor) -> Tensor:
        frames = speech_frames(features[:, 0])  # (B, 1, T)
        x = self.projection(self.norm(features[:, 0]))
        x = F.gelu(x + self.convolution(x))
        pooled: Tensor = self.pool(x, frames)
        return pooled
