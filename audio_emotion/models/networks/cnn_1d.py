"""The 1-D CNN: zero-crossing rate, RMS and 20 MFCC of 40 frames, as one row of 880 values.

Source: the student project that reads sound at 8,025 Hz and flattens these 880 values before five Conv1d layers of
256, 512, 256, 256 and 128 channels (kernel 5, stride 1, same padding), each with batch normalisation, dropout 0.2 and
max pooling (5, stride 2), then a dense layer of 256 with batch normalisation and dropout 0.5. Its description leaves
open how 40 frames come about: librosa's own hop of 512 gives 1 + 20,062 // 512 = 40 for 2.5 s at that rate. Also
open: the order of the 880, the activation, the place of each part, how values are scaled. Chosen here: row after row,
so that a kernel sees one descriptor along time; convolution, batch normalisation, ReLU, pooling, dropout; fixed scales
and a level relative to the clip (``DescriptorNorm``). A clip starts at the first frame, whatever its place in the
window; a shorter one leaves zeros.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from audio_emotion.core.errors import ModelError
from audio_emotion.models.descriptor_norm import MFCC_CENTRE, MFCC_SCALE, DescriptorNorm


@dataclass(frozen=True)
class Cnn1dConfig:
    """Sizes of the network.

    Attributes:
        n_frames: frames of a window; with 22 rows they make 880 values.
        channels: width of each convolution.
        kernel: values that a convolution and a pooling see at once.
        hidden: width of the dense layer.
        conv_dropout: share of values dropped after each pooling.
        dropout: share of units dropped after the dense layer.
    """

    n_frames: int = 40
    channels: tuple[int, ...] = (256, 512, 256, 256, 128)
    kernel: int = 5
    hidden: int = 256
    conv_dropout: float = 0.2
    dropout: float = 0.5


class Cnn1d(nn.Module):
    """Normalised ZCR, RMS and MFCC (B, 1, 22, n_frames) → logits (B, n_labels)."""

    def __init__(self, config: Cnn1dConfig, n_labels: int) -> None:
        super().__init__()
        self.config = config
        self.normalise = DescriptorNorm(
            cepstral_level=2, rms=1, centre=(0.2, 1.0, *MFCC_CENTRE), scale=(0.1, 1.0, *MFCC_SCALE)
        )
        blocks, length = [], 22 * config.n_frames
        for n_in, n_out in pairwise((1, *config.channels)):
            blocks.append(_block(n_in, n_out, config))
            length = (length + 1) // 2  # 880 → 440 → 220 → 110 → 55 → 28
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(config.channels[-1] * length, config.hidden, bias=False),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, n_labels),
        )

    def forward(self, features: Tensor) -> Tensor:
        if features.shape[3] != self.config.n_frames:
            raise ModelError(
                f"cnn-1d reads {self.config.n_frames} frames and the window has {features.shape[3]}; "
                "keep its window of 2.5 s at 8025 Hz, or set its parameter n_frames"
            )
        logits: Tensor = self.head(self.blocks(features.flatten(2)))  # (B, 1, 880) → (B, 128, 28) → (B, n_labels)
        return logits


def _block(n_in: int, n_out: int, config: Cnn1dConfig) -> nn.Module:
    """Halve the length: (B, n_in, L) → (B, n_out, (L + 1) // 2)."""
    around = config.kernel // 2
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, config.kernel, padding=around, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
        nn.MaxPool1d(config.kernel, stride=2, padding=around),
        nn.Dropout(config.conv_dropout),
    )
