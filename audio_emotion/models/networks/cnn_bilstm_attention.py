"""Residual CNN, bidirectional LSTM and self-attention over 68 descriptors a frame.

Source: the student project that stacks 39 cepstral values (13 MFCC, Δ, ΔΔ), 12 of chroma, 7 of spectral contrast, 6 of
tonnetz and 4 single ones at 22,050 Hz, at most 862 frames (20 s at a hop of 512), and puts residual CNN blocks with
GELU, a 3-layer bidirectional LSTM (hidden 256, dropout 0.3), 8-head self-attention and an MLP head with batch
normalisation over them. Its description leaves open the blocks' number, widths and kernels, what they pool, how time is
summed up and how padding is dealt with. Chosen here: two blocks of two convolutions over time, kernel 5, the 68
descriptors being channels (neighbours in that stack are no neighbours in any sense), each block halving time, so that
the LSTM takes one step for four frames (93 ms) and an epoch takes a quarter of the time; a shortcut and layer
normalisation around the attention; the mean over the clip's own frames.

A clip is far shorter than 20 s, and padding must neither cost accuracy nor time. Every part leaves padding out, so a
batch is cut to its longest clip without changing any answer (the exported graph does not cut). For that, each direction
of the LSTM is one that runs forward from the clip's own first, or last, frame.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.models.descriptor_norm import MFCC_CENTRE, MFCC_SCALE, DescriptorNorm, sounding
from audio_emotion.models.layers import PooledNetwork, check_heads

_KERNEL = 5


@dataclass(frozen=True)
class CnnBilstmAttentionConfig:
    """Sizes of the network.

    Attributes:
        channels: width of each residual block; each halves time.
        hidden: width of the LSTM, in each direction.
        lstm_layers: its layers.
        heads: of the self-attention.
        head_width: width of the head's hidden layer.
        dropout: share of units dropped between LSTM layers, in the attention and in the head.
    """

    channels: tuple[int, ...] = (128, 256)
    hidden: int = 256
    lstm_layers: int = 3
    heads: int = 8
    head_width: int = 128
    dropout: float = 0.3


class ResidualBlock(nn.Module):
    """Two convolutions over time with a shortcut, then max pooling by 2: (B, n_in, T) → (B, n_out, T / 2).

    Frames of padding are 0 and stay so.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(n_in, n_out, _KERNEL, padding=_KERNEL // 2, bias=False)
        self.first_norm = nn.BatchNorm1d(n_out)
        self.second = nn.Conv1d(n_out, n_out, _KERNEL, padding=_KERNEL // 2, bias=False)
        self.second_norm = nn.BatchNorm1d(n_out)
        self.shortcut = nn.Conv1d(n_in, n_out, 1, bias=False)

    def forward(self, x: Tensor, frames: Tensor) -> Tensor:
        y = F.gelu(self.first_norm(self.first(x))) * frames
        y = F.gelu(self.second_norm(self.second(y)) + self.shortcut(x)) * frames
        return F.max_pool1d(y, 2)


class BiLstmLayer(nn.Module):
    """Both directions over each clip's own steps: (B, T, C) → (B, T, 2 hidden)."""

    def __init__(self, n_in: int, hidden: int) -> None:
        super().__init__()
        self.onward = nn.LSTM(n_in, hidden, batch_first=True)
        self.back = nn.LSTM(n_in, hidden, batch_first=True)

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """``turn`` (B, T) is each step's place in the clip read backwards; padding keeps its own."""
        return torch.cat([self.onward(x)[0], _reorder(self.back(_reorder(x, turn))[0], turn)], dim=2)


def _reorder(x: Tensor, order: Tensor) -> Tensor:
    return x.gather(1, order[:, :, None].expand(-1, -1, x.shape[2]))


class SelfAttention(nn.Module):
    """Multi-head self-attention with a shortcut and layer normalisation: (B, T, C) → (B, T, C)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, frames: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, heads, T, C / heads) each
        bias = -1e4 * (1 - frames[:, None])  # (B, 1, 1, T): no attention to padding
        drop = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=drop)
        mixed: Tensor = self.norm(x + self.out(attended.transpose(1, 2).flatten(2)))
        return mixed


class CnnBilstmAttention(PooledNetwork):
    """Normalised descriptors (B, 1, 68, T) → logits (B, n_labels), for any T."""

    def __init__(self, config: CnnBilstmAttentionConfig, n_labels: int) -> None:
        super().__init__()
        width = 2 * config.hidden
        self.normalise = _normalise()
        self.blocks = nn.ModuleList(ResidualBlock(n_in, n_out) for n_in, n_out in pairwise((68, *config.channels)))
        inputs = [config.channels[-1], *[width] * (config.lstm_layers - 1)]
        self.lstm = nn.ModuleList(BiLstmLayer(n_in, config.hidden) for n_in in inputs)
        self.drop = nn.Dropout(config.dropout)
        self.attention = SelfAttention(width, config.heads, config.dropout)
        self.head = nn.Sequential(
            nn.Linear(width, config.head_width, bias=False),
            nn.BatchNorm1d(config.head_width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.head_width, n_labels),
        )

    def pooled(self, features: Tensor) -> Tensor:
        x, frames = self._cut(features)  # (B, 68, T), (B, 1, T); T a multiple of 4
        for block in self.blocks:
            x, frames = block(x, frames), F.max_pool1d(frames, 2)  # T / 2 each
        x = x.transpose(1, 2)  # (B, T, C)
        turn = _backwards(frames)
        for number, layer in enumerate(self.lstm):
            x = layer(self.drop(x) if number else x, turn)  # (B, T, 2 hidden)
        x = self.attention(x, frames)
        mean: Tensor = (frames @ x)[:, 0] / frames.sum(dim=2).clamp_min(1)  # (B, 2 hidden), over the clip's own steps
        return mean

    def _cut(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the descriptors up to the longest clip's end, and which frames are a clip's."""
        frames = sounding(features)[:, 0]  # (B, 1, T)
        n_frames = features.shape[3]
        if not torch.compiler.is_exporting():
            n_frames = max(1, int(frames.sum(dim=2).max()))
        step = 2 ** len(self.blocks)
        more = -(-n_frames // step) * step - n_frames
        return F.pad(features[:, 0, :, :n_frames], (0, more)), F.pad(frames[:, :, :n_frames], (0, more))


def _backwards(frames: Tensor) -> Tensor:
    """Return the index of each step when a clip is reversed without its padding: (B, 1, T) of 0 and 1 → (B, T)."""
    steps = torch.arange(frames.shape[2], device=frames.device)[None]  # (1, T)
    length = frames.sum(dim=2).long()  # (B, 1)
    return torch.where(steps < length, length - 1 - steps, steps)


def _normalise() -> DescriptorNorm:
    """Return the fixed scales of the 68 rows, in librosa's units."""
    groups = [  # rows, centre, scale
        (1, 0.0, 15.0),  # Δ of the first coefficient
        (12, 0.0, 4.0),
        (1, 0.0, 8.0),  # ΔΔ of the first coefficient
        (12, 0.0, 2.0),
        (12, 0.4, 0.3),  # chroma
        (6, 20.0, 6.0),  # spectral contrast, dB
        (1, 40.0, 20.0),  # its highest band, where sound may have been cut off
        (6, 0.0, 0.1),  # tonnetz
        (1, 0.15, 0.1),  # zero-crossing rate
        (1, 1.0, 1.0),  # RMS
        (1, 3000.0, 1500.0),  # roll-off, Hz
        (1, 1800.0, 1000.0),  # centroid, Hz
    ]
    centre = [*MFCC_CENTRE[:13], *(c for n, c, _ in groups for _ in range(n))]
    scale = [*MFCC_SCALE[:13], *(s for n, _, s in groups for _ in range(n))]
    return DescriptorNorm(cepstral_level=0, rms=65, centre=centre, scale=scale)
