"""Augmentation of a batch of features, on the device that holds it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audio_emotion.augment.recipe import DEFAULT, FEATURES, check, made
from audio_emotion.augment.vtlp import warp
from audio_emotion.core.errors import UsageError
from audio_emotion.models.frontends import LogMelSpectrogram, MelMfcc


class Features:
    """The feature transforms of an augmentation table, in two steps around the normalisation within each clip.

    Every draw comes from the generator passed, in the order of the batch.
    """

    def __init__(self, augment: Mapping[str, Any] | None, frontend: torch.nn.Module) -> None:
        """Take a table (None: the default one) and the module that makes the features.

        Raises:
            UsageError: a problem of the table; vocal-tract-length perturbation of features without mel bands.
        """
        table = DEFAULT if augment is None else augment
        check(table)
        self._used = made(table, FEATURES)
        self._frontend = frontend if isinstance(frontend, MelMfcc | LogMelSpectrogram) else None
        if "vtlp" in self._used and self._frontend is None:
            raise UsageError(
                f"augment.vtlp warps mel bands, and this model reads {type(frontend).__name__}; leave it out"
            )

    def raw(self, features: Tensor, rng: np.random.Generator) -> Tensor:
        """Apply vocal-tract-length perturbation to the frontend's output, (batch, channels, bins, frames)."""
        if "vtlp" not in self._used or self._frontend is None:
            return features
        share, vtlp = self._used["vtlp"]
        factors = rng.uniform(vtlp.lowest, vtlp.highest, len(features))
        factors[rng.random(len(features)) >= share] = 1
        return warp(features, torch.from_numpy(factors), self._frontend, vtlp.corner_hz)

    def normalised(self, features: Tensor, targets: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Change normalised features and their targets, (batch, n_labels): SpecAugment, then mixup."""
        if "spec_augment" in self._used:
            masks = self._used["spec_augment"][1]
            features = spec_augment(features, rng, masks.max_bins, masks.max_frames)
        if "mixup" in self._used and (alpha := self._used["mixup"][1].alpha):
            features, targets = mixup(features, targets, rng, alpha)
        return features, targets


def spec_augment(features: Tensor, rng: np.random.Generator, max_bins: int, max_frames: int) -> Tensor:
    """Set two bands of up to ``max_bins`` and two spans of up to ``max_frames`` to 0, the mean, in each clip.

    Neither is wider than half of what there is; raw sound, of one bin, loses no band.

    (batch, channels, bins, frames) → the same; each channel has bands of its own, the spans are shared. Park et
    al. 2019, "SpecAugment".
    """
    batch, channels, n_bins, n_frames = features.shape
    bins = torch.arange(n_bins, device=features.device)[None, None, :, None]
    frames = torch.arange(n_frames, device=features.device)[None, None, None, :]
    keep = torch.ones_like(features, dtype=torch.bool)
    for _ in range(2):
        keep &= ~_span(bins, rng, (batch, channels), n_bins, min(max_bins, n_bins // 2))
        keep &= ~_span(frames, rng, (batch, 1), n_frames, min(max_frames, n_frames // 2))
    return features * keep


def _span(index: Tensor, rng: np.random.Generator, shape: tuple[int, int], size: int, longest: int) -> Tensor:
    lengths = rng.integers(0, min(longest, size) + 1, shape)
    # index    0 . . . . . size
    # span         |low    |high       `high` is not part of it; a length of 0 masks nothing
    starts = rng.integers(0, size - lengths + 1)
    low, high = (torch.from_numpy(x).to(index.device)[:, :, None, None] for x in (starts, starts + lengths))
    return (index >= low) & (index < high)


def mixup(features: Tensor, targets: Tensor, rng: np.random.Generator, alpha: float) -> tuple[Tensor, Tensor]:
    """Blend each clip of a batch, and its target (batch, n_labels), with another one's, the share from Beta(α, α).

    Zhang et al. 2018, "mixup: Beyond empirical risk minimization".
    """
    share = torch.from_numpy(rng.beta(alpha, alpha, len(features)).astype(np.float32)).to(features.device)
    other = torch.from_numpy(rng.permutation(len(features))).to(features.device)
    mixed = torch.lerp(features[other], features, share[:, None, None, None])
    return mixed, torch.lerp(targets[other], targets, share[:, None])
