import sys
import types

import numpy as np
import pytest

from audio_emotion.core.errors import DeviceError, PackageError
from audio_emotion.inference.live import Device, Microphone, PortAudio, choose
from audio_emotion.inference.live.devices import Form, again

MICROPHONES = [Device(0, "Built-in", 2, 44_100), Device(2, "USB one", 1, 48_000, True), Device(5, "USB two", 1, 8_000)]


@pytest.mark.parametrize(
    ("wanted", "number"), [(None, 2), ("0", 0), ("USB two", 5), ("usb ONE", 2), ("built", 0), ("USB one", 2)]
)
def test_a_device_is_found(wanted: str | None, number: int):
    assert choose(MICROPHONES, wanted).number == number


@pytest.mark.parametrize(("wanted", "says"), [("usb", "USB one, USB two"), ("7", "'7'"), ("absent", "--list-devices")])
def test_a_device_that_is_not_meant_clearly_is_refused(wanted: str, says: str):
    with pytest.raises(DeviceError, match=says):
        choose(MICROPHONES, wanted)


def test_no_default_and_one_name_several_times():
    with pytest.raises(DeviceError, match="none of the 1 input devices"):
        choose(MICROPHONES[:1], None)
    with pytest.raises(DeviceError, match="no input device found"):
        choose([], None)
    assert choose([Device(1, "USB", 1, 48_000), Device(4, "USB", 1, 44_100)], "USB").number == 1


class PortAudioError(Exception):
    pass


class FakeLibrary(types.ModuleType):
    """As much of sounddevice as is used: a card that records all of its channels and no other number."""

    n_channels = 2

    PortAudioError = PortAudioError
    streams: list["FakeStream"]
    has_server = True

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.streams = []
        self.steps: list[str] = []

    def query_devices(self, kind: str | None = None) -> object:
        card = {"index": 1, "name": "card", "max_input_channels": self.n_channels, "default_samplerate": 44100.0}
        return card if kind else [{"index": 0, "name": "loudspeaker", "max_input_channels": 0}, card]

    def InputStream(self, **settings: object) -> "FakeStream":  # noqa: N802
        if settings["channels"] != self.n_channels:
            raise PortAudioError("Invalid number of channels", -9998)
        self.streams.append(FakeStream(settings))
        return self.streams[-1]

    def _terminate(self) -> None:
        if self.steps[-1:] == ["terminate"]:
            raise PortAudioError("PortAudio not initialized", -10000)
        self.steps.append("terminate")

    def _initialize(self) -> None:
        if not self.has_server:
            raise PortAudioError("no server", -9999)
        self.steps.append("initialize")


class FakeStream:
    active = True

    def __init__(self, settings: dict[str, object]) -> None:
        self.settings = settings

    def start(self) -> None:
        pass

    def abort(self, ignore_errors: bool) -> None:
        assert ignore_errors
        self.active = False

    close = abort


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    found = FakeLibrary()
    monkeypatch.setitem(sys.modules, "sounddevice", found)
    return found


def test_portaudio_lists_what_can_record(library: FakeLibrary):
    assert PortAudio().devices() == [Device(1, "card", 2, 44_100, is_default=True)]


def test_portaudio_opens_with_the_fewest_channels_that_the_card_can(library: FakeLibrary):
    inputs, calls = PortAudio(), []
    capture = inputs.open(inputs.devices()[0], lambda *call: calls.append(call))
    assert capture.form == Form(44_100, 2)
    settings = library.streams[0].settings
    assert (settings["dtype"], settings["blocksize"], settings["device"]) == ("int16", 882, 1)
    times = types.SimpleNamespace(currentTime=10.0, inputBufferAdcTime=9.95)
    settings["callback"](np.zeros((882, 2), np.int16), 882, times, types.SimpleNamespace(input_overflow=True))  # type: ignore[operator]
    times.inputBufferAdcTime = 0.0  # some systems do not know
    settings["callback"](np.zeros((882, 2), np.int16), 882, times, types.SimpleNamespace(input_overflow=False))  # type: ignore[operator]
    assert [call[1:] for call in calls] == [(pytest.approx(0.03), True), (0.0, False)]
    assert capture.is_active()
    capture.close()
    assert not capture.is_active()
    with pytest.raises(DeviceError, match="card: cannot be opened \\(Invalid number of channels\\)"):
        inputs.open(inputs.devices()[0], lambda *_: None, Form(44_100, 1))


@pytest.mark.parametrize("n_channels", [1, 2, 4, 6, 8])
def test_portaudio_opens_a_device_with_all_of_its_channels_at_last(library: FakeLibrary, n_channels: int):
    library.n_channels = n_channels
    assert Microphone(PortAudio()).form == Form(44_100, n_channels)
    assert Microphone(PortAudio(), channel=n_channels).form == Form(44_100, 1)
    with pytest.raises(DeviceError, match=f"has {n_channels} channel.s., and channel 9 was requested"):
        Microphone(PortAudio(), channel=9)


@pytest.mark.parametrize(
    ("wanted", "name", "number"),
    [
        ("usb", "USB Mic: Audio (hw:1,0)", 4),  # another card number
        ("4", "USB Mic: Audio (hw:1,0)", 4),
        ("7", "USB Mic: Audio (hw:2,0)", 4),  # another number
        ("hw:1,0", "USB Mic: Audio (hw:1,0)", 4),
        ("headset", "Headset (2- BT Hands-Free)", 5),
        ("0", "Headset (BT Hands-Free)", 5),
    ],
)
def test_a_device_is_known_again_under_another_number(wanted: str, name: str, number: int):
    devices = [
        Device(0, "Built-in: Audio (hw:0,0)", 2, 48_000, True),
        Device(4, "USB Mic: Audio (hw:2,0)", 1, 48_000),
        Device(5, "Headset (3- BT Hands-Free)", 1, 16_000),
    ]
    assert again(devices, wanted, name).number == number
    with pytest.raises(DeviceError):
        again(devices[:1], wanted, name)


def test_portaudio_is_started_again_to_find_new_devices(library: FakeLibrary):
    inputs, library.has_server = PortAudio(), False
    with pytest.raises(DeviceError, match="no server"):
        inputs.look_again()
    library.has_server = True
    inputs.look_again()
    assert library.steps == ["terminate", "initialize"]


def test_an_absent_package_or_library_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(PackageError, match=r"pip install 'audio-emotion\[live\]'"):
        PortAudio()
    monkeypatch.delitem(sys.modules, "sounddevice")
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DeviceError, match="apt-get install libportaudio2"):
        PortAudio()
