"""Input devices, as PortAudio lists them."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from audio_emotion.core.errors import DeviceError, PackageError
from audio_emotion.core.packages import install_command

BLOCK_S = 0.02
"""Seconds of sound in each block of a device: part of the latency."""

Int16Array = npt.NDArray[np.int16]

Callback = Callable[[Int16Array, float, bool], None]
"""What a device calls with frames (n_frames, n_channels), valid during the call; how many seconds ago the last of them
sounded; and whether sound was lost before them."""


@dataclass(frozen=True, slots=True)
class Device:
    """An input device.

    Attributes:
        number: PortAudio's index.
        name: the system's name for it.
        n_channels: how many it can record.
        sampling_rate: Hz, its default.
        is_default: whether it is the system's default.
    """

    number: int
    name: str
    n_channels: int
    sampling_rate: int
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """The format that a device is opened with.

    Attributes:
        sampling_rate: Hz.
        n_channels: of each frame.
    """

    sampling_rate: int
    n_channels: int


class Capture(Protocol):
    """An open device, calling back."""

    form: Form

    def is_active(self) -> bool:
        """Tell whether the system still takes it for running."""
        ...

    def close(self) -> None:
        """Stop calling back. A device that is gone is closed without complaint."""
        ...


class Inputs(Protocol):
    """Where devices come from: :class:`PortAudio`, or a stand-in."""

    def devices(self) -> list[Device]:
        """Return the devices known since the last look."""
        ...

    def open(self, device: Device, callback: Callback, form: Form | None = None) -> Capture:
        """Open a device, in its own form if none is given. Raises :class:`DeviceError` where that fails."""
        ...

    def look_again(self) -> None:
        """Find out which devices there are now; nothing may be open."""
        ...


def choose(devices: Sequence[Device], wanted: str | None) -> Device:
    """Return the device of that number, name, or part of a name in any case; without one, the default.

    Raises:
        DeviceError: there is none, or several have that part in their names.
    """
    if wanted is None:
        defaults = [device for device in devices if device.is_default]
        if not defaults:
            if not devices:
                raise DeviceError("no input device found; connect a microphone, and check that the system lists it")
            raise DeviceError(
                f"none of the {len(devices)} input devices is the system's default; choose one with --device-name "
                "(--list-devices lists them)"
            )
        return defaults[0]
    exact = [device for device in devices if wanted in (str(device.number), device.name)]
    alike = exact or [device for device in devices if wanted.casefold() in device.name.casefold()]
    if not alike:
        raise DeviceError(f"unknown input device {wanted!r}; --list-devices lists the available ones")
    names = list(dict.fromkeys(device.name for device in alike))
    if len(names) > 1:
        raise DeviceError(f"{wanted!r} is part of several devices' names: {', '.join(names)}; name one, or its number")
    return alike[0]  # the same device by several ways of the system: its first is PortAudio's preference


def channel_counts(device: Device, least: int = 1) -> list[int]:
    """Return the numbers of channels to try a device with, of ``least`` and more.

    Most devices record one channel, some cards no fewer than two, and arrays of microphones all of theirs only.

    >>> channel_counts(Device(0, "array", 6, 16_000)), channel_counts(Device(0, "card", 2, 48_000), least=2)
    ([1, 2, 6], [2])
    """
    return [n for n in dict.fromkeys((least, 2, device.n_channels)) if least <= n <= device.n_channels]


def again(devices: Sequence[Device], wanted: str, name: str) -> Device:
    """Return the device called ``name`` that was found as ``wanted`` before; its number may be another one now.

    ``wanted`` is what the user typed: a number counts for nothing any more. Systems write numbers into names, too:
    ``(hw:1,0)`` is a card's place, and ``2- `` the second plug that was used.

    Raises:
        DeviceError: it is not there.
    """
    for text in (name, None if wanted.isdigit() else wanted):
        with suppress(DeviceError):
            if text is not None:
                return choose([device for device in devices if str(device.number) != text], text)
    alike = [device for device in devices if _plain(device.name) == _plain(name)]
    if not alike:
        raise DeviceError(f"{name} is not there")
    return alike[0]


def _plain(name: str) -> str:
    """Return a device's name without the numbers that change when it is plugged in again."""
    return re.sub(r"\s*\(hw:\d+(,\d+)?\)|\b\d+- ", "", name).strip().casefold()


class PortAudio:
    """The devices of this machine, through PortAudio.

    Raises:
        PackageError: the package ``sounddevice`` is not installed.
        DeviceError: the PortAudio library that it stands on is not there.
    """

    def __init__(self) -> None:
        self._library = _sounddevice()

    def devices(self) -> list[Device]:
        try:
            default = self._library.query_devices(kind="input")["index"]
        except (self._library.PortAudioError, ValueError):  # there is none
            default = -1
        return [
            Device(
                entry["index"],
                entry["name"],
                entry["max_input_channels"],
                round(entry["default_samplerate"]),
                entry["index"] == default,
            )
            for entry in self._library.query_devices()
            if entry["max_input_channels"] > 0
        ]

    def open(self, device: Device, callback: Callback, form: Form | None = None) -> Capture:
        forms = [form] if form else [Form(device.sampling_rate, n) for n in channel_counts(device)]
        for candidate in forms:
            try:
                return _DeviceStream(self._library, device, callback, candidate)
            except self._library.PortAudioError as error:
                problem = error
        raise DeviceError(
            f"cannot be opened ({problem.args[0]})",
            subject=f"{device.name}",
            hint="check that no other program uses it, and that this one is allowed to",
        ) from problem

    def look_again(self) -> None:
        # PortAudio lists devices when it starts, and only then
        with suppress(self._library.PortAudioError):  # the last attempt got no further than to end it
            self._library._terminate()
        try:
            self._library._initialize()
        except self._library.PortAudioError as error:
            raise DeviceError(f"the system's sound cannot be reached ({error.args[0]})") from error


class _DeviceStream:
    """A stream of sounddevice's."""

    def __init__(self, library: Any, device: Device, callback: Callback, form: Form) -> None:
        self.form = form

        def called(frames: Int16Array, n_frames: int, times: Any, status: Any) -> None:
            age_s = times.currentTime - times.inputBufferAdcTime - n_frames / form.sampling_rate
            # some systems do not say when the sound was, or nonsense
            callback(frames, age_s if 0 < age_s < 1 else 0.0, bool(status.input_overflow))

        self._stream = library.InputStream(
            samplerate=form.sampling_rate,
            blocksize=round(BLOCK_S * form.sampling_rate),
            device=device.number,
            channels=form.n_channels,
            dtype="int16",
            callback=called,
        )
        self._stream.start()

    def is_active(self) -> bool:
        return bool(self._stream.active)

    def close(self) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise PackageError(
            "listening to a microphone needs a package that is not installed", hint=f"run: {install_command('live')}"
        ) from error
    except OSError as error:  # the package is there, its library is not
        raise DeviceError(
            "listening to a microphone needs the PortAudio library, which is not installed",
            hint="run: apt-get install libportaudio2 (Debian, Ubuntu), dnf install portaudio (Fedora), or brew install "
            "portaudio (macOS)",
        ) from error
    return sounddevice
