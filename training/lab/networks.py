"""The network of the experiments: the default one, with a switch for each thing that was tried in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.models.layers import AttentiveStatistics, speech_frames


@dataclass(frozen=True)
class Network:
    """What is built.

    Attributes:
        widths: channels of the blocks.
        hidden: width of the fully connected layer.
        dropout: share of units dropped before and after it.
        places: another channel with the number of the bin (Liu et al. 2018, "CoordConv").
        mix_bins: how often the statistics of each bin are mixed with another clip's (Schmid et al. 2022,
            "Freq-MixStyle").
    """

    widths: Sequence[int] = (16, 32, 64)
    hidden: int = 64
    dropout: float = 0.2
    places: bool = False
    mix_bins: float = 0.0


class Block(nn.Module):
    """Two convolutions with a shortcut, then max pooling."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut = nn.Conv2d(n_in, n_out, 1, bias=False)
        skip_draws((n_out, n_out // 4), (n_out // 4, n_out))

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(F.relu(self.body(x) + self.shortcut(x)), 2)


class Tried(nn.Module):
    """Normalised features (B, C, F, T) and speech frames of the second channel → logits and what came before them."""

    def __init__(self, sizes: Network, channels: int, n_bins: int, n_labels: int) -> None:
        super().__init__()
        self.sizes = sizes
        first = sizes.widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(channels + sizes.places, first, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        )
        self.blocks = nn.ModuleList(Block(a, b) for a, b in pairwise([first, *sizes.widths]))
        width = sizes.widths[-1] * (n_bins // 2 ** (1 + len(sizes.widths)))
        self.pool = AttentiveStatistics(width, 64)
        self.trunk = nn.Sequential(
            nn.Dropout(sizes.dropout),
            nn.Linear(2 * width, sizes.hidden, bias=False),
            nn.BatchNorm1d(sizes.hidden),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(sizes.dropout), nn.Linear(sizes.hidden, n_labels))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        frames = speech_frames(x[:, 1])
        if self.training and self.sizes.mix_bins:
            x = mixed_bins(x, self.sizes.mix_bins)
        if self.sizes.places:
            place = torch.linspace(-1, 1, x.shape[2])[None, None, :, None].expand(len(x), 1, -1, x.shape[3])
            x = torch.cat([x, place], dim=1)
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        frames = F.max_pool1d(frames, 2, ceil_mode=True)
        for block in self.blocks:
            x, frames = block(x), F.max_pool1d(frames, 2)
        hidden = self.trunk(self.pool(x.flatten(1, 2), frames))
        return self.head(hidden), hidden


def skip_draws(*layers: tuple[int, int]) -> None:
    """Draw the weights of fully connected layers that are in no network, so that what is drawn next is as recorded."""
    for n_in, n_out in layers:
        nn.Linear(n_in, n_out)


def mixed_bins(x: Tensor, share: float) -> Tensor:
    """Give each bin a mean and deviation between its own and those of another clip of the batch."""
    mean, deviation = x.mean(dim=(1, 3), keepdim=True), x.std(dim=(1, 3), keepdim=True) + 1e-3
    other = torch.randperm(len(x))
    own = torch.distributions.Beta(0.4, 0.4).sample((len(x), 1, 1, 1))
    own = torch.where(torch.rand(len(x), 1, 1, 1) < share, torch.maximum(own, 1 - own), torch.ones(()))
    return (x - mean) / deviation * torch.lerp(deviation[other], deviation, own) + torch.lerp(mean[other], mean, own)
