"""Faster and higher, or slower and lower, as a tape played at another speed."""

from dataclasses import dataclass

import numpy as np

from audio_emotion.core.schema import number
from audio_emotion.core.types import FloatArray


@dataclass(frozen=True)
class Speed:
    """Playback at ``slowest`` to ``fastest`` times the recorded speed, by resampling: tempo and pitch move together.

    The factor goes by thousandths, 1.7 cents: soxr needs half the time for a ratio of whole numbers. The result has
    ``n_samples / factor`` samples, rounded.
    """

    slowest: float = number(0.9, 0.5, 2.0, "times", at_most="fastest")
    fastest: float = number(1.1, 0.5, 2.0, "times")

    def draw(self, rng: np.random.Generator) -> float:
        return round(float(rng.uniform(self.slowest, self.fastest)), 3)

    def apply(self, samples: FloatArray, sampling_rate: int, factor: float) -> FloatArray:
        import soxr

        changed: FloatArray = soxr.resample(samples, round(1_000 * factor), 1_000, quality="HQ")
        return changed

    def tell(self, factor: float) -> str:
        return f"{factor:.3f} times"
