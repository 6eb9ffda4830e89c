import numpy as np
import pytest
import torch

from audio_emotion.core.errors import UsageError
from audio_emotion.explanation.attribution import log_odds, window_audio
from audio_emotion.explanation.gradients import integrate
from audio_emotion.inference.backends.torch import TorchRuntime
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.models import build
from tests.sounds import RATE, voice


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu", backend="torch")


@pytest.mark.parametrize(("seconds", "index"), [(1.5, 0), pytest.param(5.0, 3, marks=pytest.mark.slow)])
def test_contributions_add_up_to_the_change_of_the_log_odds(model: Model, seconds: float, index: int):
    sound = np.concatenate([np.zeros(RATE // 4, np.float32), voice(seconds)])
    sound += 1e-4 * np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
    heard = window_audio(sound, RATE, 3 * RATE, gate=False)
    found = integrate(model.runtime, heard, index, 1.3)
    change = found.log_odds - found.background
    assert abs(change) > 0.5
    assert found.heat.sum() == pytest.approx(change, abs=0.03 * abs(change) + 0.02)
    assert found.over_time == pytest.approx(found.heat.sum(axis=0))
    usual = log_odds(model.runtime.logits(heard.windows).mean(axis=0), index, 1.3)
    assert found.log_odds == pytest.approx(float(usual), abs=1e-3)
    assert (len(found.hertz), len(found.edges)) == (1 + len(found.heat), 1 + len(found.over_time))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["study-base", "acnt"])
def test_other_models_of_a_log_mel_spectrogram(name: str):
    torch.manual_seed(0)
    network = build(name, 8)
    rate = network.frontend_config["sampling_rate"]
    heard = window_audio(voice(2.0, rate), rate, 3 * rate, gate=False)
    found = integrate(TorchRuntime(network, "cpu"), heard, 2, 1.0)
    change = found.log_odds - found.background
    assert found.heat.sum() == pytest.approx(change, rel=0.05, abs=0.02)


def test_what_cannot_be_followed_is_refused(model: Model):
    heard = window_audio(voice(1.0), RATE, 3 * RATE, gate=False)
    with pytest.raises(UsageError, match="need a torch model"):
        integrate(load_model(device="cpu").runtime, heard, 0, 1.0)
    of_descriptors = TorchRuntime(build("cnn-1d", 8), "cpu")
    with pytest.raises(UsageError, match="log-mel"):
        integrate(of_descriptors, heard, 0, 1.0)
