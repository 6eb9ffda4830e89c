import numpy as np
import pytest
import torch
from librosa import mel_frequencies
from torch.nn import functional as F

from audio_emotion.core.errors import ModelError
from audio_emotion.inference.backends.trim_padding import Margin
from audio_emotion.models import build
from audio_emotion.models.layers import speech_frames
from audio_emotion.models.networks.speech_embedding import Rectifier, pretrained
from tests.sounds import voice

NAME = "speech-embedding"


def window(seconds: float, gain: float = 1.0, before: int = 4_000) -> torch.Tensor:
    clip = gain * voice(seconds)
    return torch.from_numpy(np.pad(clip, (before, 48_000 - before - len(clip))))[None]


def test_it_begins_with_the_pretrained_weights_and_may_keep_the_first_of_them():
    model = build(NAME, 8, {"tune_from": 1})
    for name, tensor in pretrained(4).items():
        assert torch.equal(model.network.blocks.state_dict()[name], tensor)
    fixed = {name for name, p in model.network.blocks.named_parameters() if not p.requires_grad}
    assert fixed == {name for name in pretrained(4) if name.startswith("0.")}


def test_the_rectifier_has_one_gradient_in_training_and_out_of_it():
    x = torch.linspace(-4, 2, 25, requires_grad=True)
    trained, used = (torch.autograd.grad(Rectifier().train(mode)(x).sum(), x)[0] for mode in (True, False))
    torch.testing.assert_close(trained[x != -2], used[x != -2])  # at the corner either side's will do
    assert sorted(set(trained.tolist())) == pytest.approx([0.0, 0.2, 1.0])


def test_without_them_its_weights_are_its_own():
    first, second = (build(NAME, 8, {"pretrained": False}).network.blocks[0][0].weight for _ in range(2))
    assert not torch.equal(first, second)
    assert not torch.equal(first, pretrained(1)["0.0.weight"])


def test_its_blocks_are_convolutions_over_bins_and_frames_as_published():
    """Blocks of 24, 48, 72 and 96 channels, leaky rectifiers that end at -0.4: written out once more, by themselves."""
    weights = pretrained(4)
    x = torch.randn(2, 1, 32, 64, generator=torch.Generator().manual_seed(0)) * 1.5 + 7.7
    expected = x
    for block, pool in enumerate(((2, 2), (2, 1), (2, 2), None)):
        for layer in range(3 if block == 0 else 4):
            kernel, bias = (weights[f"{block}.{2 * layer}.{part}"] for part in ("weight", "bias"))
            expected = F.conv2d(expected, kernel, bias, padding=(kernel.shape[2] // 2, kernel.shape[3] // 2))
            expected = torch.where(expected > 0, expected, 0.2 * expected).clamp(min=-0.4)
        expected = F.max_pool2d(expected, pool) if pool else expected
    assert expected.shape == (2, 96, 4, 16)
    blocks = build(NAME, 8).network.blocks
    for mode in (True, False):  # the rectifier of a training is another function
        torch.testing.assert_close(blocks.train(mode)(x), expected)


def test_level_and_place_in_the_window_leave_the_answer_as_it_was():
    model = build(NAME, 8).eval()
    with torch.no_grad():
        answer = model(window(1.2))
        torch.testing.assert_close(model(window(1.2, gain=0.25)), answer, atol=1e-3, rtol=0)
        moved = model(window(1.2, before=4_000 + 4 * 240))  # four frames, as many as the last block's
        torch.testing.assert_close(moved, answer, atol=1e-3, rtol=0)


def test_frames_without_speech_are_silence_to_the_pretrained_blocks():
    model = build(NAME, 8).eval()
    with torch.no_grad():
        features = model.features(window(1.2))
        frames = speech_frames(features[:, 0])
        assert 0 < frames.sum() < 120
        heard = model.network.rescale(features)
        assert (heard[:, 0][(frames == 0).expand(-1, 32, -1)] == 1.0).all()
        assert abs(heard[:, 0][(frames == 1).expand(-1, 32, -1)].mean() - 7.7) < 0.01
        assert torch.isfinite(model.network(torch.zeros_like(features))).all()


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 4])
def test_silence_beyond_the_margin_changes_nothing_and_silence_within_it_does(n_blocks: int):
    model = build(NAME, 8, {"n_blocks": n_blocks}).eval()
    margin = Margin(*model.margin())
    whole = window(1.2, before=9_123)
    start, end = margin.around(whole[0].numpy())
    assert 0 < start < end < 48_000
    with torch.no_grad():
        answer = model(whole)
        torch.testing.assert_close(model(whole[:, start:end]), answer, atol=1e-5, rtol=0)
        too_short = whole[:, 9_123 // margin.step * margin.step : end]
        assert (model(too_short) - answer).abs().max() > 1e-4


def test_it_may_hear_higher_bands_too_as_close_together_as_those_it_was_pretrained_on():
    frontend = {"n_mels": 40, "f_max": 6640.0}
    model = build(NAME, 8, {"n_bins": 40}, frontend)
    narrow, wide = (mel_frequencies(n, fmin=60.0, fmax=f_max) for n, f_max in ((34, 3800.0), (42, 6640.0)))
    np.testing.assert_allclose(wide[:34], narrow, rtol=1e-3)
    for name, tensor in pretrained(4).items():
        assert torch.equal(model.network.blocks.state_dict()[name], tensor)
    assert model.eval()(window(1.2)).shape == (1, 8)
    with pytest.raises(ModelError, match="the frontend has 40 mel bands, expected 32"):
        build(NAME, 8, {}, frontend)(window(1.2))


@pytest.mark.parametrize(
    "parameters", [{"n_blocks": 0}, {"n_blocks": 5}, {"tune_from": 5}, {"tune_from": -1}, {"n_bins": 7}]
)
def test_sizes_that_it_has_not(parameters: dict[str, int]):
    with pytest.raises(ModelError, match=next(iter(parameters))):
        build(NAME, 8, parameters)
