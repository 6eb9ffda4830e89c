"""White Gaussian noise."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from audio_emotion.core.schema import number
from audio_emotion.core.types import FloatArray


class NoiseDraw(NamedTuple):
    """A signal-to-noise ratio in dB, and the seed of the noise, so that a draw fixes every sample."""

    snr_db: float
    seed: int


@dataclass(frozen=True)
class Noise:
    """White Gaussian noise at a signal-to-noise ratio between ``min_snr_db`` and ``max_snr_db``; as long as before."""

    min_snr_db: float = number(15.0, -20.0, 100.0, "dB", at_most="max_snr_db")
    max_snr_db: float = number(45.0, -20.0, 100.0, "dB")

    def draw(self, rng: np.random.Generator) -> NoiseDraw:
        return NoiseDraw(float(rng.uniform(self.min_snr_db, self.max_snr_db)), int(rng.integers(2**32)))

    def apply(self, samples: FloatArray, sampling_rate: int, drawn: NoiseDraw) -> FloatArray:
        snr_db, seed = drawn
        return add_noise(samples, np.random.default_rng(seed).standard_normal(len(samples), np.float32), snr_db)

    def tell(self, drawn: NoiseDraw) -> str:
        return f"SNR {drawn.snr_db:.1f} dB"


def add_noise(samples: FloatArray, noise: FloatArray, snr_db: float) -> FloatArray:
    """Add ``noise``, as long as ``samples``, at a level that makes the ratio of their powers ``snr_db``.

    Where either is silent there is no such level, and the samples come back as they were.
    """
    power, noise_power = (float(np.dot(x, x)) for x in (samples, noise))
    if not power or not noise_power:
        return samples.copy()
    return samples + np.float32(np.sqrt(power / noise_power / 10 ** (snr_db / 10))) * noise
