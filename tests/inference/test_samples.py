"""The bundled model says of the samples what stands beside them."""

import json

import pytest
import soundfile

from audio_emotion import load_model
from audio_emotion.core.emotions import emotions
from tests.conftest import ROOT

FOLDER = ROOT / "inference" / "samples"
ANSWERS = json.loads((FOLDER / "answers.json").read_text())


def test_there_is_one_for_each_emotion():
    assert sorted(ANSWERS) == sorted(f"{emotion}.wav" for emotion in emotions())
    assert sorted(p.name for p in FOLDER.glob("*.wav")) == sorted(ANSWERS)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_answer_is_the_one_noted(name: str):
    prediction = load_model(device="cpu").predict(FOLDER / name)
    assert prediction.label == ANSWERS[name]["label"]
    assert prediction.scores == pytest.approx(
        ANSWERS[name]["scores"], abs=1e-2
    )  # in integers, another processor rounds some otherwise


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_it_is_a_short_mono_recording(name: str):
    info = soundfile.info(FOLDER / name)
    assert (info.samplerate, info.channels) == (16_000, 1)
    assert 0.5 < info.duration < 6
