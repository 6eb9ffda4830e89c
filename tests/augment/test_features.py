import numpy as np
import pytest
import torch

from audio_emotion.augment.features import Features, mixup, spec_augment
from audio_emotion.core.errors import UsageError
from audio_emotion.models.frontends import MelMfcc, MelMfccConfig


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


def test_a_table_says_which_feature_transforms_are_used():
    frontend, rng = MelMfcc(MelMfccConfig()), np.random.default_rng
    features, targets = torch.randn(4, 2, 64, 50), torch.eye(4)
    for table, raw, masked, mixed in (
        ({}, False, False, False),
        ({"vtlp": {"share": 1.0}}, True, False, False),
        ({"spec_augment": {}}, False, True, False),
        ({"mixup": {"alpha": 0.4}}, False, False, True),
        ({"mixup": {"alpha": 0}}, False, False, False),
        (None, False, True, True),
    ):
        used = Features(table, frontend)
        assert raw != torch.equal(used.raw(features, rng(0)), features)
        changed, changed_targets = used.normalised(features, targets, rng(0))
        assert masked == bool((changed == 0).any())
        assert mixed != torch.equal(changed_targets, targets)
        again = used.normalised(features, targets, rng(0))
        assert torch.equal(changed, again[0])
        assert torch.equal(changed_targets, again[1])


def test_vtlp_has_its_share_of_a_batch():
    features = torch.randn(200, 2, 64, 3)
    used = Features({"vtlp": {"share": 0.3}}, MelMfcc(MelMfccConfig()))
    changed = used.raw(features, np.random.default_rng(0))
    same = (changed[:, 0] == features[:, 0]).all(dim=2).all(dim=1)
    assert 0.6 < same.float().mean() < 0.8


def test_vtlp_refuses_features_without_bands():
    with pytest.raises(UsageError, match=r"augment\.vtlp warps mel bands, and this model reads Identity"):
        Features({"vtlp": {}}, torch.nn.Identity())
