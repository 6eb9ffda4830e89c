"""A part of the utterance alone."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from audio_emotion.core.schema import number
from audio_emotion.core.types import FloatArray


class CropDraw(NamedTuple):
    """The kept share of the sound, and its positions in the source and in the window, each 0 to 1."""

    kept: float
    place: float
    put: float


@dataclass(frozen=True)
class CropPad:
    """A random part, ``shortest`` to all of it, at a random place with zeros around it; as long as before."""

    shortest: float = number(0.7, 0.05, 1.0, "of the length")

    def draw(self, rng: np.random.Generator) -> CropDraw:
        return CropDraw(float(rng.uniform(self.shortest, 1.0)), rng.random(), rng.random())

    def apply(self, samples: FloatArray, sampling_rate: int, drawn: CropDraw) -> FloatArray:
        kept = max(1, round(drawn.kept * len(samples)))
        room = len(samples) - kept
        start, put = round(drawn.place * room), round(drawn.put * room)
        changed = np.zeros_like(samples)
        changed[put : put + kept] = samples[start : start + kept]
        return changed

    def tell(self, drawn: CropDraw) -> str:
        return f"{100 * drawn.kept:.0f} % kept"
