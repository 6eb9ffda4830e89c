"""Descriptors of sound as librosa computes them, window by window, in numpy: what two architectures read.

Such a model's graph takes these, not the waveform, so whatever runs it makes them first. The zeros around a short
utterance are cut off before, and what the utterance leaves of the window's frames is 0 in every row: padding is
told from sound by that, and costs no time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from audio_emotion.core.errors import ModelError
from audio_emotion.core.types import FloatArray


@dataclass(frozen=True)
class FrameDescriptorsConfig:
    """What fixes the 68 descriptors of a frame, in librosa's terms; all else is librosa's default.

    Attributes:
        sampling_rate: Hz.
        n_fft: samples in a frame and in its Hann window.
        hop: samples from one frame to the next.
        n_mfcc: cepstral coefficients, of 128 mel bands; their first and second differences follow them.
        tuning: of the chroma, in fractions of a semitone from A440; speech has none to estimate.
    """

    sampling_rate: int = 22_050
    n_fft: int = 2048
    hop: int = 512
    n_mfcc: int = 13
    tuning: float = 0.0


@dataclass(frozen=True)
class ShortMfccConfig:
    """What fixes ZCR, RMS and MFCC of a frame, in librosa's terms; all else is librosa's default.

    Attributes:
        sampling_rate: Hz.
        n_fft: samples in a frame and in its Hann window.
        hop: samples from one frame to the next; 2.5 s make 40 frames.
        n_mfcc: cepstral coefficients, of 128 mel bands.
    """

    sampling_rate: int = 8_025
    n_fft: int = 2048
    hop: int = 512
    n_mfcc: int = 20


class Frames(Protocol):
    """Fields that every descriptor config has."""

    @property
    def n_fft(self) -> int: ...
    @property
    def hop(self) -> int: ...


def frame_descriptors(windows: FloatArray, config: FrameDescriptorsConfig) -> FloatArray:
    """Return (batch, 1, 5 + 3 n_mfcc + 24, n_frames) of windows (batch, window_samples): 68 rows by default.

    Rows: MFCC, Δ, ΔΔ; 12 of chroma; 7 of spectral contrast (dB); 6 of tonnetz, from that chroma; zero-crossing
    rate, RMS, roll-off at 85 % (Hz), centroid (Hz).
    """
    return _each(windows, config, 3 * config.n_mfcc + 29, lambda sound: _frame_rows(sound, config))


def short_mfcc(windows: FloatArray, config: ShortMfccConfig) -> FloatArray:
    """Return (batch, 1, 2 + n_mfcc, n_frames) of windows (batch, window_samples): ZCR, RMS, MFCC."""
    return _each(windows, config, 2 + config.n_mfcc, lambda sound: _short_rows(sound, config))


def _each(windows: FloatArray, config: Frames, n_rows: int, rows: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Describe each window's sound from the first frame on; ``n_frames = 1 + window_samples // hop``."""
    described = np.zeros((len(windows), 1, n_rows, 1 + windows.shape[1] // config.hop), np.float32)
    for window, target in zip(windows, described[:, 0], strict=True):
        nonzero = np.flatnonzero(window)
        if len(nonzero):
            sound = window[nonzero[0] : nonzero[-1] + 1]
            values = rows(np.pad(sound, (0, max(0, config.n_fft - len(sound)))))  # librosa needs a frame at least
            n_frames = min(values.shape[1], target.shape[1])
            target[:, :n_frames] = values[:, :n_frames]
    return described


def _frame_rows(sound: FloatArray, config: FrameDescriptorsConfig) -> FloatArray:
    """Return (n_rows, n_frames); one Fourier transform and one chromagram serve all that need them."""
    from librosa import feature, util

    rate, n_fft, hop = config.sampling_rate, config.n_fft, config.hop
    magnitude = _magnitude(sound, config)
    power = magnitude**2
    mfcc = _mfcc(power, rate, config.n_mfcc)
    chroma = util.normalize(_chroma_filters(rate, n_fft, config.tuning) @ power, norm=np.inf, axis=-2)
    return np.concatenate(
        [
            mfcc,
            _delta(mfcc, 1),
            _delta(mfcc, 2),
            chroma,
            feature.spectral_contrast(S=magnitude, sr=rate, n_fft=n_fft),
            feature.tonnetz(chroma=chroma, sr=rate),
            feature.zero_crossing_rate(sound, frame_length=n_fft, hop_length=hop),
            feature.rms(y=sound, frame_length=n_fft, hop_length=hop),
            feature.spectral_rolloff(S=magnitude, sr=rate, n_fft=n_fft),
            feature.spectral_centroid(S=magnitude, sr=rate, n_fft=n_fft),
        ]
    )


def _short_rows(sound: FloatArray, config: ShortMfccConfig) -> FloatArray:
    from librosa import feature

    return np.concatenate(
        [
            feature.zero_crossing_rate(sound, frame_length=config.n_fft, hop_length=config.hop),
            feature.rms(y=sound, frame_length=config.n_fft, hop_length=config.hop),
            _mfcc(_magnitude(sound, config) ** 2, config.sampling_rate, config.n_mfcc),
        ]
    )


def _magnitude(sound: FloatArray, config: Frames) -> FloatArray:
    from librosa import stft

    magnitude: FloatArray = np.abs(stft(sound, n_fft=config.n_fft, hop_length=config.hop))
    return magnitude


def _mfcc(power: FloatArray, rate: int, n_mfcc: int) -> FloatArray:
    """Do what ``librosa.feature.mfcc`` does of a power spectrogram, (n_bins, n_frames), with the filters kept."""
    from librosa import feature, power_to_db

    mel = _mel_filters(rate, 2 * (len(power) - 1)) @ power
    mfcc: FloatArray = feature.mfcc(S=power_to_db(mel), n_mfcc=n_mfcc)
    return mfcc


def _delta(mfcc: FloatArray, order: int) -> FloatArray:
    """Return the differences over 9 frames; fewer frames than that are continued by their first and last."""
    from librosa import feature

    delta: FloatArray = feature.delta(mfcc, order=order, mode="interp" if mfcc.shape[1] >= 9 else "nearest")
    return delta


@lru_cache(maxsize=8)
def _mel_filters(rate: int, n_fft: int) -> FloatArray:
    from librosa.filters import mel

    filters: FloatArray = mel(sr=rate, n_fft=n_fft)
    return filters


@lru_cache(maxsize=8)
def _chroma_filters(rate: int, n_fft: int, tuning: float) -> FloatArray:
    from librosa.filters import chroma

    filters: FloatArray = chroma(sr=rate, n_fft=n_fft, tuning=tuning)
    return filters


_MAKERS: dict[str, tuple[Callable[..., Any], Callable[[FloatArray, Any], FloatArray]]] = {
    "FrameDescriptors": (FrameDescriptorsConfig, frame_descriptors),
    "ShortMfcc": (ShortMfccConfig, short_mfcc),
}


def maker(frontend: str, parameters: Mapping[str, Any]) -> Callable[[FloatArray], FloatArray]:
    """Return the function that computes the features of a frontend: windows (batch, window_samples) → features.

    Raises:
        ModelError: librosa makes no such frontend, or it has no such parameter.
    """
    if frontend not in _MAKERS:
        raise ModelError(f"unknown librosa features {frontend!r}, only {', '.join(_MAKERS)}")
    configured, describe = _MAKERS[frontend]
    try:
        config = configured(**parameters)
    except TypeError as error:
        raise ModelError(f"{error}", subject=str(frontend), hint="check the frontend in config.json") from error
    return lambda windows: describe(windows, config)
