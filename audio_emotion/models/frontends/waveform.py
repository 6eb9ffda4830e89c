"""Sound as it is, for networks that learnt their own features."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class RawSoundConfig:
    """What fixes the samples.

    Attributes:
        sampling_rate: Hz.
    """

    sampling_rate: int = 16_000


class RawSound(nn.Module):
    """(batch, n_samples) → (batch, 1, 1, n_samples): one channel of one bin, a frame a sample."""

    def __init__(self, config: RawSoundConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, samples: Tensor) -> Tensor:
        return samples[:, None, None]
