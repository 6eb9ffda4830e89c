"""The values that pass between modules: frozen, and made of plain parts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
"""Samples, windows, features or logits: always float32."""

IntArray = npt.NDArray[np.int64]
"""Numbers of utterances or labels."""


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """Mono sound.

    Attributes:
        samples: (n_samples,) float32, full scale at ±1.
        sampling_rate: Hz.
        source_rate: Hz, what the recording had before it was resampled.
        start: seconds from the beginning of the recording to the first sample.
    """

    samples: FloatArray
    sampling_rate: int
    source_rate: int
    start: float = 0.0

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sampling_rate


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one stretch of sound.

    Attributes:
        start: seconds from the beginning of the recording.
        end: seconds from the beginning of the recording.
        label: one of the model's labels, ``no speech``, or ``unknown`` where no label reached the score asked for.
        score: the label's probability, 0 to 1 (for ``unknown``, the likeliest one's); 0 for ``no speech``.
        scores: every label of the model, in its order, with its probability; all 0 for ``no speech``.
        n_windows: how many of the model's windows held speech and were averaged.
        channel: of the recording, counted from 1; None: all of them, mixed.
    """

    start: float
    end: float
    label: str
    score: float
    scores: Mapping[str, float]
    n_windows: int = 1
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Turn(Prediction):
    """A prediction for one speaker's turn in a conversation.

    Attributes:
        speaker: who speaks; empty if unknown.
        text: the words; empty if unknown.
        overlap_s: seconds of the turn in which another turn sounds on the same channel; the prediction is of both.
        timeline: predictions over the turn's time, if it is longer than the model's window; else empty.
    """

    speaker: str = ""
    text: str = ""
    overlap_s: float = 0.0
    timeline: tuple[Prediction, ...] = ()
