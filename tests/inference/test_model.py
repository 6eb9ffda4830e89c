import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from audio_emotion import audio
from audio_emotion.audio.region import AudioRegion
from audio_emotion.audio.windows import speech_windows, windows_of
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import AudioError, DeviceError, UsageError
from audio_emotion.core.types import Prediction
from audio_emotion.inference.batching import forward_ragged, utterance_logits
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import to_prediction
from tests.sounds import RATE, encoded, voice

LONG = np.concatenate([voice(5), np.zeros(6 * RATE, np.float32), voice(9, seed=1)])


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


def same(one: Prediction, other: Prediction) -> bool:
    """Whether two answers agree, but for the last bits of their scores."""
    assert list(one.scores) == list(other.scores)
    scores = np.abs(np.subtract(list(one.scores.values()), list(other.scores.values()))).max()
    return (one.start, one.end, one.n_windows) == (other.start, other.end, other.n_windows) and scores < 1e-5


def test_scores_are_probabilities(model: Model) -> None:
    said = model.predict(voice(4), RATE)
    assert sum(said.scores.values()) == pytest.approx(1)
    assert tuple(said.scores) == model.config.labels
    assert said.score == said.scores[said.label] == max(said.scores.values())
    assert (said.start, said.end, said.channel) == (0, 4, None)


def test_path_bytes_file_and_array_are_answered_alike(model: Model, tmp_path: Path) -> None:
    content = encoded(LONG, subtype="FLOAT")
    (tmp_path / "a.wav").write_bytes(content)
    answers = [
        model.predict(tmp_path / "a.wav"),
        model.predict(str(tmp_path / "a.wav")),
        model.predict(content),
        model.predict(io.BytesIO(content)),
        model.predict(LONG, RATE),
        model.predict(LONG[:, None].repeat(2, axis=1), RATE),
        model.predict_waveform(audio.load(content, RATE)),
    ]
    assert all(same(answers[0], other) for other in answers[1:])


def test_one_answer_is_the_mean_over_speech_windows(model: Model) -> None:
    windows = speech_windows(LONG, model.config.window_samples)
    assert 2 < len(windows) < len(windows_of(LONG, model.config.window_samples))
    (logits,) = utterance_logits(model.runtime.logits, [windows])
    assert logits is not None
    said = model.predict(LONG, RATE)
    assert said.n_windows == len(windows)
    expected = np.exp(logits.astype(float) / model.config.temperature)
    assert np.allclose(list(said.scores.values()), expected / expected.sum(), atol=1e-6)


def test_long_recordings_are_answered_as_short_ones(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(LONG, 16_000, "FLAC")
    short = model.predict(content)
    monkeypatch.setattr("audio_emotion.audio.windows._HELD_S", 1.0)
    assert same(model.predict(content), short)


def test_utterance_logits_keep_utterances_apart(model: Model) -> None:
    size = model.config.window_samples
    utterances = [windows_of(voice(seconds), size) for seconds in (2, 40, 4)]
    together = utterance_logits(model.runtime.logits, [utterances[0], np.empty((0, size), np.float32), *utterances[1:]])
    assert together[1] is None
    for windows, logits in zip(utterances, [together[0], *together[2:]], strict=True):
        (alone,) = utterance_logits(model.runtime.logits, [windows])
        assert alone is not None
        assert logits is not None
        assert np.abs(alone - logits).max() < 1e-4


def test_part_and_channel(model: Model) -> None:
    frames = np.stack([LONG, np.zeros_like(LONG)], axis=1)
    content = encoded(frames, subtype="FLOAT")
    for source, rate in ((content, None), (frames, RATE)):
        left, right = (model.predict(source, rate, part=AudioRegion(channel=channel)) for channel in (1, 2))
        assert (left.channel, right.channel) == (1, 2)
        assert same(left, model.predict(LONG, RATE))
        assert right.label == NO_SPEECH
        middle = model.predict(source, rate, part=AudioRegion(start=11, end=15, channel=1))
        assert (middle.start, middle.end) == (11, 15)
        assert np.allclose(
            list(middle.scores.values()),
            list(model.predict(LONG[11 * RATE : 15 * RATE], RATE).scores.values()),
            atol=1e-5,
        )


def test_no_speech_is_an_answer_and_the_gate_can_be_left_out(model: Model) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)
    for sound in (np.zeros(RATE), noise, voice(0.1)):
        said = model.predict(sound, RATE)
        assert (said.label, said.score, said.n_windows) == (NO_SPEECH, 0, 0)
        assert set(said.scores.values()) == {0.0}
        open_gate = model.predict(sound, RATE, gate=False)
        assert open_gate.label in model.config.labels
        assert open_gate.n_windows > 0


