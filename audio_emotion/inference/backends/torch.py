"""A model as a torch module, on any device."""

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any, Self

import torch

from audio_emotion.core.errors import ModelError
from audio_emotion.core.types import FloatArray
from audio_emotion.inference.backends import Outputs
from audio_emotion.models import build
from audio_emotion.models.emotion_model import EmotionModel


class TorchRuntime:
    """Runs an :class:`EmotionModel` in evaluation mode, float32.

    Attributes:
        device: where it is.
        model: what it runs.
    """

    def __init__(self, model: EmotionModel, device: str, shift: FloatArray | None = None) -> None:
        self.device = device
        self.model = model.to(device).eval()
        self._shift = shift

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples)."""
        return self.outputs(windows).logits

    @torch.inference_mode()
    def outputs(self, windows: FloatArray, shift: FloatArray | None = None, threads: int | None = None) -> Outputs:
        """See :meth:`audio_emotion.inference.backends.OutputsRuntime.outputs`; torch has threads of its own."""
        shift = self._shift if shift is None else shift
        added = None if shift is None else torch.from_numpy(shift).to(self.device)
        computed = self.model.outputs(torch.from_numpy(windows).to(self.device), added)
        return Outputs._make(None if tensor is None else tensor.cpu().numpy() for tensor in computed)

    def with_shift(self, shift: FloatArray) -> Self:
        """Return the same model, its weights shared, with a shift (n_pooled,) of its own."""
        other = copy(self)
        other._shift = shift
        return other


def load(
    tensors: Path,
    architecture: str,
    n_labels: int,
    parameters: Mapping[str, Any],
    frontend: Mapping[str, Any],
) -> EmotionModel:
    """Build a model and fill it with the weights in ``tensors``, strictly.

    Raises:
        ModelError: no such architecture, or the weights are not its own.
    """
    from safetensors.torch import load_file

    # what we write describes its encoder; building one from a name would load it from a hub, which nobody asked for
    if parameters.get("checkpoint") and not parameters.get("encoder"):
        raise ModelError(
            f"names the checkpoint {str(parameters['checkpoint'])[:100]!r} and does not describe its "
            "encoder, so it is incomplete",
            subject=f"{tensors.parent}",
            hint="train or download the model again",
        )
    model = build(architecture, n_labels, parameters, frontend)
    try:
        model.load_state_dict(load_file(tensors))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"not the weights of {architecture} ({reason})", subject=str(tensors)) from error
    return model
