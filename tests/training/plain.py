"""The small network of :mod:`tests.training.nets`."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from audio_emotion.models.layers import ClipNorm


@dataclass(frozen=True)
class PlainConfig:
    n_bins: int = 16
    hidden: int = 16
    dropout: float = 0.2


class Plain(nn.Module):
    """(batch, 2, n_bins, frames) → (batch, n_labels): means over time, one hidden layer, dropout."""

    def __init__(self, config: PlainConfig, n_labels: int) -> None:
        super().__init__()
        self.normalise = ClipNorm()
        self.first = nn.Linear(2 * config.n_bins, config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(config.hidden, n_labels)

    def forward(self, features: Tensor) -> Tensor:
        x = torch.cat([features[:, 0].mean(dim=2), features[:, 1].square().mean(dim=2)], dim=1)
        return self.last(self.dropout(self.first(x).relu()))
