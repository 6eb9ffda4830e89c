"""ACNT: convolutions, then a transformer encoder over time.

Source: a student project's description. A log-mel image of 40 bands and 174 frames (4 s at 22,050 Hz, hop 512); CNN
channels 16, 32, 64, 128 of Conv2d, BatchNorm, LeakyReLU, Dropout2d and MaxPool with residual blocks, ending near
(128, 5, 21); (time, bins x channels), linear to ``transformer_dim``; sinusoidal positions; an encoder; the mean over
time; a head of Linear, LeakyReLU, Dropout and Linear. Trained with AdamW, weight decay 1e-3, label smoothing 0.1,
a learning rate halved after 10 epochs without gain, and gradients clipped at 1.

Left open: sizes of the transformer and head, kernels, dropout, the frame's length and normalisation. Chosen here:
frames of 2,048 samples; a window of 4.02 s, which has 174 frames; one 3 x 3 convolution and one residual block of two
at each width, pooled but for the last (three halvings of 40 x 174 give 5 x 21); normalisation within the window
(``LogMelNorm``), and attention and mean over its speech alone; layer normalisation before each part of the encoder
and after its last.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.models.layers import EncoderLayer, LogMelNorm, PooledNetwork, Positions, speech_frames, speech_mean


@dataclass(frozen=True)
class AcntConfig:
    """Sizes of the network, named as in its project.

    Attributes:
        n_bins: mel bands.
        channels: width of each block of convolutions.
        transformer_dim: width of the transformer.
        num_layers: encoder layers.
        num_heads: attention heads of each.
        feedforward: hidden width of each layer's two linear ones.
        hidden: width of the head.
        dropout: share of units dropped in encoder and head.
        conv_dropout: share of channels dropped after each block.
        pe_max_len: frames that there are positions for.
        use_transformer: False leaves the encoder out, for comparison.
    """

    n_bins: int = 40
    channels: tuple[int, ...] = (16, 32, 64, 128)
    transformer_dim: int = 128
    num_layers: int = 2
    num_heads: int = 4
    feedforward: int = 256
    hidden: int = 64
    dropout: float = 0.2
    conv_dropout: float = 0.1
    pe_max_len: int = 500
    use_transformer: bool = True


class Residual(nn.Module):
    """x + two 3 x 3 convolutions of x, each with batch normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.body(x))


def block(n_in: int, n_out: int, dropout: float, pool: int) -> nn.Sequential:
    """(B, n_in, F, T) → (B, n_out, F / pool, T / pool)."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.LeakyReLU(),
        Residual(n_out),
        nn.Dropout2d(dropout),
        nn.MaxPool2d(pool),
    )


class Acnt(PooledNetwork):
    """Normalised features (B, 1, n_bins, T) → logits (B, n_labels)."""

    def __init__(self, config: AcntConfig, n_labels: int) -> None:
        super().__init__()
        self.normalise = LogMelNorm()
        widths = list(pairwise([1, *config.channels]))
        pools = [2] * (len(widths) - 1) + [1]
        self.shrink = 2 ** (len(widths) - 1)
        self.blocks = nn.Sequential(
            *(block(n_in, n_out, config.conv_dropout, pool) for (n_in, n_out), pool in zip(widths, pools, strict=True))
        )
        dim = config.transformer_dim
        self.project = nn.Linear(config.channels[-1] * (config.n_bins // self.shrink), dim)
        self.positions = Positions(dim, config.pe_max_len)
        self.encoder = nn.ModuleList(
            EncoderLayer(dim, config.num_heads, config.feedforward, config.dropout)
            for _ in range(config.num_layers if config.use_transformer else 0)
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Sequential(
            nn.Linear(dim, config.hidden),
            nn.LeakyReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, n_labels),
        )
        self.apply(_initialise)

    def pooled(self, features: Tensor) -> Tensor:
        frames = F.max_pool1d(speech_frames(features[:, 0]), self.shrink)  # (B, 1, 21)
        x = self.blocks(features)  # (B, 128, 5, 21)
        x = self.project(x.permute(0, 3, 2, 1).flatten(2))  # (B, 21, transformer_dim)
        if self.encoder:
            x = self.positions(x)
        for layer in self.encoder:
            x = layer(x, frames)
        return speech_mean(self.norm(x).transpose(1, 2), frames)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="leaky_relu")
    elif isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
        nn.init.zeros_(module.bias)
