"""The windows of a recording with their places, and the importance of its parts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.vad import speech_mask
from audio_emotion.audio.windows import frame, trim, window_bounds
from audio_emotion.core.types import FloatArray, IntArray

BACKGROUND = 0.1
"""The background of a band is the level that it falls below for this share of the recording's time."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowedAudio:
    """A recording divided into windows by :func:`~audio_emotion.audio.windows.windows_of`.

    Attributes:
        samples: all of it, (n_samples,).
        sampling_rate: Hz.
        start: the first sample of the utterance, after the quiet before it.
        end: the sample after the utterance.
        windows: the windows with speech, (n_windows, window_samples).
        firsts: the first sample of each window, (n_windows,); less than ``start`` if it is padded.
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
        edges: the edges of the spans in samples, (n_spans + 1,).
        hertz: the edges of the bands in Hz, (n_bands + 1,).
        heat: the importance of each span in each band, the lowest band first, (n_bands, n_spans).
        over_time: the importance of each span in all bands at once, (n_spans,).
        log_odds: the label's log-odds for the recording.
        background: the label's log-odds for its background alone.
    """

    edges: IntArray
    hertz: npt.NDArray[np.float64]
    heat: npt.NDArray[np.float64]
    over_time: npt.NDArray[np.float64]
    log_odds: float
    background: float


def window_audio(samples: FloatArray, sampling_rate: int, window_samples: int, gate: bool) -> WindowedAudio:
    """Return the windows of a recording that contain speech; there may be none."""
    start, end = trim(samples)
    windows = frame(samples[start:end], window_samples)
    # A window that is longer than its part of the utterance has half of the padding before it.
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
