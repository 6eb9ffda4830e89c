"""Augmentation: waveform transforms, one a file, and two transforms of a batch of features.

A waveform transform draws its parameter from a passed generator, apart from applying it, so that a draw can be
repeated, logged and tested:

>>> import numpy as np
>>> speed = Speed(0.9, 1.1)
>>> factor = speed.draw(np.random.default_rng(0))
>>> len(speed.apply(np.zeros(16_000, np.float32), 16_000, 1.25))
12800
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from audio_emotion.augment.noise import Noise
from audio_emotion.augment.pitch_shift import PitchShift
from audio_emotion.augment.speed import Speed
from audio_emotion.augment.time_shift import TimeShift
from audio_emotion.records import FloatArray

__all__ = ["Noise", "PitchShift", "Speed", "TimeShift", "WaveformTransform", "problems"]


Parameter = TypeVar("Parameter")


class WaveformTransform(Protocol[Parameter]):
    """A change of sound that keeps its emotion."""

    def draw(self, rng: np.random.Generator) -> Parameter:
        """Return what one application needs, in the transform's own unit."""
        ...

    def apply(self, samples: FloatArray, sampling_rate: int, parameter: Parameter, /) -> FloatArray:
        """Return changed samples, (n_samples,) → (n_changed,) float32; the input stays as it was."""
        ...


def problems(table: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a table of transforms, name → parameters."""
    known = ("spec_augment", "mixup", "versions")
    return [f"no transform is called {name!r}; there are: {', '.join(known)}" for name in table if name not in known]
