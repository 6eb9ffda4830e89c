"""Another pitch, the same duration."""

from dataclasses import dataclass

import numpy as np

from audio_emotion.records import FloatArray


@dataclass(frozen=True)
class PitchShift:
    """Pitch moved by up to ``max_semitones`` either way (phase vocoder, librosa; some 8 ms a clip)."""

    max_semitones: float = 2.0

    def draw(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(-self.max_semitones, self.max_semitones))

    def apply(self, samples: FloatArray, sampling_rate: int, semitones: float) -> FloatArray:
        from librosa.effects import pitch_shift

        shifted: FloatArray = pitch_shift(samples, sr=sampling_rate, n_steps=semitones, n_fft=512, res_type="soxr_hq")
        return shifted
