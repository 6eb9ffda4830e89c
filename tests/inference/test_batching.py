import numpy as np
import pytest

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import FloatArray
from audio_emotion.inference.batching import BatchItem, forward_ragged, predict_batched
from audio_emotion.inference.loading import load_model
from tests.sounds import voice

RATE = 16_000
MODEL = load_model(device="cpu")


def recording(samples: np.ndarray):
    return BatchItem(lambda: [samples.astype(np.float32)])


def absent():
    def read():
        raise AudioError("absent.wav: no such file")
        yield

    return BatchItem(read)


def test_recordings_share_a_batch_and_get_their_own_predictions():
    sounds = [voice(seconds, seed=seed) for seed, seconds in enumerate((1.0, 2.0, 60.0))]  # the last: more than a batch
    batches = []

    def logits(windows: FloatArray) -> FloatArray:
        batches.append(len(windows))
        return MODEL.runtime.logits(windows)

    predictions = predict_batched([recording(sound) for sound in sounds], MODEL.config, logits)
    assert batches[0] == 1 + 1 + 16
    assert len(batches) > 1
    for sound, prediction in zip(sounds, predictions, strict=True):
        alone = MODEL.predict(sound, RATE)
        assert prediction.n_windows == alone.n_windows
        assert list(prediction.scores.values()) == pytest.approx(list(alone.scores.values()), abs=1e-6)


def test_an_error_stops_no_other():
    first, second, third = predict_batched(
        [recording(voice(1.0)), absent(), recording(np.zeros(RATE))], MODEL.config, MODEL.runtime.logits
    )
    assert first.label in MODEL.config.labels
    assert isinstance(second, AudioError)
    assert third.label == NO_SPEECH


def test_no_recordings_give_no_predictions():
    assert predict_batched([], MODEL.config, MODEL.runtime.logits) == []


@pytest.mark.parametrize("batch", [None, 2])
def test_groups_are_split_where_they_were_joined(batch: int | None):
    groups = [np.full((n, 4), n, np.float32) for n in (3, 0, 2)]
    sizes = []

    def forward(windows: FloatArray) -> FloatArray:
        sizes.append(len(windows))
        return windows[:, :2]

    logits = forward_ragged(forward, groups, batch)
    assert sizes == ([5] if batch is None else [2, 2, 1])
    assert [x.shape for x in logits] == [(3, 2), (0, 2), (2, 2)]
    assert [x.tolist() for x in logits] == [g[:, :2].tolist() for g in groups]


def test_empty_groups_alone_do_not_run_the_model():
    assert [len(x) for x in forward_ragged(lambda windows: 1 / 0, [np.empty((0, 4), np.float32)] * 2)] == [0, 0]
