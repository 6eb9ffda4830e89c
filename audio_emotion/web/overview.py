"""A sound at a glance: what a page draws as waveform and spectrogram, gathered from blocks in little memory."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import numpy as np

from audio_emotion.core.types import FloatArray
from audio_emotion.formats.plot import BANDS, FRAME, frame_levels

_COLUMNS = 1000  # at least, once the sound is long enough; at most twice as many
_FLOOR_DB = 80.0  # below the loudest cell
_STEP = 128  # samples in a column, at first


class Overview:
    """Lowest and highest sample, and the mel levels of a frame, for each column of a sound.

    When there are twice as many columns as a screen can show, neighbours are joined, and columns are twice as long from
    there on: memory does not grow with the sound, and a long one costs few spectra.
    """

    def __init__(self, sampling_rate: int) -> None:
        self._rate = sampling_rate
        self._step = _STEP
        self._held = np.empty(0, np.float32)  # from the beginning of the next column on
        self._extremes = np.empty((2, 0), np.float32)
        self._levels = np.empty((BANDS, 0), np.float32)
        self.n_samples = 0

    def push(self, samples: FloatArray) -> None:
        """Take the next block, (n_samples,)."""
        self.n_samples += len(samples)
        self._held = np.concatenate([self._held, samples])
        self._take(lambda: 1 + (len(self._held) - max(FRAME, self._step)) // self._step)

    def finish(self) -> dict[str, Any]:
        """Return it in JSON's terms.

        ``step_s`` is a column's length in seconds, ``n`` their number, ``peak`` the greatest sample. ``wave`` and
        ``mel`` are base64 of bytes, column after column: the lowest and the highest sample, signed, 127 at ``peak``;
        and the levels of ``bands`` mel bands, 0 to 255 over 80 dB.
        """
        n_zeros = FRAME + 2 * self._step  # enough for the last column's frame, should columns be joined before
        self._held = np.pad(self._held, (0, n_zeros))
        self._take(lambda: -(-(len(self._held) - n_zeros) // self._step))
        peak = float(np.abs(self._extremes).max(initial=0.0))
        wave = np.rint(self._extremes.T * (127 / max(peak, 1e-9))).astype(np.int8)
        top = float(self._levels.max(initial=-120.0))
        shades = np.clip((self._levels.T - top) / _FLOOR_DB + 1, 0, 1) * (255 if peak else 0)
        return {
            "step_s": self._step / self._rate,
            "n": len(wave),
            "bands": BANDS,
            "peak": peak,
            "wave": b64encode(wave.tobytes()).decode("ascii"),
            "mel": b64encode(np.rint(shades).astype(np.uint8).tobytes()).decode("ascii"),
        }

    def _take(self, n_ready: Callable[[], int]) -> None:
        """Make as many columns of what is held as are ready, which have a frame each."""
        while (n := min(n_ready(), 2 * _COLUMNS - self._extremes.shape[1])) > 0:
            columns = self._held[: n * self._step].reshape(n, self._step)
            extremes = np.stack([columns.min(axis=1), columns.max(axis=1)])
            frames = np.lib.stride_tricks.sliding_window_view(self._held, FRAME)[: n * self._step : self._step]
            self._extremes = np.concatenate([self._extremes, extremes], axis=1)
            self._levels = np.concatenate([self._levels, frame_levels(frames, self._rate).astype(np.float32)], axis=1)
            self._held = self._held[n * self._step :]
            if self._extremes.shape[1] == 2 * _COLUMNS:
                self._join()

    def _join(self) -> None:
        low, high = self._extremes
        self._extremes = np.stack([np.minimum(low[::2], low[1::2]), np.maximum(high[::2], high[1::2])])
        self._levels = np.maximum(self._levels[:, ::2], self._levels[:, 1::2])
        self._step *= 2
