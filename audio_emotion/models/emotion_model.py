"""Frontend, normalisation and network in one module: waveform in, logits out."""

from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor, nn


class EmotionModel(nn.Module):
    """(batch, window_samples) float32 → logits (batch, n_labels).

    The network's submodule ``normalise`` makes its input from the frontend's features. Training goes the same way
    in two steps, to change the features in between: ``features``, then ``network``.

    Attributes:
        sizes: the network's sizes, as a model folder stores them.
        frontend_config: the frontend's.
        still: batch normalisations that stay in evaluation mode, as frozen ones do.
    """

    def __init__(
        self,
        frontend: nn.Module,
        network: nn.Module,
        sizes: Mapping[str, Any],
        frontend_config: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.frontend = frontend
        self.network = network
        self.sizes = dict(sizes)
        self.frontend_config = dict(frontend_config)
        self.still: list[nn.Module] = []

    def train(self, mode: bool = True) -> Self:
        """Set training mode, but for what is to stay still."""
        super().train(mode)
        for module in self.still:
            module.eval()
        return self

    def margin(self) -> tuple[int, int]:
        """Return how many samples of silence around a sound can change an answer, and in what steps a window may end.

        (0, 0): the network says nothing of that, and reads whole windows alone.
        """
        found: tuple[int, int] = getattr(self.network, "margin", lambda _: (0, 0))(self.frontend)
        return found

    def features(self, samples: Tensor) -> Tensor:
        """Return what the network reads, (batch, channels, bins, frames), each clip normalised by itself."""
        features: Tensor = self.network.get_submodule("normalise")(self.frontend(samples))
        return features

    def forward(self, samples: Tensor) -> Tensor:
        """Return logits (batch, n_labels)."""
        logits: Tensor = self.network(self.features(samples))
        return logits
