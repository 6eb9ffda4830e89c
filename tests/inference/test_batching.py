import numpy as np
import pytest

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import FloatArray
from audio_emotion.inference.batching import iter_window_batches, predict_batched
from audio_emotion.inference.model import load_model
from tests.sounds import voice

RATE = 16_000
MODEL = load_model(device="cpu")


def recording(samples: np.ndarray):
    return iter_window_batches(MODEL.config, lambda: [samples.astype(np.float32)])


def absent():
    def read():
        raise AudioError("absent.wav: no such file")
        yield

    return iter_window_batches(MODEL.config, read)


def test_recordings_share_a_batch_and_get_their_own_answers():
    sounds = [voice(seconds, seed=seed) for seed, seconds in enumerate((1.0, 2.0, 60.0))]  # the last: more than a batch
    batches = []

    def logits(windows: FloatArray) -> FloatArray:
        batches.append(len(windows))
        return MODEL.runtime.logits(windows)

    said = predict_batched([recording(sound) for sound in sounds], logits)
    assert batches[0] == 1 + 1 + 16
    assert len(batches) > 1
    for sound, one in zip(sounds, said, strict=True):
        alone = MODEL.predict(sound, RATE)
        assert one.n_windows == alone.n_windows
        assert list(one.scores.values()) == pytest.approx(list(alone.scores.values()), abs=1e-6)


def test_an_error_stops_no_other():
    first, second, third = predict_batched(
        [recording(voice(1.0)), absent(), recording(np.zeros(RATE))], MODEL.runtime.logits
    )
    assert first.label in MODEL.config.labels
    assert isinstance(second, AudioError)
    assert third.label == NO_SPEECH


def test_of_nothing_there_is_nothing_to_say():
    assert predict_batched([], MODEL.runtime.logits) == []
