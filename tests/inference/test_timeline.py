import io
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_emotion.audio.region import AudioRegion
from audio_emotion.audio.windows import frame, pad
from audio_emotion.core.emotions import NO_SPEECH, UNKNOWN
from audio_emotion.core.errors import AudioError, UsageError
from audio_emotion.core.types import Prediction
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import overall
from audio_emotion.inference.timeline import Stream, timeline
from tests.sounds import RATE, encoded, voice

QUIET = np.zeros(4 * RATE, np.float32)
TALK = np.concatenate([voice(9), QUIET, voice(5.3, seed=2)])


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


def whole(model: Model, sound: np.ndarray, **settings: object) -> list[Prediction]:
    return list(timeline(model, sound, RATE, TimelineConfig(**settings)))  # type: ignore[arg-type]


def scores(said: Sequence[Prediction]) -> np.ndarray:
    return np.array([list(one.scores.values()) for one in said])


def agree(one: Sequence[Prediction], other: Sequence[Prediction]) -> None:
    times = [[(round(p.start, 6), round(p.end, 6), p.n_windows) for p in answers] for answers in (one, other)]
    assert times[0] == times[1]
    assert np.abs(scores(one) - scores(other)).max() < 1e-5


# --- windows and segments ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.01, 1, 2.9, 3, 3.0001, 4, 4.5, 10, 10.01])
@pytest.mark.parametrize(("window_s", "hop_s"), [(None, 1.0), (3.0, 3.0), (1.0, 0.5), (5.0, 2.0), (0.7, 0.3)])
def test_segments_tile_the_sound(model: Model, seconds: float, window_s: float | None, hop_s: float) -> None:
    found = whole(model, np.zeros(round(seconds * RATE)), window_s=window_s, hop_s=hop_s)
    assert found[0].start == 0
    assert found[-1].end == round(seconds * RATE) / RATE
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(one.end > one.start for one in found)
    window = window_s or 3.0
    assert len(found) == 1 + max(0, int(np.ceil(round((seconds - window) / hop_s, 6))))
    assert all(one.end - one.start == pytest.approx(hop_s, abs=1e-4) for one in found[1:-1])


def test_each_answer_is_its_windows(model: Model) -> None:
    sound = voice(7.4)
    found = whole(model, sound)
    pieces = [sound[start * RATE : (start + 3) * RATE] for start in range(6)]
    padded = np.stack([pad(piece, 3 * RATE) for piece in pieces])
    logits = model.runtime.logits(padded).astype(float) / model.config.temperature
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert len(found) == len(pieces)
    assert np.abs(scores(found) - expected).max() < 1e-5
    assert not padded[5, : round(0.3 * RATE)].any()  # the last one holds 2.4 s, in its middle


def test_a_window_longer_than_the_models_is_a_mean(model: Model) -> None:
    found = whole(model, voice(6), window_s=6, hop_s=6)
    logits = model.runtime.logits(frame(voice(6), 3 * RATE)).mean(axis=0) / model.config.temperature
    assert found[0].n_windows == 3
    assert np.allclose(scores(found)[0], np.exp(logits) / np.exp(logits).sum(), atol=1e-5)


def test_a_window_shorter_than_the_models_is_padded(model: Model) -> None:
    found = whole(model, voice(3), window_s=1.5, hop_s=1.5)
    logits = model.runtime.logits(pad(voice(3)[:24_000], 48_000)[None])[0] / model.config.temperature
    assert np.allclose(scores(found)[0], np.exp(logits) / np.exp(logits).sum(), atol=1e-5)


def test_pauses_are_no_speech_unless_the_gate_is_open(model: Model) -> None:
    labels = {(one.start, one.label == NO_SPEECH) for one in whole(model, TALK)}
    assert (10, True) in labels
    assert (4, False) in labels
    assert (15, False) in labels
    assert NO_SPEECH not in {one.label for one in whole(model, TALK, gate=False)}


def test_files_parts_and_channels(model: Model, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(np.stack([QUIET[: RATE * 3], voice(3)], axis=1), subtype="FLOAT"))
    (tmp_path / "b.wav").write_bytes(encoded(TALK, subtype="FLOAT"))
    agree(list(timeline(model, tmp_path / "b.wav")), whole(model, TALK))
    agree(list(timeline(model, (tmp_path / "b.wav").read_bytes())), whole(model, TALK))
    late = list(timeline(model, tmp_path / "b.wav", part=AudioRegion(start=13.5)))
    assert late[0].start == 13.5
    agree([replace(one, start=one.start - 13.5, end=one.end - 13.5) for one in late], whole(model, TALK[216_000:]))
    one, other = (next(timeline(model, tmp_path / "a.wav", part=AudioRegion(channel=channel))) for channel in (1, 2))
    assert (one.channel, one.label, other.channel) == (1, NO_SPEECH, 2)
    assert other.label != NO_SPEECH


def test_segments_come_before_the_file_is_read(model: Model) -> None:
    class Counted(io.BytesIO):
        n_read = 0

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            n = super().readinto(buffer)
            Counted.n_read += n
            return n

    file = Counted(encoded(np.zeros(RATE * 600)))
    next(timeline(model, file))
    assert Counted.n_read < len(file.getvalue()) / 3


