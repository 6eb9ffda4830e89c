"""Occlusion: parts of the sound are lowered to its background, and the prediction is computed again.

The sound is the sum of its parts, one for each span of 0.1 s in each of 12 bands. Spans and bands fade into their
neighbors, and the fades add up to 1, so a part is lowered by subtracting some of it, without audible edges. A patch of
three spans by three bands is lowered at a time, at every place; a cell's importance is the mean over the patches that
contain it. A single cell is too small to matter to a network that pools over time.

::

    bands   . . . . . .
            . x x x . .      a patch; it moves by one span, or one band
            . x x x . .
            . x x x . .
    spans   0 1 2 3 4 5
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.mel import to_hertz, to_mel
from audio_emotion.core.types import FloatArray, IntArray
from audio_emotion.explanation.attribution import BACKGROUND, Attribution, WindowedAudio, log_odds
from audio_emotion.inference.backends import Runtime

SPAN_S, BANDS = 0.1, 12
PATCH = 3
"""Spans, and bands, of a patch."""

_FADE_S = 0.02
_RING_S = 0.03  # how long a band's filter rings before and after a span


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of a sound: ``samples``, (..., n_samples), of which the first is sample ``first`` of the sound."""

    first: int
    samples: FloatArray

    @property
    def end(self) -> int:
        """The sample after the last."""
        return self.first + int(self.samples.shape[-1])


def occlude(
    runtime: Runtime, windowed: WindowedAudio, logits: FloatArray, index: int, temperature: float
) -> Attribution:
    """Return the importance of each span and band: what the label's log-odds lose without it.

    ``logits`` are those of ``windowed.windows``, (n_windows, n_labels); ``index`` is that of the label.
    """
    edges, hertz = grid(windowed)
    excess = _excess(windowed, edges, hertz)
    usual = float(log_odds(logits.mean(axis=0), index, temperature))
    n_spans, wide = len(excess), min(PATCH, len(excess))
    heat, over_time = np.zeros((BANDS, n_spans)), np.zeros(n_spans)
    for i in range(n_spans - wide + 1):
        removed = _patches(_joined(excess[i : i + wide]))
        lost = usual - log_odds(_without(runtime, windowed, logits, removed), index, temperature)
        for j, drop in enumerate(lost[:-1]):
            heat[j : j + PATCH, i : i + wide] += drop
        over_time[i : i + wide] += lost[-1]
    everything = _joined(excess)
    background = _without(
        runtime, windowed, logits, Piece(everything.first, everything.samples.sum(axis=0, keepdims=True))
    )
    quiet = float(log_odds(background, index, temperature)[0])
    across, along = _places(n_spans, wide), _places(BANDS, PATCH)
    return Attribution(edges, hertz, heat / np.outer(along, across), over_time / across, usual, quiet)


