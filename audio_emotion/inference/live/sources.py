"""Sources of live sound: a microphone, or a file that is played in real time."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from audio_emotion.core.errors import DeviceError, UsageError
from audio_emotion.inference.live.devices import (
    BLOCK_S,
    Capture,
    Device,
    Form,
    Inputs,
    Int16Array,
    again,
    channel_counts,
    choose,
)
from audio_emotion.inference.model import Model

HELD_S = 30.0
"""Seconds of sound that the queue holds at most. What arrives while it is full is lost, and counted."""

STALL_S = 2.0
"""A device that delivers nothing for so long counts as gone, even if the system reports it as active."""

_TRY_S = 0.5  # from one attempt at a device that is gone to the next
_PIECE_S = 1.0  # of a file that is not played in real time

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of sound.

    Attributes:
        frames: (n_frames,) or (n_frames, n_channels), floats with full scale at ±1 or integers.
        ended_at: when its last frame was recorded, in the clock's seconds; None: it comes from a file.
        n_lost: frames that were lost before it, to be replaced by silence.
        overflowed: whether the system lost an unknown amount of sound before it.
    """

    frames: npt.NDArray[Any]
    ended_at: float | None = None
    n_lost: int = 0
    overflowed: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """The device is gone, and may come back.

    Attributes:
        waited_s: seconds since its last sound.
        limit_s: seconds after which the session ends.
    """

    waited_s: float
    limit_s: float


class LiveSource(Protocol):
    """A source of sound; ``form`` is that of its frames."""

    name: str
    form: Form

    def blocks(self, stop: threading.Event) -> Iterator[Block | Waiting]:
        """Yield blocks until the source ends or ``stop`` is set, and then those that are still in the queue."""
        ...


class _Converter:
    """Frames of a device in its present form → frames in the session's form."""

    def __init__(self, present: Form, session: Form, channel: int | None) -> None:
        self._channel, self._n_channels = channel, session.n_channels
        self.ratio = session.sampling_rate / present.sampling_rate
        self._resampler = None
        if self.ratio != 1:
            import soxr

            self._resampler = soxr.ResampleStream(
                present.sampling_rate, session.sampling_rate, session.n_channels, dtype="int16"
            )

    def push(self, frames: Int16Array) -> Int16Array:
        """Return what is ready once (n_frames, n_channels) came, (n, n_channels) of the session."""
        if self._channel is not None:
            frames = frames[:, self._channel - 1 : self._channel]
        elif frames.shape[1] != self._n_channels:
            frames = np.repeat(frames.mean(axis=1, keepdims=True).astype(np.int16), self._n_channels, axis=1)
        if self._resampler is None:
            return frames
        return np.asarray(self._resampler.resample_chunk(np.ascontiguousarray(frames))).reshape(-1, self._n_channels)


