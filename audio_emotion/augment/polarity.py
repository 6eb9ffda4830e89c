"""Inverted polarity, as from a microphone with swapped wires."""

from dataclasses import dataclass

import numpy as np

from audio_emotion.core.types import FloatArray


@dataclass(frozen=True)
class Polarity:
    """Every sample with the other sign; as long as before. Nothing is drawn."""

    def draw(self, rng: np.random.Generator) -> None:
        return None

    def apply(self, samples: FloatArray, sampling_rate: int, drawn: None = None) -> FloatArray:
        return -samples

    def tell(self, drawn: None = None) -> str:
        return "inverted"
