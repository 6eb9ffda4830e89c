import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import DeviceError
from audio_emotion.core.types import Prediction
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.live import Block, LiveResult, Session, Waiting, WavFile, run
from audio_emotion.inference.live.devices import Form
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.inference.timeline import Stream, timeline
from tests.inference.live.fakes import Clock
from tests.sounds import RATE, voice

CONFIG = TimelineConfig(hop_s=0.5)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


class Heap:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.answers: list[LiveResult] = []
        self.waits: list[Waiting] = []
        self.n_moves = 0

    def on_result(self, heard: LiveResult) -> None:
        self.answers.append(heard)

    def moved(self, session: Session) -> None:
        self.n_moves += 1

    def waiting(self, waiting: Waiting) -> None:
        self.waits.append(waiting)


class Scripted:
    """A source that gives what it was told to, and then fails if it was told to."""

    name, form = "scripted", Form(RATE, 1)

    def __init__(self, events: Sequence[Block | Waiting], failure: Exception | None = None) -> None:
        self._events, self._failure = events, failure

    def blocks(self, stop: threading.Event) -> Iterator[Block | Waiting]:
        yield from self._events
        if self._failure:
            raise self._failure


def pcm(sound: np.ndarray) -> np.ndarray:
    return (sound * 32767).astype(np.int16)[:, None]


def blocks(frames: np.ndarray, began: float = 0.0) -> list[Block]:
    ends = range(320, len(frames) + 1, 320)
    return [Block(frames[end - 320 : end], began + end / RATE) for end in ends]


def test_a_session_says_what_infer_says_of_its_recording(model: Model, tmp_path: Path):
    frames = pcm(voice(6.02))
    parts = [
        *blocks(frames[: 3 * RATE]),
        Waiting(1.0, 30.0),
        *[Block(frames[3 * RATE :][:320], n_lost=2 * RATE), *blocks(frames[3 * RATE + 320 :])],
    ]
    heap, session = Heap(), Session(Stream(model, RATE, CONFIG))
    with WavFile(tmp_path / "s.wav", Form(RATE, 1)) as record:
        run(Scripted(parts), session, [heap], threading.Event(), record)
    recorded = soundfile.read(tmp_path / "s.wav", dtype="int16", always_2d=True)[0]
    assert np.array_equal(recorded, np.concatenate([frames[: 3 * RATE], np.zeros((2 * RATE, 1)), frames[3 * RATE :]]))
    expected = list(timeline(model, tmp_path / "s.wav", config=CONFIG))
    assert [(said.start, said.end, said.label) for said in map(said_by, heap.answers)] == [
        (said.start, said.end, said.label) for said in expected
    ]
    difference = [
        abs(one.scores[label] - other.scores[label])
        for one, other in zip(map(said_by, heap.answers), expected, strict=True)
        for label in one.scores
    ]
    assert max(difference) < 1e-4
    assert heap.waits == [Waiting(1.0, 30.0)]
    assert heap.n_moves == len(parts) - 1
    assert session.summary().lost_s == 2.0


def said_by(heard: LiveResult) -> Prediction:
    return heard.prediction


def test_latency_counts_from_the_end_of_the_window(model: Model):
    clock = Clock()
    session = Session(Stream(model, RATE, CONFIG), clock)
    found = [heard for block in blocks(pcm(voice(4.1)), 100.0) for heard in session.take(block)]
    assert [heard.ended_at for heard in found] == pytest.approx([103.0, 103.5, 104.0], abs=1e-3)
    for heard, late in zip(found, (0.05, 0.15, 0.06), strict=True):
        assert heard.ended_at is not None
        clock.now = heard.ended_at + late
        session.note(heard)
    summary = session.summary()
    assert summary.latency_s(0.5) == pytest.approx(0.06)
    assert summary.latency_s(1.0) == pytest.approx(0.15)
    assert [heard.ended_at for heard in session.finish()] == [None]


def test_the_summary_shares_the_time_out(model: Model):
    sound = np.concatenate([voice(5), np.zeros(5 * RATE, np.float32)])
    session, heap = Session(Stream(model, RATE, CONFIG)), Heap()
    events = blocks(pcm(sound))
    events[3] = Block(events[3].frames, overflowed=True)
    run(Scripted(events), session, [heap], threading.Event())
    summary = session.summary()
    expected = (
        sum(one.prediction.end - one.prediction.start for one in heap.answers if one.prediction.label == NO_SPEECH) / 10
    )
    assert 0 < expected < 1
    assert summary.shares[NO_SPEECH] == pytest.approx(expected)
    assert sum(summary.shares.values()) == pytest.approx(1)
    assert list(summary.shares.values()) == sorted(summary.shares.values(), reverse=True)
    assert (summary.n_answers, summary.seconds, summary.n_overflows) == (len(heap.answers), 10.0, 1)


def test_nothing_heard_is_no_error(model: Model):
    session = Session(Stream(model, RATE, CONFIG))
    run(Scripted([]), session, [Heap()], threading.Event())
    assert (session.summary().shares, session.summary().latency_s(0.5)) == ({}, None)


def test_a_source_that_fails_loses_no_answer(model: Model):
    session, heap = Session(Stream(model, RATE, CONFIG)), Heap()
    with pytest.raises(DeviceError, match="gone"):
        run(Scripted(blocks(pcm(voice(4))), DeviceError("gone")), session, [heap], threading.Event())
    assert heap.answers[-1].prediction.end == 4.0


def test_the_level_is_the_last_blocks(model: Model):
    session = Session(Stream(model, RATE, CONFIG))
    list(session.take(Block(np.full((320, 2), 3277, np.int16))))
    assert session.level_db == -20.0
    list(session.take(Block(np.zeros((320, 1), np.int16))))
    assert session.level_db == -96.0


def test_channels_out_of_phase_are_noted_at_the_end(model: Model):
    frames = pcm(voice(4))
    session, heap = Session(Stream(model, RATE, CONFIG)), Heap()
    run(Scripted(blocks(np.concatenate([frames, -frames], axis=1))), session, [heap], threading.Event())
    assert session.notes == ("the channels are out of phase, so channel 1 was used instead of their mix",)
    assert any(one.prediction.label != NO_SPEECH for one in heap.answers)