class Microphone:
    """An input device; one that is unplugged is waited for.

    It may come back under another number, or with another rate, as a headset does when it changes from music to
    calls: its sound is then converted to the rate of the session.

    Args:
        inputs: the devices.
        wanted: number, name, or part of a name of the device; None: the system's default.
        wait_s: seconds to wait for a device that is gone.
        channel: the only one that is used, counted from 1; None: all.
        clock: tells the time in seconds.

    Attributes:
        name: the device's.
        form: rate and channels of the blocks.

    Raises:
        DeviceError: there is no such device, it has no such channel, or it cannot be opened.
        UsageError: the time to wait is below 0, or the channel below 1.
    """

    def __init__(
        self,
        inputs: Inputs,
        wanted: str | None = None,
        wait_s: float = 30.0,
        channel: int | None = None,
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        if not wait_s >= 0:
            raise UsageError(f"the time to wait for a device is {wait_s:g} s, expected 0 or more")
        if channel is not None and channel < 1:
            raise UsageError(f"the channel is {channel}; they are counted from 1")
        self._inputs, self._wanted, self._wait_s, self._clock = inputs, wanted, wait_s, clock
        self._channel = channel
        self._queue: SimpleQueue[Block] = SimpleQueue()
        self._n_dropped = 0  # frames that found the queue full
        device = choose(inputs.devices(), wanted)
        self.name = device.name
        self._capture: Capture = self._open(device)
        present = self._capture.form
        self.form = present if channel is None else Form(present.sampling_rate, 1)
        self._converter = _Converter(present, self.form, channel)

    def _open(self, device: Device) -> Capture:
        """Open a device in a form of its own, with the channel that is wanted."""
        if self._channel is None:
            return self._inputs.open(device, self._take)
        problem = DeviceError(
            f"has {device.n_channels} channel(s), and channel {self._channel} was requested", subject=f"{device.name}"
        )
        for n_channels in channel_counts(device, self._channel):
            try:
                return self._inputs.open(device, self._take, Form(device.sampling_rate, n_channels))
            except DeviceError as error:
                problem = error
        raise problem

    def _take(self, frames: Int16Array, age_s: float, overflowed: bool) -> None:
        """Copy a block into the queue. PortAudio's thread calls this: it must not wait for anything."""
        if self._queue.qsize() >= HELD_S / BLOCK_S:
            self._n_dropped += len(frames)
            return
        self._queue.put(Block(frames.copy(), self._clock() - age_s, self._n_dropped, overflowed))
        self._n_dropped = 0

    def blocks(self, stop: threading.Event) -> Iterator[Block | Waiting]:
        """Yield blocks; once the device is gone, :class:`Waiting` until it is back, and what is missing as lost.

        Raises:
            DeviceError: it did not come back in time.
        """
        try:
            yield from self._while_open(stop)
        finally:
            self._capture.close()
        while not self._queue.empty():
            yield self._converted(self._queue.get())

    def _converted(self, block: Block) -> Block:
        n_lost = round(block.n_lost * self._converter.ratio)
        return replace(block, frames=self._converter.push(block.frames), n_lost=n_lost)

    def _while_open(self, stop: threading.Event) -> Iterator[Block | Waiting]:
        last_s = since_s = self._clock()  # the end of the last block; since when nothing has arrived
        is_back = False
        while not stop.is_set():
            try:
                block = self._queue.get(timeout=0.1)
            except Empty:
                if not self._capture.is_active() or self._clock() - since_s > STALL_S:
                    yield from self._reopen(stop, last_s)
                    since_s, is_back = self._clock(), True
                continue
            block = self._converted(block)
            ended_s = block.ended_at or last_s
            if is_back:
                # last block |======|      away      |====== first block that is back
                #                   ^ last_s                ^ ended_s
                missing = (ended_s - last_s) * self.form.sampling_rate - len(block.frames)
                block, is_back = replace(block, n_lost=max(0, round(missing))), False
            last_s, since_s = ended_s, self._clock()
            yield block

    def _reopen(self, stop: threading.Event, last_s: float) -> Iterator[Waiting]:
        """Wait for the device, and open it again, in the same form if it can."""
        self._capture.close()
        while not stop.is_set():
            waited_s = self._clock() - last_s
            if waited_s > self._wait_s:
                raise DeviceError(
                    f"the device is gone, and did not come back within {self._wait_s:g} s",
                    subject=f"{self.name}",
                    hint="connect it and start again, or wait longer with --wait",
                )
            yield Waiting(waited_s, self._wait_s)
            stop.wait(_TRY_S)
            try:
                self._inputs.look_again()
                devices = self._inputs.devices()
                device = again(devices, self._wanted, self.name) if self._wanted else choose(devices, None)
                self._capture = self._open_again(device)
                self._converter = _Converter(self._capture.form, self.form, self._channel)
                return
            except DeviceError:
                continue

    def _open_again(self, device: Device) -> Capture:
        try:
            return self._inputs.open(device, self._take, self._capture.form)
        except DeviceError:
            return self._open(device)


class PlayedFile:
    """A recording, as fast as it can be processed or, with ``realtime``, at the speed of speech.

    Attributes:
        name: the file's.
        form: the model's rate, one channel: the file is decoded as ``infer`` does it.
    """

    def __init__(self, path: Path, model: Model, realtime: bool = False, *, clock: Clock = time.monotonic) -> None:
        self.name, self.form = str(path), Form(model.config.sampling_rate, 1)
        self._read, self._realtime, self._clock = model.reader(path, None), realtime, clock

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        """Yield the recording. Raises :class:`~audio_emotion.core.errors.AudioError` where it cannot be decoded."""
        began, n_samples = self._clock(), 0
        piece = round((BLOCK_S if self._realtime else _PIECE_S) * self.form.sampling_rate)
        for samples in self._read():
            for start in range(0, len(samples), piece):
                n_samples += len(samples[start : start + piece])
                ended_at = began + n_samples / self.form.sampling_rate
                if self._realtime:
                    stop.wait(max(0.0, ended_at - self._clock()))
                if stop.is_set():
                    return
                yield Block(samples[start : start + piece], ended_at if self._realtime else None)
