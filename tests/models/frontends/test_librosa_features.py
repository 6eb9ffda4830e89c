import copy

import numpy as np
import torch

from audio_emotion.models.descriptors import ShortMfccConfig, short_mfcc
from audio_emotion.models.frontends import FrameDescriptors, ShortMfcc
from tests.sounds import voice


def test_a_module_gives_what_the_function_gives_and_is_computed_once_in_training():
    config = ShortMfccConfig()
    windows = np.stack([voice(2.5, config.sampling_rate, seed)[:20_062] for seed in range(2)])
    frontend = copy.deepcopy(ShortMfcc(config))
    made = frontend(torch.from_numpy(windows).requires_grad_())
    np.testing.assert_array_equal(made.numpy(), short_mfcc(windows, config))
    assert not made.requires_grad
    assert ShortMfcc.cached
    assert FrameDescriptors.cached
