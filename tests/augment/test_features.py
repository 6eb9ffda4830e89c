import numpy as np
import torch

from audio_emotion.augment.features import mixup, spec_augment


def test_spec_augment_blanks_bands_and_spans_of_at_most_the_width_asked_for():
    features = torch.ones(50, 2, 64, 100)
    masked = spec_augment(features, np.random.default_rng(0), max_bins=8, max_frames=20)
    blank_bins = (masked == 0).all(dim=3).sum(dim=2)  # (batch, channels)
    blank_frames = (masked[:, 0] == 0).all(dim=1).sum(dim=1)
    assert 0 < blank_bins.max() <= 16
    assert 0 < blank_frames.max() <= 40
    assert not torch.equal(masked[:, 0], masked[:, 1]), "each channel has bands of its own"
    assert torch.equal(features, torch.ones(50, 2, 64, 100)), "the input stays"


def test_mixup_blends_features_and_targets_by_one_share():
    features = torch.eye(6)[:, None, None, :].repeat(1, 2, 3, 1)  # clip i is 1 at frame i
    targets = torch.eye(6)
    mixed, mixed_targets = mixup(features, targets, np.random.default_rng(1), alpha=0.5)
    assert torch.allclose(mixed[:, 0, 0, :], mixed_targets)
    assert torch.allclose(mixed_targets.sum(dim=1), torch.ones(6))
    assert ((mixed_targets > 0.05).sum(dim=1) == 2).any()
