"""White Gaussian noise."""

from dataclasses import dataclass

import numpy as np

from audio_emotion.records import FloatArray


@dataclass(frozen=True)
class Noise:
    """White Gaussian noise at a signal-to-noise ratio between ``min_snr_db`` and ``max_snr_db``.

    What is drawn is the ratio and the seed of the noise, so that a draw fixes every sample.
    """

    min_snr_db: float = 15.0
    max_snr_db: float = 45.0

    def draw(self, rng: np.random.Generator) -> tuple[float, int]:
        return float(rng.uniform(self.min_snr_db, self.max_snr_db)), int(rng.integers(2**32))

    def apply(self, samples: FloatArray, sampling_rate: int, drawn: tuple[float, int]) -> FloatArray:
        snr_db, seed = drawn
        power = float(np.mean(np.square(samples)))
        noise = np.random.default_rng(seed).standard_normal(len(samples), np.float32)
        return samples + np.float32(np.sqrt(power / 10 ** (snr_db / 10))) * noise
