"""Another level."""

from dataclasses import dataclass

import numpy as np

from audio_emotion.core.schema import number
from audio_emotion.core.types import FloatArray


@dataclass(frozen=True)
class Gain:
    """Louder or softer by up to ``max_db``; nothing is clipped, so samples may go beyond ±1; as long as before."""

    max_db: float = number(6.0, 0.0, 60.0, "dB")

    def draw(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(-self.max_db, self.max_db))

    def apply(self, samples: FloatArray, sampling_rate: int, gain_db: float) -> FloatArray:
        return samples * np.float32(10 ** (gain_db / 20))

    def tell(self, gain_db: float) -> str:
        return f"{gain_db:+.1f} dB"
