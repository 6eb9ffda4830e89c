import threading
import time
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.core.errors import AudioError, DeviceError, UsageError
from audio_emotion.inference.live import Block, Device, Microphone, PlayedFile, Waiting, sources
from audio_emotion.inference.live.devices import Form
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from tests.inference.live.fakes import BLOCK, BUILT_IN, HEADSET, RATE, Clock, FakeInputs, sound
from tests.sounds import encoded, voice


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(sources, "_TRY_S", 0.001)
    return Clock()


def test_what_is_said_is_given(clock: Clock):
    inputs = FakeInputs(clock)
    microphone = Microphone(inputs, clock=clock)
    assert (microphone.name, microphone.form) == ("USB headset", Form(RATE, 1))
    said, stop = sound(5), threading.Event()
    inputs.say(said)
    blocks = microphone.blocks(stop)
    first = next(blocks)
    assert isinstance(first, Block)
    assert first.ended_at == pytest.approx(100 + BLOCK / RATE)
    stop.set()  # what was heard before is still given
    rest = [block.frames for block in blocks if isinstance(block, Block)]
    assert np.array_equal(np.concatenate([first.frames, *rest]), said)
    assert inputs._active is None  # closed


def test_an_overflow_is_told(clock: Clock):
    inputs = FakeInputs(clock)
    microphone = Microphone(inputs, clock=clock)
    inputs.say(sound(3), overflowed=True)
    stop = threading.Event()
    stop.set()
    assert [block.overflowed for block in microphone.blocks(stop)] == [True, False, False]  # type: ignore[union-attr]


def test_what_waits_is_bounded_and_what_is_lost_is_counted(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sources, "HELD_S", 0.1)
    inputs = FakeInputs(clock)
    microphone = Microphone(inputs, clock=clock)
    inputs.say(sound(8))
    blocks = microphone.blocks(threading.Event())
    found = [next(blocks) for _ in range(5)]
    inputs.say(sound(1))
    found.append(next(blocks))
    assert [block.n_lost for block in found] == [0, 0, 0, 0, 0, 3 * BLOCK]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "device",
    [
        Device(9, HEADSET.name, 1, RATE),
        Device(HEADSET.number, HEADSET.name + " (hw:2,0)", 1, RATE),
        Device(HEADSET.number, HEADSET.name, 1, 8_000),
        Device(HEADSET.number, HEADSET.name, 1, 48_000),
        Device(9, HEADSET.name + " (hw:2,0)", 2, 44_100),
    ],
)
@pytest.mark.parametrize("wanted", ["headset", "3", HEADSET.name])
def test_a_device_may_come_back_under_another_number_or_rate(clock: Clock, device: Device, wanted: str):
    inputs = FakeInputs(clock, BUILT_IN, HEADSET)
    microphone = Microphone(inputs, wanted, wait_s=10, clock=clock)
    stop = threading.Event()
    blocks = microphone.blocks(stop)
    inputs.say(sound(1))
    next(blocks)
    inputs.unplug()
    assert isinstance(next(blocks), Waiting)
    inputs.plugged = [BUILT_IN, device]
    n_frames = device.sampling_rate
    tone = (9000 * np.sin(2 * np.pi * 200 * np.arange(n_frames) / n_frames)).astype(np.int16)[:, None]
    inputs.says_when_opened = [tone]
    found = [next(blocks)]
    stop.set()
    found.extend(blocks)
    frames = np.concatenate([block.frames for block in found if isinstance(block, Block)])
    assert microphone.form == Form(RATE, 1)
    assert frames.dtype == np.int16
    assert frames.shape == (pytest.approx(RATE, abs=1100), 1)  # a resampler holds some back
    assert np.abs(np.fft.rfft(frames[2000:10_000, 0])).argmax() == 100  # 200 Hz


def test_one_channel_of_several(clock: Clock):
    inputs = FakeInputs(clock, Device(0, "array", 6, RATE, is_default=True))
    microphone, stop = Microphone(inputs, channel=5, clock=clock), threading.Event()
    assert microphone.form == Form(RATE, 1)
    frames = np.repeat(sound(2), 6, axis=1) // np.arange(1, 7, dtype=np.int16)
    inputs.say(frames)
    stop.set()
    found = [block.frames for block in microphone.blocks(stop) if isinstance(block, Block)]
    assert np.array_equal(np.concatenate(found), frames[:, 4:5])
    with pytest.raises(UsageError, match="counted from 1"):
        Microphone(inputs, channel=0)


