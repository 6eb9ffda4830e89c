from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.audio.region import AudioRegion
from audio_emotion.core.errors import AudioError, UsageError
from audio_emotion.explanation import MAX_S, Explanation, explain
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from tests.conftest import ROOT
from tests.sounds import RATE, voice

SAMPLE = ROOT / "inference" / "samples" / "happy.wav"


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def happy(model: Model) -> Explanation:
    return explain(model, SAMPLE)


def test_what_is_explained_is_the_answer(model: Model, happy: Explanation):
    assert happy.prediction == model.predict(SAMPLE)
    assert happy.label == happy.prediction.label == "happy"
    assert happy.attribution.log_odds == pytest.approx(np.log(happy.prediction.score / (1 - happy.prediction.score)))
    assert happy.attribution.log_odds > happy.attribution.background
    assert happy.times[0] == 0
    assert happy.times[-1] == pytest.approx(happy.prediction.end)


def test_what_was_said_counts_and_faint_noise_before_it_does_not(model: Model):
    noise = 1e-4 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    sound = np.concatenate([noise, voice(2.0, seed=3)])
    found = explain(model, sound, RATE, gate=False).attribution
    half = len(found.over_time) // 2
    assert np.abs(found.over_time[half:]).sum() > 0.9 * np.abs(found.over_time).sum() > 0.1
    assert np.abs(found.heat[:, half:]).sum() > 0.9 * np.abs(found.heat).sum()


def test_another_label_can_be_explained(model: Model, happy: Explanation):
    other = explain(model, SAMPLE, label="sad")
    assert (other.label, other.prediction) == ("sad", happy.prediction)
    assert np.corrcoef(other.attribution.over_time, happy.attribution.over_time)[0, 1] < 0


def test_times_are_those_of_the_recording(model: Model):
    sound = np.concatenate([np.zeros(RATE, np.float32), voice(2.0)])
    found = explain(model, sound, RATE, part=AudioRegion(start=1.0))
    assert (found.times[0], found.times[-1]) == (1.0, 3.0)
    assert (found.prediction.start, found.prediction.end) == (1.0, 3.0)


def test_stretches_lie_above_half_of_the_strongest(happy: Explanation):
    over_time = np.array([0, 1, 4, 3, 0, 0, -1, 2.5])
    edges = RATE * np.arange(9)
    made = replace(happy, attribution=replace(happy.attribution, over_time=over_time, edges=edges))
    assert made.regions() == [(2.0, 4.0, 4.0), (7.0, 8.0, 2.5)]
    assert made.regions(against=True) == [(6.0, 7.0, -1.0)]
    none = replace(made, attribution=replace(made.attribution, over_time=np.abs(over_time)))
    assert none.regions(against=True) == []


def test_silence_can_be_explained_if_it_must(model: Model):
    silence = np.zeros(RATE, np.float32)
    with pytest.raises(AudioError, match="array: has no speech"):
        explain(model, silence, RATE)
    assert not explain(model, silence, RATE, gate=False).attribution.heat.any()


def test_what_cannot_be_explained_is_refused(model: Model, tmp_path: Path):
    with pytest.raises(AudioError, match=r"longer than 30 s.*--start"):
        explain(model, np.zeros(round(MAX_S * RATE) + 1, np.float32), RATE)
    with pytest.raises(UsageError, match="no label 'angri'; available: neutral"):
        explain(model, SAMPLE, label="angri")
    with pytest.raises(UsageError, match="unknown method 'guess'; available: occlusion, gradients"):
        explain(model, SAMPLE, method="guess")
    with pytest.raises(AudioError, match="no such file"):
        explain(model, tmp_path / "absent.wav")
