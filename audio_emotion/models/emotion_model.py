"""Frontend, normalisation and network in one module: waveform in, logits out."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from torch import Tensor, nn

from audio_emotion.models.layers import PooledNetwork


class Outputs(NamedTuple):
    """The outputs of a model for a batch of windows.

    Attributes:
        logits: (batch, n_labels).
        pooled: the vectors that the head reads, before any shift, (batch, n_pooled); None: the network has none.
        speech: logits that a window contains speech, (batch,); None: the network does not decide it.
    """

    logits: Tensor
    pooled: Tensor | None = None
    speech: Tensor | None = None


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
        """Set training mode, except for frozen layers."""
        super().train(mode)
        for module in self.still:
            module.eval()
        return self

    def margin(self) -> tuple[int, int]:
        """Return how many samples of silence around a sound can change a prediction, and the step of window lengths.

        (0, 0): the network says nothing of that, and reads whole windows alone.
        """
        found: tuple[int, int] = getattr(self.network, "margin", lambda _: (0, 0))(self.frontend)
        return found

    def features(self, samples: Tensor) -> Tensor:
        """Return the input of the network, (batch, channels, bins, frames), with each clip normalized separately."""
        features: Tensor = self.network.get_submodule("normalise")(self.frontend(samples))
        return features

    def outputs(self, samples: Tensor, shift: Tensor | None = None) -> Outputs:
        """Return all outputs for windows (batch, window_samples).

        ``shift``, (n_pooled,) or (batch, n_pooled), is added to what the head reads; other outputs ignore it.
        """
        return outputs_of(self.network, self.features(samples), shift)

    def forward(self, samples: Tensor) -> Tensor:
        """Return logits (batch, n_labels)."""
        logits: Tensor = self.network(self.features(samples))
        return logits


def outputs_of(network: nn.Module, features: Tensor, shift: Tensor | None = None) -> Outputs:
    """Return all outputs of a network for normalised features; see :meth:`EmotionModel.outputs`."""
    if not isinstance(network, PooledNetwork):
        return Outputs(network(features))
    pooled = network.pooled(features)
    logits = network.head(pooled if shift is None else pooled + shift)
    return Outputs(logits, pooled, None if network.speech is None else network.speech(pooled))
