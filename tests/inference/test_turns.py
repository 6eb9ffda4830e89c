"""Turns of a conversation, each from its own channel."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.audio.region import AudioRegion
from audio_emotion.audio.segments import Segment
from audio_emotion.core.emotions import NO_SPEECH, UNKNOWN
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import Turn
from audio_emotion.inference import turns
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import overall
from audio_emotion.inference.turns import score_turns, shared_names
from tests.conftest import ROOT
from tests.sounds import RATE, encoded, voice

SAMPLES = ROOT / "inference" / "samples"


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two channels, 9 s: a calm voice on the first, an angry one on the second from 4 s on."""
    calm, angry = (soundfile.read(SAMPLES / f"{name}.wav")[0][: 4 * 16_000] for name in ("calm", "angry"))
    sound = np.zeros((9 * 16_000, 2))
    sound[: len(calm), 0] = calm
    sound[4 * 16_000 : 4 * 16_000 + len(angry), 1] = angry
    path = tmp_path_factory.mktemp("call") / "call.wav"
    soundfile.write(path, sound, 16_000)
    return path


def agree(turn: Turn, expected: object) -> None:
    assert {k: pytest.approx(v, abs=1e-6) for k, v in turn.scores.items()} == expected.scores
    assert (turn.start, turn.end, turn.label) == (expected.start, expected.end, expected.label)


def test_a_turn_is_answered_from_its_own_channel(model: Model, call: Path) -> None:
    given = [Segment(4, 8, "bob", "No!", 2), Segment(0, 3.5, "ann", "Hello.", 1), Segment(0, 3.5)]
    found = list(score_turns(model, call, given))
    assert [(turn.speaker, turn.text, turn.channel) for turn in found] == [
        ("ann", "Hello.", 1),
        ("", "", None),
        ("bob", "No!", 2),
    ]
    for turn in found:
        agree(turn, model.predict(call, part=AudioRegion(turn.start, turn.end, turn.channel)))
    assert [turn.overlap_s for turn in found] == [3.5, 3.5, 0]
    assert overall(found, model.config).label in model.config.labels


def test_turns_of_one_channel_are_answered_as_recordings(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = np.concatenate([voice(9), np.zeros(4 * RATE, np.float32), voice(5.3, seed=2)])
    content = encoded(talk, subtype="FLOAT")
    given = [Segment(13.2, 17.5, "ann"), Segment(0.5, 6, "bob"), Segment(2, 3), Segment(9.5, 12.5), Segment(17, 99)]
    found = list(score_turns(model, content, given))
    assert [turn.start for turn in found] == [0.5, 2, 9.5, 13.2, 17]
    for turn in found:
        agree(turn, model.predict(content, part=AudioRegion(turn.start, turn.end)))
    assert found[2].label == NO_SPEECH
    assert found[-1].end == 18.3
    monkeypatch.setattr(turns, "MAX_IN_MEMORY_S", 4.0)
    for turn, expected in zip(score_turns(model, content, given), found, strict=True):
        agree(turn, expected)


def test_a_channel_that_is_not_there_is_answered_from_the_mix(model: Model, call: Path) -> None:
    (turn,) = score_turns(model, call, [Segment(4, 7, "eve", "", 3)])
    assert turn.channel is None
    agree(turn, model.predict(call, part=AudioRegion(4, 7)))


def test_a_named_channel_leaves_out_the_turns_of_others(model: Model, call: Path) -> None:
    given = [Segment(0, 3, "ann", "", 1), Segment(4, 7, "bob", "", 2), Segment(4, 7)]
    found = list(score_turns(model, call, given, part=AudioRegion(channel=2)))
    assert [(turn.speaker, turn.channel) for turn in found] == [("bob", 2), ("", 2)]


def test_a_long_turn_has_a_timeline_in_the_recordings_time(
    model: Model, call: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [Segment(0.5, 3.4, channel=1), Segment(2, 8.5, channel=2)]
    short, long = score_turns(model, call, given)
    assert short.timeline == ()
    assert (long.timeline[0].start, long.timeline[-1].end) == (2, 8.5)
    assert [part.start for part in long.timeline[1:]] == [part.end for part in long.timeline[:-1]]
    monkeypatch.setattr(turns, "MAX_IN_MEMORY_S", 4.0)
    _, alone = score_turns(model, call, given)
    agree(alone, long)
    assert [(p.start, p.end, p.label) for p in alone.timeline] == [(p.start, p.end, p.label) for p in long.timeline]


def test_min_confidence_counts(model: Model, call: Path) -> None:
    (turn,) = score_turns(model, call, [Segment(0, 3)], TimelineConfig(min_confidence=1))
    assert turn.label == UNKNOWN


@pytest.mark.parametrize("limit", [600.0, 0.5])
def test_segments_behind_the_end_are_reported_after_the_others(
    model: Model, call: Path, monkeypatch: pytest.MonkeyPatch, limit: float
) -> None:
    monkeypatch.setattr(turns, "MAX_IN_MEMORY_S", limit)
    given = [Segment(20, 21, channel=1), Segment(8, 99, "bob", channel=2), Segment(30, 31), Segment(1, 3, channel=1)]
    found = score_turns(model, call, given, name="call")
    assert [(turn.start, turn.end) for turn in (next(found), next(found))] == [(1, 3), (8, 9)]
    with pytest.raises(AudioError, match=r"call: the segment from 20 to 21 s \(and 1 more\) starts after the end"):
        next(found)


def test_a_file_object_is_read_by_one_channel_at_a_time(model: Model, call: Path) -> None:
    given = [Segment(0.25 * n, 0.25 * n + 1, channel=1 + n % 2) for n in range(20)]
    content = call.read_bytes()
    expected = [(turn.start, turn.scores) for turn in score_turns(model, content, given)]
    assert [(turn.start, turn.scores) for turn in score_turns(model, io.BytesIO(content), given)] == expected


def test_one_name_on_two_channels() -> None:
    given = [Segment(0, 1, "A", "", 1), Segment(0, 1, "A", "", 2), Segment(0, 1, "B", "", 1), Segment(1, 2, "B")]
    assert shared_names(given) == ["A"]
