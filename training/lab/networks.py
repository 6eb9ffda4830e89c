"""The network of the experiments: the default one, with a switch for each thing that was tried in its place."""

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
        stem: how far the stem steps over bins and frames.
        pools: pooling after each block, over bins and frames.
        squeeze: squeeze-and-excitation (Hu et al. 2018) in each block.
        places: another channel with the number of the bin (Liu et al. 2018, "CoordConv").
        bands: batch normalisation of so many groups of bins apart (Chang et al. 2021, "Subspectral normalization").
        recurrent: units of a bidirectional GRU before the pooling; 0: none.
        all_blocks: the mean and deviation of every block's output beside the pooled ones.
        mix_bins: how often the statistics of each bin are mixed with another clip's (Schmid et al. 2022,
            "Freq-MixStyle").
    """

    widths: tuple[int, ...] = (16, 32, 64)
    hidden: int = 64
    dropout: float = 0.2
    stem: tuple[int, int] = (2, 2)
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (2, 2))
    squeeze: bool = False
    places: bool = False
    bands: int = 1
    recurrent: int = 0
    all_blocks: bool = False
    mix_bins: float = 0.0


class BandNorm(nn.Module):
    """Batch normalisation with statistics of its own for each group of bins: (B, C, F, T) → the same."""

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.bands, self.norm = bands, nn.BatchNorm2d(channels * bands)

    def forward(self, x: Tensor) -> Tensor:
        b, c, f, t = x.shape
        return self.norm(x.reshape(b, c * self.bands, f // self.bands, t)).reshape(b, c, f, t)


class Block(nn.Module):
    """Two convolutions with a shortcut, then max pooling."""

    def __init__(self, n_in: int, n_out: int, pool: tuple[int, int], sizes: Network) -> None:
        super().__init__()
        norm = (lambda: nn.BatchNorm2d(n_out)) if sizes.bands == 1 else (lambda: BandNorm(n_out, sizes.bands))
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            norm(),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            norm(),
        )
        self.shortcut = nn.Conv2d(n_in, n_out, 1, bias=False)
        self.gate = nn.Sequential(nn.Linear(n_out, n_out // 4), nn.ReLU(), nn.Linear(n_out // 4, n_out), nn.Sigmoid())
        self.pool, self.squeeze = pool, sizes.squeeze

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        if self.squeeze:
            y = y * self.gate(y.mean(dim=(2, 3)))[:, :, None, None]
        return F.max_pool2d(F.relu(y + self.shortcut(x)), self.pool)


class Tried(nn.Module):
    """Normalised features (B, C, F, T) and speech frames of the second channel → logits and what came before them."""

    def __init__(self, sizes: Network, channels: int, n_bins: int, n_labels: int) -> None:
        super().__init__()
        self.sizes = sizes
        first = sizes.widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(channels + sizes.places, first, 5, stride=sizes.stem, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        )
        steps = zip(pairwise([first, *sizes.widths]), sizes.pools, strict=True)
        self.blocks = nn.ModuleList(Block(a, b, pool, sizes) for (a, b), pool in steps)
        rows = n_bins // sizes.stem[0]
        for pool in sizes.pools:
            rows //= pool[0]
        width = sizes.widths[-1] * rows
        self.gru = nn.GRU(width, sizes.recurrent, bidirectional=True, batch_first=True) if sizes.recurrent else None
        width = 2 * sizes.recurrent or width
        self.pool = AttentiveStatistics(width, 64)
        pooled = 2 * width + (2 * sum(sizes.widths[:-1]) if sizes.all_blocks else 0)
        self.trunk = nn.Sequential(
            nn.Dropout(sizes.dropout),
            nn.Linear(pooled, sizes.hidden, bias=False),
            nn.BatchNorm1d(sizes.hidden),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(sizes.dropout), nn.Linear(sizes.hidden, n_labels))

    @property
    def n_parameters(self) -> int:
        """How many numbers are learnt; gates are built where they are not used too, so that draws stay the same."""
        named = self.named_parameters()
        return sum(p.numel() for name, p in named if self.sizes.squeeze or ".gate." not in name)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        frames = speech_frames(x[:, 1])
        if self.training and self.sizes.mix_bins:
            x = mixed_bins(x, self.sizes.mix_bins)
        if self.sizes.places:
            place = torch.linspace(-1, 1, x.shape[2])[None, None, :, None].expand(len(x), 1, -1, x.shape[3])
            x = torch.cat([x, place], dim=1)
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        frames = F.max_pool1d(frames, self.sizes.stem[1], ceil_mode=True) if self.sizes.stem[1] > 1 else frames
        extra = []
        for block, pool in zip(self.blocks, self.sizes.pools, strict=True):
            x = block(x)
            frames = F.max_pool1d(frames, pool[1])[:, :, : x.shape[3]] if pool[1] > 1 else frames
            if self.sizes.all_blocks and block is not self.blocks[-1]:
                extra += [x.mean(dim=(2, 3)), x.flatten(2).std(dim=2)]
        x = x.flatten(1, 2)
        if self.gru is not None:
            x = self.gru(x.transpose(1, 2))[0].transpose(1, 2)
        hidden = self.trunk(torch.cat([self.pool(x, frames), *extra], dim=1))
        return self.head(hidden), hidden


def mixed_bins(x: Tensor, share: float) -> Tensor:
    """Give each bin a mean and deviation between its own and those of another clip of the batch."""
    mean, deviation = x.mean(dim=(1, 3), keepdim=True), x.std(dim=(1, 3), keepdim=True) + 1e-3
    other = torch.randperm(len(x))
    own = torch.distributions.Beta(0.4, 0.4).sample((len(x), 1, 1, 1))
    own = torch.where(torch.rand(len(x), 1, 1, 1) < share, torch.maximum(own, 1 - own), torch.ones(()))
    return (x - mean) / deviation * torch.lerp(deviation[other], deviation, own) + torch.lerp(mean[other], mean, own)


class Reversed(torch.autograd.Function):
    """What goes on as it is and whose gradient comes back with the other sign (Ganin & Lempitsky 2015)."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return -gradient
