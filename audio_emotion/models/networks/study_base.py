"""The base model of a student study of four: convolutions, then a simple recurrent layer, on spectrograms.

Source: the study's description, which says no more than this, and that it reached 29.7 % on RAVDESS. Left open: the
spectrogram, all sizes, and what the recurrent layer leaves to the output. Chosen here: a log-mel spectrogram of 64
bands at 16 kHz, 3 s; three 3 x 3 convolutions, each with batch normalisation and 2 x 2 max pooling; an Elman layer;
the mean of its states over speech.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.models.layers import LogMelNorm, PooledNetwork, speech_frames, speech_mean


@dataclass(frozen=True)
class StudyBaseConfig:
    """Sizes of the network.

    Attributes:
        n_bins: mel bands.
        channels: width of each convolution.
        hidden: width of the recurrent layer.
        dropout: share of units dropped before the output.
    """

    n_bins: int = 64
    channels: tuple[int, int, int] = (32, 64, 128)
    hidden: int = 128
    dropout: float = 0.3


class StudyBase(PooledNetwork):
    """Normalised features (B, 1, n_bins, T) → logits (B, n_labels)."""

    def __init__(self, config: StudyBaseConfig, n_labels: int) -> None:
        super().__init__()
        self.normalise = LogMelNorm()
        self.convolutions = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
                    nn.BatchNorm2d(n_out),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                )
                for n_in, n_out in pairwise([1, *config.channels])
            )
        )
        self.recurrent = nn.RNN(config.channels[-1] * (config.n_bins // 8), config.hidden, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(config.hidden, n_labels))

    def pooled(self, features: Tensor) -> Tensor:
        frames = F.max_pool1d(speech_frames(features[:, 0]), 8)  # (B, 1, T / 8)
        x = self.convolutions(features)  # (B, C, n_bins / 8, T / 8)
        states, _ = self.recurrent(x.flatten(1, 2).transpose(1, 2))  # (B, T / 8, hidden)
        return speech_mean(states.transpose(1, 2), frames)
