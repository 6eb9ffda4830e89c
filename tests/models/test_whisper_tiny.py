"""The frozen levels of Whisper tiny and the head that reads them."""

import numpy as np
import pytest
import torch

from audio_emotion.core.errors import ModelError
from audio_emotion.models import build
from audio_emotion.models.networks.whisper_tiny import WhisperTinyHead, WhisperTinyHeadConfig, average
from tests.sounds import voice


def features(samples: np.ndarray) -> torch.Tensor:
    model = build("whisper-tiny", 8)
    return model.features(torch.from_numpy(samples[None]))


def test_a_frame_stands_for_40_ms_and_is_zero_outside_speech():
    samples = np.zeros(48_000, np.float32)
    samples[16_000:32_000] = voice(1.0)
    frames = features(samples)
    assert frames.shape == (1, 1, 384, 75)
    loud = frames[0, 0].abs().amax(dim=0) > 0
    assert loud[26:49].float().mean() > 0.8  # from 1 to 2 s
    assert not loud[:23].any()
    assert not loud[52:].any()


def test_the_level_of_a_recording_does_not_matter():
    samples = voice(3.0)
    torch.testing.assert_close(features(samples), features(samples / 8), atol=1e-3, rtol=0)


def test_the_encoder_is_not_stored_and_not_trained():
    model = build("whisper-tiny", 8)
    assert all(name.startswith("network.") for name in model.state_dict())
    assert not features(voice(3.0)).requires_grad


def test_fewer_levels_give_other_features():
    one, three = (build("whisper-tiny", 8, frontend={"n_levels": n}) for n in (1, 3))
    samples = torch.from_numpy(voice(3.0)[None])
    assert (one.features(samples) - three.features(samples)).abs().max() > 0.1


def test_a_level_that_is_not_there_is_one_clear_error():
    with pytest.raises(ModelError, match="n_levels is 4, expected 1 to 3"):
        build("whisper-tiny", 8, frontend={"n_levels": 4})


def test_a_window_longer_than_the_positions_is_one_clear_error():
    with pytest.raises(ModelError, match="has 500 frames, expected at most 400"):
        features(np.ones(160_000, np.float32))


def trained(seed: int) -> WhisperTinyHead:
    """Return a network with statistics and weights of its own, as training gives."""
    torch.manual_seed(seed)
    network = WhisperTinyHead(WhisperTinyHeadConfig(width=16, bottleneck=4, hidden=8), 8)
    for _ in range(3):
        network(3 * torch.randn(6, 1, 384, 75) + seed)
    return network.eval()


def test_the_average_of_networks_gives_the_mean_of_their_logits():
    members = [trained(seed) for seed in range(3)]
    frames = torch.randn(5, 1, 384, 75) * (torch.arange(75) < 60)
    with torch.inference_mode():
        expected = torch.stack([member(frames) for member in members]).mean(dim=0)
        merged = average(members)
        torch.testing.assert_close(merged(frames), expected)
        assert merged.pooled(frames).shape == (5, 3 * 2 * 16)


def test_networks_of_other_sizes_cannot_be_averaged():
    other = WhisperTinyHead(WhisperTinyHeadConfig(width=8, bottleneck=4, hidden=8), 8)
    with pytest.raises(ValueError, match="equal sizes"):
        average([trained(0), other])
    with pytest.raises(ValueError, match="one member each"):
        average([average([trained(0), trained(1)]), trained(2)])
