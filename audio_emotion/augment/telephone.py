"""A telephone's band."""

from dataclasses import dataclass

import numpy as np

from audio_emotion.augment.low_pass import butterworth
from audio_emotion.core.schema import number
from audio_emotion.core.types import FloatArray


@dataclass(frozen=True)
class Telephone:
    """The band from ``low_hz`` to ``high_hz``, and no more than a sampling rate of 8 kHz carries; as long as before.

    Nothing is drawn: the band is the telephone's (ITU-T G.712).
    """

    low_hz: float = number(300.0, 20.0, 3_000.0, "Hz", at_most="high_hz")
    high_hz: float = number(3_400.0, 1_000.0, 3_900.0, "Hz")

    def draw(self, rng: np.random.Generator) -> None:
        return None

    def apply(self, samples: FloatArray, sampling_rate: int, drawn: None = None) -> FloatArray:
        import soxr

        filtered = butterworth(samples, sampling_rate, self.high_hz, self.low_hz)
        narrow = soxr.resample(filtered, sampling_rate, 8_000, quality="HQ")
        wide = soxr.resample(narrow, 8_000, sampling_rate, quality="HQ")[: len(samples)]
        return np.pad(wide, (0, len(samples) - len(wide)))

    def tell(self, drawn: None = None) -> str:
        return f"{self.low_hz:.0f} to {self.high_hz:.0f} Hz"
