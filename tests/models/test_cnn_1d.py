import pytest
import torch

from audio_emotion.core.errors import ModelError
from audio_emotion.models import build


def test_it_reads_880_values_through_the_layers_of_its_description():
    network = build("cnn-1d", 8).network
    shapes = []
    for block in network.blocks:
        block.register_forward_hook(lambda _module, _given, out: shapes.append(tuple(out.shape[1:])))
    assert network.eval()(torch.randn(2, 1, 22, 40)).shape == (2, 8)
    assert shapes == [(256, 440), (512, 220), (256, 110), (256, 55), (128, 28)]


def test_another_window_is_one_clear_error():
    with pytest.raises(ModelError, match="reads 40 frames and the window has 44"):
        build("cnn-1d", 8).network(torch.zeros(1, 1, 22, 44))