@pytest.mark.parametrize("wanted", [None, "headset"])
def test_a_device_that_is_unplugged_is_waited_for(clock: Clock, wanted: str | None):
    inputs = FakeInputs(clock, BUILT_IN, HEADSET)
    microphone = Microphone(inputs, wanted, wait_s=10, clock=clock)
    blocks = microphone.blocks(threading.Event())
    inputs.say(sound(2))
    assert [next(blocks), next(blocks)]
    inputs.unplug()
    clock.now += 1
    waiting = next(blocks)
    assert waiting == Waiting(pytest.approx(1), 10)
    clock.now += 3
    assert isinstance(next(blocks), Waiting)
    inputs.plugged = [BUILT_IN, HEADSET]
    inputs.says_when_opened = [sound(2, seed=1)]
    back = next(blocks)
    assert isinstance(back, Block)
    assert back.n_lost == 4 * RATE
    assert np.array_equal(back.frames, sound(2, seed=1)[:BLOCK])
    following = next(blocks)
    assert isinstance(following, Block)
    assert following.n_lost == 0
    assert inputs.opened == [HEADSET, HEADSET]


def test_a_device_that_stays_away_is_reported(clock: Clock):
    inputs = FakeInputs(clock)
    microphone = Microphone(inputs, wait_s=5, clock=clock)
    blocks = microphone.blocks(threading.Event())
    inputs.unplug()
    assert isinstance(next(blocks), Waiting)
    clock.now += 5.1
    with pytest.raises(DeviceError, match="USB headset: the device is gone, and did not come back within 5 s"):
        next(blocks)


def test_a_device_that_falls_silent_counts_as_gone(clock: Clock):
    inputs = FakeInputs(clock)  # says that it is active all the while
    microphone = Microphone(inputs, wait_s=5, clock=clock)
    blocks = microphone.blocks(threading.Event())
    inputs.say(sound(1))
    next(blocks)
    clock.now += sources.STALL_S + 0.1
    assert isinstance(next(blocks), Waiting)


def test_stopping_while_the_device_is_gone_ends(clock: Clock):
    inputs, stop = FakeInputs(clock), threading.Event()
    blocks = Microphone(inputs, clock=clock).blocks(stop)
    inputs.unplug()
    next(blocks)
    stop.set()
    assert list(blocks) == []


def test_no_device_is_an_error_at_once(clock: Clock):
    with pytest.raises(DeviceError, match="unknown input device 'other'"):
        Microphone(FakeInputs(clock), "other")
    with pytest.raises(UsageError, match="expected 0 or more"):
        Microphone(FakeInputs(clock), wait_s=-1)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


def test_a_file_is_given_as_infer_reads_it(model: Model, tmp_path: Path):
    stereo = np.stack([voice(2.5, 44_100), voice(2.5, 44_100, seed=1)], axis=1)
    (tmp_path / "a.wav").write_bytes(encoded(stereo, 44_100))
    blocks = list(PlayedFile(tmp_path / "a.wav", model).blocks(threading.Event()))
    assert {block.ended_at for block in blocks} == {None}
    found = np.concatenate([block.frames for block in blocks])
    assert np.array_equal(found, np.concatenate(list(model.reader(tmp_path / "a.wav", None)())))
    with pytest.raises(AudioError, match="no such file"):
        list(PlayedFile(tmp_path / "absent.wav", model).blocks(threading.Event()))


def test_a_file_is_played_as_if_spoken(model: Model, tmp_path: Path):
    (tmp_path / "a.wav").write_bytes(encoded(voice(0.5)))
    played = PlayedFile(tmp_path / "a.wav", model, realtime=True)
    began = time.monotonic()
    moments = [(time.monotonic(), block.ended_at) for block in played.blocks(threading.Event())]
    assert len(moments) == 25
    assert moments[-1][1] == pytest.approx(began + 0.5, abs=0.1)
    assert all(given >= (ended or 0) for given, ended in moments)  # never before it was spoken
    stop = threading.Event()
    stop.set()
    assert list(played.blocks(stop)) == []