def test_arrays_need_a_rate(model: Model) -> None:
    with pytest.raises(TypeError, match="needs its sampling_rate"):
        model.predict(LONG)
    with pytest.raises(AudioError, match="states a sampling rate of 0 Hz"):
        model.predict(LONG, 0)


def test_a_failure_costs_no_other_file(model: Model, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(voice(2)))
    (tmp_path / "b.wav").write_text("no sound")
    (tmp_path / "c.flac").write_bytes(encoded(voice(3), file_format="FLAC"))
    for answers in (
        model.predict_folder(tmp_path),
        model.predict_files([tmp_path / n for n in ("a.wav", "b.wav", "c.flac")]),
    ):
        said = dict(answers)
        assert [path.name for path in said] == ["a.wav", "b.wav", "c.flac"]
        assert isinstance(said[tmp_path / "b.wav"], AudioError)
        last = said[tmp_path / "c.flac"]
        assert isinstance(last, Prediction)
        assert last.end == 3


def test_a_folder_without_recordings(model: Model, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(AudioError, match="not a folder with recordings"):
            model.predict_folder(folder)


def test_threads_share_a_model(model: Model) -> None:
    sounds = [voice(seconds, seed=seed) for seed, seconds in enumerate((1, 2, 3, 4, 5, 6, 7, 8))]
    alone = [model.predict(sound, RATE) for sound in sounds]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda sound: model.predict(sound, RATE), sounds * 3))
    assert all(same(one, other) for one, other in zip(alone * 3, together, strict=True))


def test_backends(model: Model) -> None:
    assert model.backend == "onnx-int8"
    exact, in_floats = load_model(device="cpu", backend="torch"), load_model(backend="onnx")
    assert in_floats.runtime.device == "cpu"
    one, other, small = (list(m.predict(LONG, RATE).scores.values()) for m in (exact, in_floats, model))
    assert np.allclose(one, other, atol=1e-4)
    assert 1e-4 < np.abs(np.subtract(one, small)).max() < 0.2
    with pytest.raises(UsageError, match="unknown backend 'tf'"):
        load_model(backend="tf")  # type: ignore[arg-type]
    with pytest.raises((UsageError, DeviceError)):
        load_model(device="cuda", backend="onnx-int8")


def test_the_cpu_path_imports_no_torch() -> None:
    program = """
import sys, numpy as np
from audio_emotion import TimelineConfig, load_model, timeline
model = load_model(device="cpu")
model.predict(np.random.default_rng(0).standard_normal(48_000), 16_000, gate=False)
list(timeline(model, np.zeros(99_000), 16_000, TimelineConfig(smooth="viterbi", merge=True)))
print(sorted({"torch", "librosa", "sklearn", "scipy", "matplotlib", "rich", "av", "numpy.ma"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.realdata
def test_training_and_use_see_the_same_windows(model: Model, recordings: Path) -> None:
    for path in sorted((recordings / "ravdess-speech" / "Actor_01").iterdir())[::15]:
        windows = speech_windows(audio.load(path, RATE).samples, model.config.window_samples)
        said = model.predict(path)
        assert same(
            said, to_prediction(forward_ragged(model.runtime.logits, [windows], 16)[0], model.config, 0, said.end)
        )