def grid(windowed: WindowedAudio) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Return the edges of the spans in samples, and those of the bands in Hz, evenly spaced in mel."""
    n_samples, rate = len(windowed.samples), windowed.sampling_rate
    n_spans = max(1, round(n_samples / (SPAN_S * rate)))
    edges = np.linspace(0, n_samples, n_spans + 1).round().astype(np.int64)
    return edges, to_hertz(np.linspace(0, to_mel(rate / 2), BANDS + 1))


def parts(samples: FloatArray, rate: int, edges: IntArray, hertz: npt.NDArray[np.float64]) -> Iterator[Piece]:
    """Yield each span of a sound divided into bands, (n_bands, n_samples of the span); they add up to the sound."""
    fade, ring = round(_FADE_S * rate / 2), round(_RING_S * rate)
    padded = np.pad(samples, fade + ring)
    mel = to_mel(hertz)
    # A piece is longer than its span, by half a fade and the ringing of the filters on both sides:
    #
    #     padded   |--ring--|-fade-|=====span=====|-fade-|--ring--|
    #              first           start          end
    for start, end in pairwise(map(int, edges)):
        first = start - fade - ring
        piece = padded[start : end + 2 * (fade + ring)]
        times = np.arange(first, first + len(piece)) + 0.5
        ends = [edge if 0 < edge < len(samples) else side * np.inf for edge, side in ((start, -1), (end, 1))]
        shares = -np.diff(_rise(times, np.array(ends), fade), axis=0)[0]
        spectrum = np.fft.rfft(piece * shares)
        inner = np.concatenate([[-np.inf], mel[1:-1], [np.inf]])
        gains = -np.diff(_rise(to_mel(np.fft.rfftfreq(len(piece), 1 / rate)), inner, float(mel[1] / 4)), axis=0)
        yield Piece(first, np.fft.irfft(spectrum * gains, len(piece)).astype(np.float32))


def _rise(x: npt.NDArray[Any], edges: npt.NDArray[np.float64], half: float) -> npt.NDArray[np.float64]:
    """Return, for each edge, 0 below it and 1 above it with half a cosine between: (n_edges, len(x))."""
    phase = np.clip((x - edges[:, None]) / (2 * max(half, 0.5)) + 0.5, 0, 1)
    return np.asarray((1 - np.cos(np.pi * phase)) / 2)


def _excess(windowed: WindowedAudio, edges: IntArray, hertz: npt.NDArray[np.float64]) -> list[Piece]:
    """Return what each part of each span has above its band's background."""
    pieces = list(parts(windowed.samples, windowed.sampling_rate, edges, hertz))
    energies = np.array([np.square(piece.samples, dtype=np.float64).sum(axis=1) for piece in pieces])
    levels = np.sqrt(energies / np.diff(edges)[:, None])  # (n_spans, n_bands)
    background = np.quantile(levels, BACKGROUND, axis=0)
    shares = 1 - np.minimum(1, background / np.maximum(levels, 1e-12))
    return [
        Piece(piece.first, piece.samples * share[:, None].astype(np.float32))
        for piece, share in zip(pieces, shares, strict=True)
    ]


def _joined(pieces: list[Piece]) -> Piece:
    """Return the sum of adjacent pieces."""
    first, end = pieces[0].first, pieces[-1].end
    whole = np.zeros((BANDS, end - first), np.float32)
    for piece in pieces:
        whole[:, piece.first - first : piece.end - first] += piece.samples
    return Piece(first, whole)


def _places(n_cells: int, size: int) -> IntArray:
    """Return how many of the patches of ``size`` cells in a row contain each cell, (n_cells,)."""
    return np.convolve(np.ones(n_cells - size + 1, np.int64), np.ones(size, np.int64))


def _patches(bands: Piece) -> Piece:
    """Return the sums of adjacent bands at every place, then that of all bands, (n_places + 1, n_samples)."""
    places = [bands.samples[j : j + PATCH].sum(axis=0) for j in range(BANDS - PATCH + 1)]
    return Piece(bands.first, np.stack([*places, bands.samples.sum(axis=0)]))


def _without(runtime: Runtime, windowed: WindowedAudio, logits: FloatArray, removed: Piece) -> FloatArray:
    """Return the mean logits without each of the pieces at one place, (n_pieces, n_labels)."""
    first, end = max(removed.first, windowed.start), min(removed.end, windowed.end)
    length = windowed.windows.shape[1]
    touched = np.flatnonzero((windowed.firsts < end) & (windowed.firsts + length > first) & (first < end))
    mean = np.repeat(logits.mean(axis=0, keepdims=True), len(removed.samples), axis=0)
    for k in touched:
        origin = int(windowed.firsts[k])
        # The samples a to b are in both the piece and the window that starts at origin.
        a, b = max(first, origin), min(end, origin + length)
        changed = np.repeat(windowed.windows[k : k + 1], len(removed.samples), axis=0)
        changed[:, a - origin : b - origin] -= removed.samples[:, a - removed.first : b - removed.first]
        mean += (runtime.logits(changed) - logits[k]) / len(logits)
    return mean
