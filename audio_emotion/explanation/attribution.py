"""What a model heard of a recording, with the place of each window, and what an explanation finds in it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.vad import speech_mask
from audio_emotion.audio.windows import frame, trim, window_bounds
from audio_emotion.core.types import FloatArray, IntArray

BACKGROUND = 0.1
"""The share of a recording's time that is quieter, in a band, than its background."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowedAudio:
    """A recording as :func:`~audio_emotion.audio.windows.windows_of` cuts it.

    Attributes:
        samples: all of it, (n_samples,).
        sampling_rate: Hz.
        start: the sample at which the utterance begins, the quiet before it being left out.
        end: the sample at which it ends.
        windows: those that hold speech, (n_windows, window_samples).
        firsts: which sample each window begins with, (n_windows,); below ``start`` where it is padded.
    """

    samples: FloatArray
    sampling_rate: int
    start: int
    end: int
    windows: FloatArray
    firsts: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """The importance of each part of a recording for one label, in log-odds.

    Attributes:
        edges: where spans begin and end, in samples, (n_spans + 1,).
        hertz: where bands begin and end, (n_bands + 1,).
        heat: of each span in each band, the lowest band first, (n_bands, n_spans).
        over_time: of each span in all bands together, (n_spans,).
        log_odds: of the label, the recording being as it is.
        background: the same of its background alone.
    """

    edges: IntArray
    hertz: npt.NDArray[np.float64]
    heat: npt.NDArray[np.float64]
    over_time: npt.NDArray[np.float64]
    log_odds: float
    background: float


def window_audio(samples: FloatArray, sampling_rate: int, window_samples: int, gate: bool) -> WindowedAudio:
    """Cut a recording into the windows that hold speech; maybe none."""
    start, end = trim(samples)
    windows = frame(samples[start:end], window_samples)
    firsts = np.array(
        [start + a - max(0, window_samples - (b - a)) // 2 for a, b in window_bounds(end - start, window_samples)]
    )
    kept = speech_mask(windows, sampling_rate, gate)
    return WindowedAudio(samples, sampling_rate, start, end, windows[kept], firsts[kept])


def log_odds(logits: FloatArray, index: int, temperature: float) -> npt.NDArray[np.float64]:
    """Return the log-odds of one label, (...), of logits (..., n_labels)."""
    scaled = logits.astype(np.float64) / temperature
    others = np.delete(scaled, index, axis=-1)
    return np.asarray(scaled[..., index] - np.logaddexp.reduce(others, axis=-1))
