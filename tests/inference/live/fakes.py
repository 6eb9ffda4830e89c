"""A microphone without a sound card, and a clock that tests move."""

import numpy as np

from audio_emotion.core.errors import DeviceError
from audio_emotion.inference.live.devices import BLOCK_S, Callback, Device, Form

RATE = 16_000
BLOCK = round(BLOCK_S * RATE)
BUILT_IN = Device(0, "built-in", 2, 48_000)
HEADSET = Device(3, "USB headset", 1, RATE, is_default=True)


class Clock:
    """Seconds, as a test has them."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeInputs:
    """Devices whose sound a test makes with :meth:`say`, and that it unplugs."""

    def __init__(self, clock: Clock, *devices: Device) -> None:
        self.clock, self.plugged, self.known = clock, list(devices or [HEADSET]), list(devices or [HEADSET])
        self.opened: list[Device] = []
        self.says_when_opened: list[np.ndarray] = []
        self._active: FakeCapture | None = None

    def devices(self) -> list[Device]:
        return self.known

    def look_again(self) -> None:
        assert self._active is None, "something is still open"
        self.known = list(self.plugged)

    def open(self, device: Device, callback: Callback, form: Form | None = None) -> "FakeCapture":
        if device not in self.plugged:
            raise DeviceError(f"{device.name}: cannot be opened")
        self.opened.append(device)
        form = form or Form(device.sampling_rate, 1)
        if form.sampling_rate != device.sampling_rate or form.n_channels > device.n_channels:
            raise DeviceError(f"{device.name}: cannot be opened (Invalid sample rate)")
        self._active = FakeCapture(self, callback, form)
        for frames in self.says_when_opened:
            self.say(frames)
        return self._active

    def say(self, frames: np.ndarray, overflowed: bool = False) -> None:
        """Hand frames over as the device does, block by block, while time passes; its buffer is used again."""
        for start in range(0, len(frames), BLOCK):
            buffer = np.array(frames[start : start + BLOCK])
            self.clock.now += len(buffer) / RATE
            assert self._active is not None
            self._active.callback(buffer, 0.0, overflowed)
            buffer[:] = 7
            overflowed = False

    def unplug(self) -> None:
        self.plugged = []
        assert self._active is not None
        self._active.is_gone = True

    def closed(self) -> None:
        self._active = None


class FakeCapture:
    def __init__(self, inputs: FakeInputs, callback: Callback, form: Form) -> None:
        self.inputs, self.callback, self.form = inputs, callback, form
        self.is_gone = False

    def is_active(self) -> bool:
        return not self.is_gone

    def close(self) -> None:
        self.inputs.closed()


def sound(n_blocks: int, seed: int = 0) -> np.ndarray:
    """Some blocks of noise, (n_frames, 1) int16."""
    return np.random.default_rng(seed).integers(-3000, 3000, (n_blocks * BLOCK, 1)).astype(np.int16)
