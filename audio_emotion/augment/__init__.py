"""Augmentation: waveform transforms (one per file), transforms of a batch of features, and recipes.

A waveform transform draws its parameter from a passed generator, apart from applying it, so that a draw can be
repeated, logged and tested:

>>> import numpy as np
>>> speed = Speed(0.9, 1.1)
>>> factor = speed.draw(np.random.default_rng(0))
>>> len(speed.apply(np.zeros(16_000, np.float32), 16_000, 1.25))
12800

Neither torch nor librosa nor scipy is loaded before something is applied that needs it.
"""

from typing import Protocol, TypeVar

import numpy as np

from audio_emotion.augment.background import Background
from audio_emotion.augment.codec import Codec
from audio_emotion.augment.crop_pad import CropPad
from audio_emotion.augment.gain import Gain
from audio_emotion.augment.low_pass import LowPass
from audio_emotion.augment.noise import Noise
from audio_emotion.augment.pitch_shift import PitchShift
from audio_emotion.augment.polarity import Polarity
from audio_emotion.augment.recipe import DEFAULT, problems
from audio_emotion.augment.reverberation import Reverberation
from audio_emotion.augment.speed import Speed
from audio_emotion.augment.telephone import Telephone
from audio_emotion.augment.time_shift import TimeShift
from audio_emotion.augment.time_stretch import TimeStretch
from audio_emotion.core.types import FloatArray

__all__ = [
    "DEFAULT",
    "Background",
    "Codec",
    "CropPad",
    "Gain",
    "LowPass",
    "Noise",
    "PitchShift",
    "Polarity",
    "Reverberation",
    "Speed",
    "Telephone",
    "TimeShift",
    "TimeStretch",
    "WaveformTransform",
    "problems",
]


Parameter = TypeVar("Parameter")


class WaveformTransform(Protocol[Parameter]):
    """A change of sound that keeps its emotion."""

    def draw(self, rng: np.random.Generator) -> Parameter:
        """Return what one application needs, in the transform's own unit."""
        ...

    def apply(self, samples: FloatArray, sampling_rate: int, parameter: Parameter, /) -> FloatArray:
        """Return changed samples, (n_samples,) → (n_changed,) float32; the input stays as it was.

        The same parameter gives the same samples. The input holds a sample at least.
        """
        ...

    def tell(self, parameter: Parameter, /) -> str:
        """Return a parameter in words and units."""
        ...
