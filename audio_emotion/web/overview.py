"""A recording at a glance: the waveform and spectrogram that the page draws, collected from blocks in little memory."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_emotion.core.types import FloatArray
from audio_emotion.formats.plot import BANDS, FRAME, frame_levels

MAX_PEAKS = 2**18
"""Columns of the waveform, at most: for an hour, one for each 16 ms, so that a word can be seen."""

_MAX_FRAMES, _MAX_COLUMNS = 8000, 2000  # of the spectrogram: frames that are kept, columns that are made of them
_FLOOR_DB = 80.0  # below the loudest cell
_STEP = 128  # samples in a column at first


class _Columns:
    """Values of equally long stretches of a recording, however long it is.

    Each stretch of ``step`` samples gives one column, made of the ``reach`` samples from its beginning on (of all its
    samples where ``reach`` is 0). When there are ``most`` columns, neighbours are joined and ``step`` doubles: all
    columns are always made alike. With 4 columns at most:

    ``|0123|4567|89ab|cdef|`` (step 4) is joined to ``|01234567|89abcdef|`` (step 8), and goes on with step 8.
    """

    def __init__(
        self,
        n_rows: int,
        most: int,
        reach: int,
        make: Callable[[FloatArray], npt.NDArray[Any]],
        join: Callable[[FloatArray, FloatArray], FloatArray],
    ) -> None:
        self.step, self.n = _STEP, 0
        self._values = np.empty((n_rows, most), np.float32)
        self._reach, self._make, self._join = reach, make, join
        self._rest = np.empty(0, np.float32)  # samples from the beginning of the next column on

    @property
    def values(self) -> FloatArray:
        """The columns so far, (n_rows, n)."""
        return self._values[:, : self.n]

    def push(self, samples: FloatArray) -> None:
        self._rest = np.concatenate([self._rest, samples])
        self._take(lambda: 1 + (len(self._rest) - max(self._reach, self.step)) // self.step)

    def finish(self) -> None:
        """Make the last columns, with silence behind the recording."""
        # rest      |--- samples ---|00000000|
        # columns   |---|---|---|---|            the last one may reach into the zeros
        n_zeros = self._reach + 2 * self.step  # enough for the last column, even if columns are joined before it
        self._rest = np.pad(self._rest, (0, n_zeros))
        self._take(lambda: -(-(len(self._rest) - n_zeros) // self.step))

    def _take(self, n_ready: Callable[[], int]) -> None:
        most = self._values.shape[1]
        while (n := min(n_ready(), most - self.n)) > 0:
            reach = self._reach or self.step
            starts = np.lib.stride_tricks.sliding_window_view(self._rest, reach)[: n * self.step : self.step]
            self._values[:, self.n : self.n + n] = self._make(starts)
            self._rest = self._rest[n * self.step :]
            self.n += n
            if self.n == most:
                self.n = most // 2
                self._values[:, : self.n] = self._join(self._values[:, ::2], self._values[:, 1::2])
                self.step *= 2


def _extremes(columns: FloatArray) -> FloatArray:
    """Return the lowest and highest sample of columns (n, step), as (2, n)."""
    return np.stack([columns.min(axis=1), columns.max(axis=1)])


def _join_extremes(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.stack([np.minimum(left[0], right[0]), np.maximum(left[1], right[1])])


class Overview:
    """Lowest and highest samples, and mel levels, of the columns of a recording."""

    def __init__(self, sampling_rate: int) -> None:
        self._rate = sampling_rate
        self._peaks = _Columns(2, MAX_PEAKS, 0, _extremes, _join_extremes)
        # one frame at the beginning of each stretch: of two neighbours the first is kept, so that a column late in a
        # long recording, which was never joined, shows what an early one does
        self._frames = _Columns(
            BANDS, _MAX_FRAMES, FRAME, lambda frames: frame_levels(frames, sampling_rate), lambda left, right: left
        )
        self.n_samples = 0

    def push(self, samples: FloatArray) -> None:
        """Add the next block, (n_samples,)."""
        self.n_samples += len(samples)
        self._peaks.push(samples)
        self._frames.push(samples)

    def finish(self) -> dict[str, Any]:
        """Return it in JSON's terms.

        ``step_s`` is the length of a column of the waveform in seconds, ``n`` their number, ``peak`` the greatest
        sample; ``mel_step_s`` and ``mel_n`` are those of the spectrogram. ``wave`` and ``mel`` are base64 of bytes,
        column after column: the lowest and the highest sample, signed, 127 at ``peak``; and the levels of ``bands``
        mel bands, 0 to 255 over 80 dB.
        """
        self._peaks.finish()
        self._frames.finish()
        wave = self._peaks.values
        peak = float(np.abs(wave).max(initial=0.0))
        # Rounded up, so that there are at most _MAX_COLUMNS columns; the last one repeats its edge.
        group = -(-self._frames.n // _MAX_COLUMNS)  # frames in a column
        levels = self._frames.values
        levels = np.pad(levels, ((0, 0), (0, -levels.shape[1] % max(1, group))), mode="edge") if group > 1 else levels
        mel = levels.reshape(BANDS, -1, max(1, group)).max(axis=2, initial=-120.0)
        shades = np.clip((mel.T - mel.max(initial=-120.0)) / _FLOOR_DB + 1, 0, 1) * (255 if peak else 0)
        return {
            "step_s": self._peaks.step / self._rate,
            "n": wave.shape[1],
            "peak": peak,
            "wave": _base64(np.rint(wave.T * (127 / max(peak, 1e-9))).astype(np.int8)),
            "mel_step_s": self._frames.step * max(1, group) / self._rate,
            "mel_n": len(shades),
            "bands": BANDS,
            "mel": _base64(np.rint(shades).astype(np.uint8)),
        }


def _base64(values: npt.NDArray[Any]) -> str:
    return b64encode(values.tobytes()).decode("ascii")
