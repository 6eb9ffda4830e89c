from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio_emotion.augment import (
    Background,
    Codec,
    CropPad,
    Gain,
    LowPass,
    Noise,
    PitchShift,
    Polarity,
    Reverberation,
    Speed,
    Telephone,
    TimeShift,
    TimeStretch,
)
from audio_emotion.augment.background import BackgroundDraw
from audio_emotion.augment.codec import CodecDraw
from audio_emotion.augment.noise import NoiseDraw
from audio_emotion.augment.recipe import WAVEFORM
from audio_emotion.augment.reverberation import RoomDraw, room_response
from audio_emotion.core.errors import UsageError
from tests.sounds import RATE, voice

NOTHING_DRAWN = {"telephone", "polarity"}
LENGTHS = {  # of the result, where it is not the input's
    "speed": lambda n, factor: n / factor,
    "time_stretch": lambda n, tempo: n / tempo,
    "reverberation": lambda n, room: n + room.rt60_s * RATE - 1,
}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with one recording in it and one below it, at another rate and shorter."""
    folder = tmp_path_factory.mktemp("background")
    (folder / "below").mkdir()
    rng = np.random.default_rng(5)
    soundfile.write(folder / "long.wav", 0.1 * rng.standard_normal(4 * RATE), RATE)
    soundfile.write(folder / "below" / "short.wav", 0.1 * rng.standard_normal(2_000), 22_050)
    return str(folder)


def make(name: str, sounds: str):
    return Background(sounds) if name == "background" else WAVEFORM[name]()


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def band_db(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(10 * np.log10(power[(hz >= low_hz) & (hz < high_hz)].mean() + 1e-12))


def buzz(seconds: float = 1.0, pitch_hz: float = 150.0) -> np.ndarray:
    """A voice that keeps its pitch."""
    t = np.arange(round(seconds * RATE)) / RATE
    return sum(0.1 / k * np.sin(2 * np.pi * pitch_hz * k * t) for k in range(1, 20)).astype(np.float32)


def median_pitch(samples: np.ndarray) -> float:
    return float(np.median(librosa.yin(samples, fmin=60, fmax=500, sr=RATE)))


@pytest.mark.parametrize("name", WAVEFORM)
def test_a_draw_fixes_the_sound_and_the_input_stays(name: str, sounds: str):
    transform, samples = make(name, sounds), voice(1.0)
    before = samples.copy()
    parameter = transform.draw(np.random.default_rng(3))
    assert parameter == transform.draw(np.random.default_rng(3))
    assert name in NOTHING_DRAWN or parameter != transform.draw(np.random.default_rng(4))
    first, second = (transform.apply(samples, RATE, parameter) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(samples, before)
    assert not np.shares_memory(first, samples)
    assert not np.array_equal(first, samples), "it does something"
    assert transform.tell(parameter)


@pytest.mark.parametrize("name", WAVEFORM)
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(n_samples=st.integers(1, 9_000), level=st.sampled_from([0.0, 1e-6, 0.3, 3.0]), seed=st.integers(0, 2**32 - 1))
def test_any_sound_gives_finite_samples_of_the_length_that_is_stated(
    name: str, n_samples: int, level: float, seed: int, sounds: str
):
    rng = np.random.default_rng(seed)
    transform = make(name, sounds)
    samples = (level * rng.standard_normal(n_samples)).astype(np.float32)
    parameter = transform.draw(rng)
    changed = transform.apply(samples, RATE, parameter)
    assert changed.dtype == np.float32
    assert changed.ndim == 1
    assert np.isfinite(changed).all()
    expected = LENGTHS[name](n_samples, parameter) if name in LENGTHS else n_samples
    assert abs(len(changed) - expected) <= (0.51 if name not in LENGTHS else 1)


@pytest.mark.parametrize("method", ["overlap-add", "phase-vocoder"])
@pytest.mark.parametrize("semitones", [-2.0, 2.0])
def test_pitch_shift_moves_the_pitch_and_keeps_the_duration(method: str, semitones: float):
    samples = buzz()
    changed = PitchShift(method=method).apply(samples, RATE, semitones)
    assert len(changed) == len(samples)
    assert median_pitch(changed) / median_pitch(samples) == pytest.approx(2 ** (semitones / 12), rel=0.01)
    assert decibels(changed) == pytest.approx(decibels(samples), abs=1)


@pytest.mark.parametrize("tempo", [0.9, 1.1])
def test_time_stretch_moves_the_tempo_and_keeps_the_pitch(tempo: float):
    samples = buzz()
    assert median_pitch(TimeStretch().apply(samples, RATE, tempo)) == pytest.approx(150, rel=0.01)
    samples[:1_600] = samples[-1_600:] = 0
    changed = TimeStretch().apply(samples, RATE, tempo)
    assert len(changed) == round(len(samples) / tempo)
    loud = np.flatnonzero(np.abs(changed) > 1e-3)
    assert loud[0] == pytest.approx(1_600 / tempo, abs=700), "it begins where it should"
    assert loud[-1] == pytest.approx(14_400 / tempo, abs=700), "and ends there"


def test_speed_moves_pitch_and_duration_together():
    samples = buzz()
    faster = Speed().apply(samples, RATE, 1.1)
    assert len(faster) == pytest.approx(len(samples) / 1.1, abs=1)
    assert median_pitch(faster) / median_pitch(samples) == pytest.approx(1.1, rel=0.01)


def schroeder_rt60(response: np.ndarray) -> float:
    """T20 of a response, extrapolated to 60 dB (ISO 3382-1), without its direct sound."""
    tail = np.square(response[round(0.003 * RATE) :].astype(np.float64))
    decay = 10 * np.log10(np.cumsum(tail[::-1])[::-1] / tail.sum())
    first, last = np.argmax(decay < -5), np.argmax(decay < -25)
    return 60 / 20 * (last - first) / RATE


@pytest.mark.parametrize(("rt60_s", "drr_db"), [(0.2, 12.0), (0.5, 3.0), (0.8, -3.0)])
def test_a_room_has_its_reverberation_time_ratio_and_energy(rt60_s: float, drr_db: float):
    response = room_response(RATE, RoomDraw(rt60_s, drr_db, 7))
    assert schroeder_rt60(response) == pytest.approx(rt60_s, rel=0.15)
    ratio = 10 * np.log10(response[0] ** 2 / np.sum(response[1:].astype(np.float64) ** 2))
    assert ratio == pytest.approx(drr_db, abs=0.1)
    assert np.square(response.astype(np.float64)).sum() == pytest.approx(1, rel=1e-4)
    samples = voice(2.0)
    heard = Reverberation().apply(samples, RATE, RoomDraw(rt60_s, drr_db, 7))
    assert 10 * np.log10(np.sum(heard**2) / np.sum(samples**2)) == pytest.approx(0, abs=2)


@pytest.mark.parametrize("snr_db", [0.0, 20.0, 45.0])
def test_noise_has_the_signal_to_noise_ratio_asked_for(snr_db: float):
    samples = voice(2.0)
    noise = Noise().apply(samples, RATE, NoiseDraw(snr_db, 7)) - samples
    assert decibels(samples) - decibels(noise) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize("which", [0.0, 0.99])
def test_background_is_a_piece_of_a_recording_at_the_ratio_asked_for(which: float, sounds: str):
    samples = voice(1.0)
    first, second = (
        Background(sounds).apply(samples, RATE, BackgroundDraw(10.0, which, place)) - samples for place in (0.1, 0.6)
    )
    assert decibels(samples) - decibels(first) == pytest.approx(10, abs=0.01)
    if which:  # long.wav comes after below/short.wav
        assert not np.allclose(first, second), "another place, another piece"
        source = soundfile.read(Path(sounds) / "long.wav")[0]
        start = round(0.1 * 3 * RATE)
        assert np.corrcoef(source[start : start + RATE], first)[0, 1] > 0.999
    else:
        np.testing.assert_allclose(first[:1_000], first[1_451:2_451], atol=1e-6)  # 2000 samples at 22050 Hz, repeated


def test_background_refuses_a_folder_without_recordings(tmp_path: Path):
    with pytest.raises(UsageError, match="expected a folder of recordings"):
        Background(str(tmp_path)).apply(voice(0.5), RATE, BackgroundDraw(10.0, 0.5, 0.5))


@pytest.mark.parametrize("hz", [2_000.0, 5_000.0])
def test_low_pass_keeps_what_is_below_and_takes_what_is_above(hz: float):
    noise = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    changed = LowPass().apply(noise, RATE, hz)
    assert band_db(changed, 50, 0.8 * hz) == pytest.approx(band_db(noise, 50, 0.8 * hz), abs=0.5)
    assert band_db(changed, 1.5 * hz, 8_000) < band_db(noise, 1.5 * hz, 8_000) - 25
    np.testing.assert_array_equal(LowPass().apply(noise, 8_000, 4_000.0), noise)  # nothing there to take


def test_a_telephone_carries_its_band_alone():
    noise = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    changed = Telephone().apply(noise, RATE, None)
    assert band_db(changed, 400, 3_000) == pytest.approx(band_db(noise, 400, 3_000), abs=0.5)
    assert band_db(changed, 10, 150) < band_db(noise, 10, 150) - 35
    assert band_db(changed, 4_100, 8_000) < band_db(noise, 4_100, 8_000) - 50


@pytest.mark.parametrize("draw", [CodecDraw("mp3", 24.0), CodecDraw("opus", 24.0), CodecDraw("mu-law", 8.0)])
@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_a_codec_leaves_the_sound_in_its_place(draw: CodecDraw, rate: int):
    samples = voice(1.0, rate=rate)
    changed = Codec().apply(samples, rate, draw)
    lags = np.arange(-300, 301)
    alike = [np.dot(samples[400:-400], changed[400 + lag : len(changed) - 400 + lag]) for lag in lags]
    assert lags[np.argmax(alike)] == 0
    assert 8 < decibels(samples) - decibels(changed - samples) < 60, "the same sound, and not the same samples"


def test_a_higher_bit_rate_is_nearer_to_the_sound():
    samples = voice(1.0)
    for kind in ("mp3", "opus"):
        errors = [decibels(Codec().apply(samples, RATE, CodecDraw(kind, kbps)) - samples) for kbps in (8.0, 48.0)]
        assert errors[1] < errors[0] - 5, kind


def test_gain_and_polarity():
    samples = voice(0.5)
    assert decibels(Gain().apply(samples, RATE, -6.0)) == pytest.approx(decibels(samples) - 6, abs=1e-3)
    np.testing.assert_array_equal(Polarity().apply(samples, RATE, None), -samples)


def test_crop_pad_keeps_one_part_and_no_more():
    samples = np.arange(1, 1_001, dtype=np.float32)
    for seed in range(20):
        drawn = CropPad(0.5).draw(np.random.default_rng(seed))
        changed = CropPad(0.5).apply(samples, RATE, drawn)
        left = changed[changed > 0]
        assert len(left) == round(1_000 * drawn.kept) >= 500
        assert (np.diff(left) == 1).all()
        assert (np.diff(np.flatnonzero(changed)) == 1).all()


@pytest.mark.parametrize("shift", [1600, -1600, 0, 10**6, -(10**6)])
def test_time_shift_moves_by_seconds_and_fills_with_zeros(shift: int):
    samples = np.arange(1, 16_001, dtype=np.float32)
    moved = TimeShift().apply(samples, RATE, shift / RATE)
    expected = np.zeros(16_000, np.float32)
    for i in range(16_000):
        if 0 <= i - shift < 16_000:
            expected[i] = samples[i - shift]
    np.testing.assert_array_equal(moved, expected)