def test_errors_come_at_once_or_where_they_are(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a hop of at most the window"):
        timeline(model, TALK, RATE, TimelineConfig(window_s=0.5))
    with pytest.raises(AudioError, match="no such file"):
        next(timeline(model, tmp_path / "absent.wav"))
    broken = np.concatenate([np.zeros(60 * RATE), [np.nan]])
    found = timeline(model, encoded(broken, subtype="FLOAT"))
    assert next(found).label == NO_SPEECH
    with pytest.raises(AudioError, match="NaN"):
        list(found)


@pytest.mark.parametrize(
    "settings",
    [
        {"window_s": 0},
        {"hop_s": -1},
        {"hop_s": float("nan")},
        {"min_confidence": 1.5},
        {"smooth": "mean"},
        {"min_duration_s": -1},
    ],
)
def test_settings_out_of_range(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings))):
        TimelineConfig(**settings)  # type: ignore[arg-type]


# --- a stream ---------------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 150_000), min_size=1, max_size=12),
    st.sampled_from([None, "median", "viterbi"]),
    st.booleans(),
)
def test_a_stream_equals_the_timeline(sizes: list[int], smooth: str | None, merge: bool) -> None:
    model = load_model(device="cpu")
    config = TimelineConfig(smooth=smooth, merge=merge)  # type: ignore[arg-type]
    stream = Stream(model, RATE, config)
    borders = np.cumsum(sizes)
    found = [one for chunk in np.split(TALK, borders[borders < len(TALK)]) for one in stream.push(chunk)]
    agree(found + stream.flush(), list(timeline(model, TALK, RATE, config)))


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_a_stream_of_another_rate_equals_the_timeline_of_its_file(model: Model, rate: int) -> None:
    pcm = np.round(np.stack([voice(7, rate), voice(7, rate, seed=3)], axis=1) * 32767).astype(np.int16)
    stream = Stream(model, rate)
    found = [one for start in range(0, len(pcm), 441) for one in stream.push(pcm[start : start + 441])]
    agree(found + stream.flush(), list(timeline(model, encoded(pcm, rate))))


def test_a_streams_state(model: Model) -> None:
    stream = Stream(model, RATE, start=100.0)
    assert (stream.position, stream.answered) == (100, 100)
    assert stream.push(TALK[: 3 * RATE]) == []
    (first,) = stream.push(TALK[3 * RATE : 3 * RATE + 160])
    assert (first.start, first.end) == (100, 102)
    assert (stream.position, stream.answered) == (103.01, 102)
    with pytest.raises(AudioError, match="NaN"):
        stream.push(np.array([np.nan]))
    assert stream.position == 103.01
    stream.reset()
    assert (stream.position, stream.answered) == (100, 100)
    again = stream.push(TALK) + stream.flush()
    agree([replace(one, start=one.start - 100, end=one.end - 100) for one in again], whole(model, TALK))
    assert stream.position == 100
    assert stream.flush() == []


# --- settings, and the whole ------------------------------------------------------------------------------------------


def test_the_settings_reach_the_answers(model: Model) -> None:
    merged = whole(model, TALK, merge=True)
    assert [one.label for one in merged].count(NO_SPEECH) == 1
    assert whole(model, TALK, min_duration_s=4) == [one for one in merged if one.end - one.start >= 4]
    assert {one.label for one in whole(model, TALK, min_confidence=1)} == {UNKNOWN, NO_SPEECH}


def test_one_answer_above_a_timeline_is_the_mean_of_its_speech_by_duration() -> None:
    config = load_model(device="cpu").config
    sure, unsure = (dict.fromkeys(config.labels, rest) | {"sad": share} for share, rest in ((0.93, 0.01), (0.3, 0.1)))
    segments = [
        Prediction(0, 3, "sad", 0.93, sure),
        Prediction(3, 4, "sad", 0.3, unsure),
        Prediction(4, 9, NO_SPEECH, 0.0, dict.fromkeys(config.labels, 0.0), 0),
    ]
    whole = overall(segments, config)
    assert (whole.start, whole.end, whole.label) == (0, 9, "sad")
    assert whole.score == pytest.approx((3 * 0.93 + 0.3) / 4)
    assert sum(whole.scores.values()) == pytest.approx(1)
    assert overall(segments[2:], config).label == NO_SPEECH
    assert overall([], config).label == NO_SPEECH


# --- long recordings --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX file system")
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """The most memory a process needs for ten minutes, and for five hours of silence in a sparse file."""
    program = """
import resource, sys
from audio_emotion import load_model, timeline
n = sum(1 for _ in timeline(load_model(device="cpu"), sys.argv[1]))
print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for seconds in (600, 18_000):
        path = tmp_path / f"{seconds}.wav"
        with path.open("wb") as file:
            file.write(encoded(np.zeros(0)))
            file.truncate(44 + 2 * RATE * seconds)
        header = bytearray(path.open("rb").read(44))
        header[40:44] = (2 * RATE * seconds).to_bytes(4, "little")
        with path.open("r+b") as file:
            file.write(header)
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, env=os.environ
        )
        n_segments, kilobytes = map(int, done.stdout.split())
        assert n_segments == seconds - 2
        peaks.append(kilobytes / 1024)
    assert peaks[1] < peaks[0] + 20
