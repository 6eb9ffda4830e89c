"""A narrower band, as poor microphones and walls leave it."""

from dataclasses import dataclass

import numpy as np

from audio_emotion.core.schema import number
from audio_emotion.core.types import FloatArray


@dataclass(frozen=True)
class LowPass:
    """Nothing above ``min_hz`` to ``max_hz``: 3 dB less there, about 48 dB an octave above; as long as before."""

    min_hz: float = number(2_000.0, 100.0, 20_000.0, "Hz", at_most="max_hz")
    max_hz: float = number(7_000.0, 100.0, 20_000.0, "Hz")

    def draw(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(self.min_hz, self.max_hz))

    def apply(self, samples: FloatArray, sampling_rate: int, hz: float) -> FloatArray:
        return butterworth(samples, sampling_rate, hz)

    def tell(self, hz: float) -> str:
        return f"up to {hz:.0f} Hz"


def butterworth(samples: FloatArray, sampling_rate: int, high_hz: float, low_hz: float = 0.0) -> FloatArray:
    """Filter to a band, with eight poles at each edge; an edge at or above half the sampling rate is ignored."""
    from scipy.signal import butter, sosfilt

    edges = [(low_hz, "highpass"), (high_hz, "lowpass")]
    sections = [butter(8, hz, kind, fs=sampling_rate, output="sos") for hz, kind in edges if 0 < hz < sampling_rate / 2]
    if not sections:
        return samples.copy()
    return np.asarray(sosfilt(np.concatenate(sections), samples), np.float32)
