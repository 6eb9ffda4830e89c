"""The two-channel CNN: log-mel spectrogram and MFCC as the two channels of one image.

Source: the student project this package starts from (two input channels, three convolution blocks with batch
normalisation and max pooling, fully connected layers with dropout, eight outputs; about 70 % on a random split
of RAVDESS). Its description leaves open: kernel sizes, widths, normalisation and how the last feature map meets
the first fully connected layer. Chosen here: two 3 x 3 convolutions a block with a shortcut, normalisation within
each window (``ClipNorm``), and attentive statistics over time in place of a flattened map, so that the answer
does not depend on where in the window the utterance stands.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.models.layers import AttentiveStatistics, ClipNorm, ConvBlock, PooledNetwork, speech_frames


@dataclass(frozen=True)
class TwoChannelCnnConfig:
    """Sizes of the network.

    Attributes:
        n_bins: height of both input channels.
        channels: width of each of the three blocks.
        hidden: width of the fully connected layer.
        dropout: share of units dropped before and after it.
    """

    n_bins: int = 64
    channels: tuple[int, int, int] = (32, 64, 128)
    hidden: int = 128
    dropout: float = 0.2


class TwoChannelCnn(PooledNetwork):
    """Normalised features (B, 2, n_bins, T) → logits (B, n_labels)."""

    def __init__(self, config: TwoChannelCnnConfig, n_labels: int) -> None:
        super().__init__()
        first, _, last = config.channels
        self.normalise = ClipNorm()
        self.stem = nn.Sequential(
            nn.Conv2d(2, first, 5, stride=(2, 2), padding=2, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        widths = [first, *config.channels]
        self.blocks = nn.Sequential(*(ConvBlock(n_in, n_out) for n_in, n_out in pairwise(widths)))
        rows = config.n_bins // 16
        self.pool = AttentiveStatistics(last * rows, bottleneck=64)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(2 * last * rows, config.hidden, bias=False),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, n_labels),
        )

    def pooled(self, features: Tensor) -> Tensor:
        frames = F.max_pool1d(speech_frames(features[:, 1]), 2, ceil_mode=True)  # (B, 1, T / 2), as the stem leaves it
        x = self.blocks(self.stem(features))  # (B, C, F / 16, T / 16)
        pooled: Tensor = self.pool(x.flatten(1, 2), F.max_pool1d(frames, 8))
        return pooled
