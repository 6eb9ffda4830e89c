"""Frontends that librosa computes on the CPU, clip by clip: see :mod:`audio_emotion.models.descriptors`.

They are torch modules so that a model is built, trained and stored like any other. No gradient goes through them and
no graph holds them; ``cached`` tells the training loop to compute each clip's features once.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from audio_emotion.core.types import FloatArray
from audio_emotion.models.descriptors import FrameDescriptorsConfig, ShortMfccConfig, frame_descriptors, short_mfcc


class LibrosaMade(nn.Module):
    """(batch, window_samples) → (batch, 1, n_rows, 1 + window_samples // hop), on the device of the samples."""

    cached = True

    def __init__(self, describe: Callable[[FloatArray], FloatArray]) -> None:
        super().__init__()
        self._describe = describe

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        return torch.from_numpy(self._describe(samples.cpu().numpy())).to(samples.device)


class FrameDescriptors(LibrosaMade):
    """68 descriptors of each frame: MFCC with Δ and ΔΔ, chroma, spectral contrast, tonnetz, and four single ones."""

    def __init__(self, config: FrameDescriptorsConfig) -> None:
        super().__init__(partial(frame_descriptors, config=config))


class ShortMfcc(LibrosaMade):
    """ZCR, RMS and 20 MFCC of each frame."""

    def __init__(self, config: ShortMfccConfig) -> None:
        super().__init__(partial(short_mfcc, config=config))
