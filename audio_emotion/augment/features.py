"""Augmentation of a batch of normalised features, on the device that holds it."""

import numpy as np
import torch
from torch import Tensor


def spec_augment(features: Tensor, rng: np.random.Generator, max_bins: int, max_frames: int) -> Tensor:
    """Set two bands of up to ``max_bins`` and two spans of up to ``max_frames`` to 0, the mean, in each clip.

    (batch, channels, bins, frames) → the same; each channel has bands of its own, the spans are shared. Park et
    al. 2019, "SpecAugment".
    """
    batch, channels, n_bins, n_frames = features.shape
    bins = torch.arange(n_bins, device=features.device)[None, None, :, None]
    frames = torch.arange(n_frames, device=features.device)[None, None, None, :]
    keep = torch.ones_like(features, dtype=torch.bool)
    for _ in range(2):
        keep &= ~_span(bins, rng, (batch, channels), n_bins, max_bins)
        keep &= ~_span(frames, rng, (batch, 1), n_frames, max_frames)
    return features * keep


def _span(index: Tensor, rng: np.random.Generator, shape: tuple[int, int], size: int, longest: int) -> Tensor:
    lengths = rng.integers(0, longest + 1, shape)
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
