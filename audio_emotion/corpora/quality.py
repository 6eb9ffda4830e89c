"""Measures of one recording that show how it was made: its level, its edges, its bandwidth, and a fingerprint."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio_emotion.core.types import FloatArray

BoolArray = npt.NDArray[np.bool_]

_FLOOR_DB = -120.0
_FRAME_S = 0.01
_EDGE_FRAMES = 2  # at each end: 20 ms
_ABRUPT_DB = 20.0  # an edge this far below the loud frames, or less, lies within speech
_EVEN_DB = 6.0  # between loud and quiet frames, or less: no speech to be cut
_PADDING_S = 0.05  # of exact zeros
_HIDDEN_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000)  # Hz, that a higher rate may have been made from
_CLIFF_DB = 18.0  # by which a spectrum falls within a fifth of an octave, where a lower rate ended

# The fingerprint: energy in bands below the telephone's upper limit, in frames of 10 ms.
_BAND_EDGES_HZ = (150, 400, 700, 1100, 1700, 2500, 3400)
_WINDOW, _HOP = 512, 160  # samples at 16 kHz
_ACTIVE_DB = 30.0  # below the loudest frame, and still sound
_RANGE_DB = 40.0  # below the loudest, where a codec's own noise begins
_N_TIMES = 24  # parts of the active time, for a first comparison
_FIRST_ALIKE, _ALIKE = 0.8, 0.985  # least similarity of copies: of the first comparison, of the second
_SLACK_S = 0.15  # by which copies may differ in their active time
_LAGS = 20  # frames by which copies may be shifted against each other, after their beginnings are laid together
_BLOCK = 512  # recordings compared at once


@dataclass(frozen=True)
class Quality:
    """What was measured of one recording.

    Attributes:
        n_samples: at the file's own rate.
        level_db: dBFS of the loud frames (the 95th percentile of frames of 10 ms).
        floor_db: dBFS of the quiet frames (the 10th percentile): the room and the microphone.
        abrupt_start: the first 20 ms are as loud as speech.
        abrupt_end: the last 20 ms are.
        padding_s: seconds of exact zeros at both ends; 0 if shorter than 50 ms.
        hidden_rate: Hz, the sampling rate that the sound had before it was upsampled; None if it was not.
        active_s: seconds from the first frame with sound to the last.
        envelope: (n_frames, n_bands) float32, dB below the loudest, at 100 frames a second, of the active time.
    """

    n_samples: int
    level_db: float
    floor_db: float
    abrupt_start: bool
    abrupt_end: bool
    padding_s: float
    hidden_rate: int | None
    active_s: float
    envelope: FloatArray


def measure(samples: FloatArray, sampling_rate: int, at_16k: FloatArray) -> Quality:
    """Measure samples (n_samples,) at the file's own rate (Hz), and the same sound at 16 kHz (n_samples_16k,)."""
    levels = _frame_levels(samples, sampling_rate)
    loud, quiet = (float(np.percentile(levels, share)) for share in (95, 10))
    first, last = (float(_db(np.mean(10 ** (edge / 10)))) for edge in (levels[:_EDGE_FRAMES], levels[-_EDGE_FRAMES:]))
    is_silent = loud < -60
    # Nearer to the loud frames than to the quiet ones, unless there is no difference, as in noise.
    within_speech = max(loud - _ABRUPT_DB, (loud + quiet) / 2) if loud - quiet > _EVEN_DB else np.inf
    envelope = _envelope(at_16k)
    return Quality(
        len(samples),
        loud,
        quiet,
        not is_silent and first > within_speech,
        not is_silent and last > within_speech,
        _padding_s(samples, sampling_rate),
        None if is_silent else _hidden_rate(samples, sampling_rate),
        len(envelope) * _HOP / 16_000,
        envelope,
    )


def _db(power: npt.ArrayLike) -> FloatArray:
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DB / 10))), np.float32)


