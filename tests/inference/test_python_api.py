"""What programs of this ecosystem expect of the library."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import audio_emotion
from audio_emotion import AudioEmotionError, Prediction, Waveform, load_model, pipeline, to_dataframe
from tests.conftest import ROOT
from tests.sounds import RATE, voice

SAMPLES = ROOT / "inference" / "samples"
HAPPY, SAD = SAMPLES / "happy.wav", SAMPLES / "sad.wav"
MODEL = load_model(device="cpu")
VOICE = voice(2.0).astype(np.float32)


def test_public_names_are_listed_and_importable():
    assert dir(audio_emotion) == sorted(audio_emotion.__all__)
    assert all(getattr(audio_emotion, name) is not None for name in audio_emotion.__all__)


def test_every_kind_of_input_gives_the_same_prediction():
    path = MODEL.predict(HAPPY)
    assert MODEL(HAPPY) == MODEL.predict(str(HAPPY)) == MODEL.predict(HAPPY.read_bytes()) == path
    array = MODEL.predict(VOICE, RATE)
    assert MODEL.predict(torch.from_numpy(VOICE), RATE) == array
    assert MODEL.predict(torch.from_numpy(VOICE)[None], RATE) == array  # (n_channels, n_samples)
    assert MODEL.predict(Waveform(VOICE, RATE, RATE)) == array


def test_a_list_gives_a_list():
    predictions = MODEL([HAPPY, SAD.read_bytes(), Waveform(VOICE, RATE, RATE)])
    alone = [MODEL(HAPPY), MODEL(SAD), MODEL(VOICE, RATE)]
    assert [p.label for p in predictions] == [p.label for p in alone]
    for prediction, expected in zip(predictions, alone, strict=True):
        assert list(prediction.scores.values()) == pytest.approx(list(expected.scores.values()), abs=0.02)
    assert MODEL.predict_batch([VOICE] * 20, RATE) == MODEL.predict([VOICE] * 20, RATE)
    assert MODEL([]) == []


def test_the_first_failing_item_of_a_list_raises():
    with pytest.raises(AudioEmotionError, match=r"absent\.wav: no such file"):
        MODEL([HAPPY, "absent.wav"])


@pytest.mark.parametrize("wrong", [5, None, {"array": VOICE}, [None], object()])
def test_a_wrong_type_is_one_clear_line(wrong: object):
    with pytest.raises(TypeError, match=r"cannot read a recording from (int|NoneType|dict|object); expected a path"):
        MODEL.predict(wrong)  # type: ignore[call-overload]


def test_an_array_needs_its_rate():
    with pytest.raises(TypeError, match="needs its sampling_rate"):
        MODEL.predict(VOICE)


def test_a_timeline_by_keywords():
    long = np.concatenate([VOICE, np.zeros(2 * RATE, np.float32), VOICE, VOICE])
    timeline = MODEL.timeline(long, RATE, hop=0.5, window=3.0, smooth="median")
    assert len(timeline) == len(timeline.segments) > 4
    assert timeline[0].start == 0
    assert timeline[-1].end == 8
    assert [segment.start for segment in timeline[1:]] == [segment.end for segment in timeline[:-1]]
    assert timeline.prediction.end == 8
    assert json.loads(timeline.to_json()) == timeline.to_dict()
    assert len(timeline.to_dict()["segments"]) == len(timeline)


def test_results_as_dict_and_json_are_those_of_the_command_line(tmp_path: Path):
    command = [sys.executable, "-m", "audio_emotion", "infer", str(HAPPY), "--json", "--device", "cpu"]
    written = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    prediction = MODEL.predict(HAPPY)
    assert prediction.to_dict().items() <= written.items()
    assert json.loads(prediction.to_json()) == prediction.to_dict()


def test_a_dataframe_has_a_column_for_each_label():
    pytest.importorskip("pandas")
    frame = to_dataframe(MODEL([HAPPY, SAD]))
    assert list(frame.columns) == ["start", "end", "label", "score", *MODEL.labels]
    assert frame["score"].tolist() == frame[list(MODEL.labels)].max(axis=1).tolist()


def test_a_dataframe_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(AudioEmotionError, match="pip install pandas"):
        to_dataframe([])


def test_reprs_are_short():
    waveform = Waveform(VOICE, RATE, RATE)
    assert repr(waveform) == "Waveform(2.00 s, 32000 samples at 16000 Hz)"
    assert (
        repr(Prediction(0, 1, "sad", 0.5, {"sad": 0.5}, channel=2)) == "Prediction('sad', 0.50, 0.00-1.00 s, channel 2)"
    )
    assert all(len(repr(value)) < 200 for value in (MODEL, MODEL.config, MODEL.predict(HAPPY), MODEL.timeline(HAPPY)))


def test_a_pipeline_in_the_form_of_transformers():
    classify = pipeline("audio-classification", model=MODEL, top_k=3)
    result = classify(HAPPY)
    assert [set(entry) for entry in result] == [{"score", "label"}] * 3
    assert result[0]["label"] == MODEL(HAPPY).label
    assert result == sorted(result, key=lambda entry: -entry["score"])
    both = classify([{"array": VOICE, "sampling_rate": RATE}, {"raw": np.zeros(RATE), "sampling_rate": RATE}], top_k=1)
    assert [len(entry) for entry in both] == [1, 0]
    with pytest.raises(ValueError, match="unknown task 'asr'"):
        pipeline("asr")


def test_predictions_in_an_async_handler():
    async def handler() -> list[Prediction]:
        return await asyncio.gather(*(asyncio.to_thread(MODEL.predict, path) for path in (HAPPY, SAD)))

    assert [p.label for p in asyncio.run(handler())] == [MODEL(HAPPY).label, MODEL(SAD).label]
