"""Another place in the window."""

from dataclasses import dataclass

import numpy as np

from audio_emotion.core.schema import number
from audio_emotion.core.types import FloatArray


@dataclass(frozen=True)
class TimeShift:
    """Sound moved by up to ``max_s`` seconds either way; zeros come in where it left; as long as before."""

    max_s: float = number(0.2, 0.0, 10.0, "s")

    def draw(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(-self.max_s, self.max_s))

    def apply(self, samples: FloatArray, sampling_rate: int, seconds: float) -> FloatArray:
        shift = max(-len(samples), min(len(samples), round(seconds * sampling_rate)))
        moved = np.zeros_like(samples)
        if shift >= 0:
            moved[shift:] = samples[: len(samples) - shift]
        else:
            moved[:shift] = samples[-shift:]
        return moved

    def tell(self, seconds: float) -> str:
        return f"{seconds:+.3f} s"
