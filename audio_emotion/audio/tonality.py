"""How much of a sound has a steady pitch, as tones and most music have and speech has not."""

import numpy as np
import numpy.typing as npt

from audio_emotion.core.types import FloatArray

TONAL_SHARE = 0.35
"""Sound is tonal from this share on. Speech of RAVDESS, CREMA-D, EmoDB, SAVEE and TESS has 0 to 0.31 (120 clips of
each), its songs up to 0.26, held tones 0.5 to 1, melodies 0.4 to 0.8; fast music with drums may have no more than
speech."""

_RATE = 8_000  # Hz, about what samples are thinned out to
_FRAME = 1_024  # samples at that rate, 128 ms: a bin has 8 Hz, and the harmonics of speech move on from bin to bin
_FIRST, _LAST = 7, 448  # bins, from 60 Hz to 3.5 kHz
_SAME = 0.9  # cosine of two spectra from which on they are those of one tone
_RANGE_DB = 30.0  # frames further below the loud ones are pauses
_MIN_PAIRS = 8  # about a second


class Tonality:
    """Measures a sound that comes in blocks, (n_samples,) each, at ``sampling_rate`` Hz; memory is 0.5 MB an hour.

    >>> import numpy as np
    >>> tonality = Tonality(16_000)
    >>> tonality.push(np.sin(np.arange(48_000, dtype=np.float32) / 5))
    >>> tonality.share()
    1.0
    """

    def __init__(self, sampling_rate: int) -> None:
        self._step = max(1, round(sampling_rate / _RATE))
        self._hann = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
        self._rest = np.empty(0, np.float32)  # samples, fewer than a frame
        self._last: FloatArray = np.zeros((0, _LAST - _FIRST), np.float32)  # spectrum of the last frame
        self._power: list[FloatArray] = []  # of each frame
        self._likeness: list[FloatArray] = []  # of each frame with the one before

    def push(self, samples: FloatArray) -> None:
        """Take the next block."""
        samples = np.concatenate([self._rest, samples])
        size = self._step * _FRAME
        n_frames = len(samples) // size
        self._rest = samples[n_frames * size :]
        if not n_frames:
            return
        frames = samples[: n_frames * size].reshape(n_frames, _FRAME, self._step).mean(axis=2)
        spectra = np.abs(np.fft.rfft(frames * self._hann, axis=1)[:, _FIRST:_LAST]).astype(np.float32)
        self._power.append(np.square(spectra).sum(axis=1))
        # frames      | 0 | 1 | 2 |        likeness is that of frames 0 and 1, then 1 and 2;
        # next block              | 3 |    and of the last frame of a block with the first of the next one
        both = np.concatenate([self._last, spectra])
        dots = np.einsum("ij,ij->i", both[:-1], both[1:])
        norms = np.linalg.norm(both, axis=1)
        self._likeness.append(dots / np.maximum(norms[:-1] * norms[1:], 1e-20))
        self._last = both[-1:]

    def share(self) -> float:
        """Return the share of the sound, 0 to 1, whose spectrum stays, without pauses; 0 for less than a second."""
        if not self._power:
            return 0.0
        power = np.concatenate(self._power)
        likeness: npt.NDArray[np.float32] = np.concatenate(self._likeness)
        loudest = np.sort(power)[-1 - len(power) // 32]  # not the loudest of all: that may be a click
        loud = power > loudest * 10 ** (-_RANGE_DB / 10)
        counted = likeness[loud[:-1] & loud[1:]]
        return float(np.mean(counted > _SAME)) if len(counted) >= _MIN_PAIRS else 0.0