def _frame_levels(samples: FloatArray, sampling_rate: int) -> FloatArray:
    """Return the level of each frame of 10 ms, dBFS; a rest shorter than a frame joins the last."""
    size = max(1, round(_FRAME_S * sampling_rate))
    # samples  |---- 0 ----|---- 1 ----|----- 2 -----|      the rest joins the last frame
    n_frames = max(1, len(samples) // size)
    starts = size * np.arange(n_frames)
    counts = np.diff([*starts, len(samples)])
    if not len(samples):
        return np.full(1, _FLOOR_DB, np.float32)
    return _db(np.add.reduceat(np.square(samples, dtype=np.float64), starts) / counts)


def _padding_s(samples: FloatArray, sampling_rate: int) -> float:
    """Return the seconds of exact zeros at both ends; 0 if there are less than 50 ms, or nothing else."""
    filled = np.flatnonzero(samples)
    if not filled.size:
        return 0.0
    ends = (filled[0], len(samples) - 1 - filled[-1])
    return float(sum(n for n in ends if n >= _PADDING_S * sampling_rate)) / sampling_rate


def _hidden_rate(samples: FloatArray, sampling_rate: int) -> int | None:
    r"""Return the lower rate whose half ends the spectrum as a cliff; None if the spectrum has no such cliff.

    ::

        level  ______
                     \          a microphone's own slope: no cliff
        level  _______|
                      |_______  what a resampler leaves above half the old rate
                     r/2
    """
    spectrum = _mean_spectrum(samples)
    hz = np.linspace(0, sampling_rate / 2, len(spectrum))
    for rate in _HIDDEN_RATES:
        edge = rate / 2
        if 1.25 * edge >= sampling_rate / 2:
            break
        below = spectrum[(hz > 0.8 * edge) & (hz < 0.9 * edge)]
        above = spectrum[(hz > 1.1 * edge) & (hz < 1.2 * edge)]
        rest = spectrum[(hz > 1.1 * edge) & (hz < 0.48 * sampling_rate)]
        if below.size and above.size and np.median(below) - max(np.median(above), np.percentile(rest, 90)) > _CLIFF_DB:
            return rate
    return None


def _mean_spectrum(samples: FloatArray) -> FloatArray:
    """Return the mean power of the spectrum over frames of 2048 samples, dB, (1025,)."""
    size = 2048
    padded = np.pad(samples, (0, max(0, size - len(samples))))
    n_frames = min(200, 1 + (len(padded) - size) // (size // 2))
    starts = np.linspace(0, len(padded) - size, n_frames).astype(int)
    frames = np.stack([padded[start : start + size] for start in starts]) * np.hanning(size)
    return _db(np.square(np.abs(np.fft.rfft(frames, axis=1))).mean(axis=0) / size**2)


def _envelope(samples: FloatArray) -> FloatArray:
    """Return the energy in bands of sound at 16 kHz from its first frame with sound to the last, dB below the loudest.

    (n_frames, n_bands); without sound (0, n_bands).
    """
    padded = np.pad(samples, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1)))
    edges = [round(hz * _WINDOW / 16_000) for hz in _BAND_EDGES_HZ]
    bands = np.add.reduceat(power, edges, axis=1)[:, :-1]  # the last sum is what lies above the highest band
    total = _db(bands.sum(axis=1))
    if total.max() <= _FLOOR_DB + 1:
        return np.empty((0, bands.shape[1]), np.float32)
    active = np.flatnonzero(total > total.max() - _ACTIVE_DB)
    levels = _db(bands[active[0] : active[-1] + 1])
    return np.asarray(np.maximum(levels - levels.max(), -_RANGE_DB), np.float32)


def find_copies(envelopes: Sequence[FloatArray]) -> list[tuple[int, int]]:
    """Return pairs of recordings that are one take, by their envelopes: copies up to level and codec.

    Recordings are compared in the order of their lengths, each only with those that are little longer: first by means
    over parts of their time, then frame by frame, shifted against each other.
    """
    lengths = np.array([len(envelope) for envelope in envelopes])
    order = np.flatnonzero(lengths >= _N_TIMES)[np.argsort(lengths[lengths >= _N_TIMES], kind="stable")]
    if not order.size:
        return []
    coarse = np.stack([_coarse(envelopes[i]) for i in order])
    sorted_lengths = lengths[order]
    slack = round(_SLACK_S * 16_000 / _HOP)
    # sorted by length   3  3  4  5 | 9  9       a recording is only compared with those behind it
    #                    ^          ^ ends       that are at most `slack` frames longer
    ends = np.searchsorted(sorted_lengths, sorted_lengths + slack, side="right")
    pairs = []
    for start in range(0, len(order), _BLOCK):
        stop = min(start + _BLOCK, len(order))
        alike = coarse[start:stop] @ coarse[start : int(ends[start:stop].max())].T > _FIRST_ALIKE
        for row, column in zip(*np.nonzero(alike), strict=True):
            if row < column < ends[start + row] - start:  # each pair once
                first, second = int(order[start + row]), int(order[start + column])
                if similarity(envelopes[first], envelopes[second]) > _ALIKE:
                    pairs.append((min(first, second), max(first, second)))
    return sorted(pairs)


def _coarse(envelope: FloatArray) -> FloatArray:
    """Return means over ``_N_TIMES`` parts of the time, without their mean, of unit length, flat."""
    # envelope  |..........................|   of any length
    # bounds    |--|--|--|--|--|--|--|--|--|   24 parts of nearly one length, so lengths can be compared
    bounds = np.linspace(0, len(envelope), _N_TIMES + 1).astype(int)
    means = np.add.reduceat(envelope, bounds[:-1], axis=0) / np.diff(bounds)[:, None]
    return _unit(means.astype(np.float32))


def similarity(first: FloatArray, second: FloatArray) -> float:
    """Return the largest correlation of two envelopes over all shifts.

    Where they overlap, at least nine tenths of the longer one::

        one    |----------------|
        other     |----------------|      shift 3
    """
    best = 0.0
    for shift in range(-_LAGS, _LAGS + 1):
        a, b = first[max(0, shift) :], second[max(0, -shift) :]
        n_frames = min(len(a), len(b))
        if n_frames >= 0.9 * max(len(first), len(second)):
            best = max(best, float(_unit(a[:n_frames]) @ _unit(b[:n_frames])))
    return best


def _unit(table: FloatArray) -> FloatArray:
    centred = table - table.mean()
    norm = float(np.linalg.norm(centred))
    return np.asarray(centred / norm if norm else centred, np.float32).ravel()


def separation(values: FloatArray, is_label: BoolArray) -> float:
    """Return how well one number tells one label's recordings from the others: 0.5 not at all, 1 without an error.

    It is the area under the ROC curve, from the ranks of the values (n,), equal ones sharing their mean rank.
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n_label = int(is_label.sum())
    area = (ranks[is_label].sum() - n_label * (n_label + 1) / 2) / (n_label * (len(values) - n_label))
    return float(max(area, 1 - area))
