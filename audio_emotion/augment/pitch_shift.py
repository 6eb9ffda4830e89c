"""Another pitch, the same duration."""

from dataclasses import dataclass

import numpy as np

from audio_emotion.augment.speed import Speed
from audio_emotion.augment.time_stretch import stretch
from audio_emotion.core.schema import choice, number
from audio_emotion.core.types import FloatArray


@dataclass(frozen=True)
class PitchShift:
    """Pitch moved by up to ``max_semitones`` either way; as long as before.

    ``method`` is ``overlap-add`` (resampled, then brought back to its duration as :func:`stretch` does) or
    ``phase-vocoder`` (librosa's, several times as dear, and it blurs speech).
    """

    max_semitones: float = number(2.0, 0.0, 12.0, "semitones")
    method: str = choice("overlap-add", "phase-vocoder")

    def draw(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(-self.max_semitones, self.max_semitones))

    def apply(self, samples: FloatArray, sampling_rate: int, semitones: float) -> FloatArray:
        if self.method == "overlap-add":
            factor = round(2 ** (semitones / 12), 3)
            # higher and shorter |======|      then stretched to the old length, at the new pitch |=========|
            faster = Speed().apply(samples, sampling_rate, factor)
            return stretch(faster, sampling_rate, 1 / factor, len(samples))
        from librosa.effects import pitch_shift

        shifted: FloatArray = pitch_shift(samples, sr=sampling_rate, n_steps=semitones, n_fft=512, res_type="soxr_hq")
        return shifted

    def tell(self, semitones: float) -> str:
        return f"{semitones:+.2f} semitones"
