"""Occlusion: parts of the sound are turned down to its background, and the answer is asked for again.

A sound is the sum of its parts, one for each span of 0.1 s in each of 12 bands: spans and bands fade into their
neighbours, and the fades add up to one. So a part is turned down by subtracting some of it, with no edge that could be
heard by itself. Three spans by three bands are turned down together, at every place; a cell's importance is the mean
over the places that hold it. One cell alone is too small to matter to a network that pools over time.
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
"""Spans, and bands, that are turned down together."""

_FADE_S = 0.02
_RING_S = 0.03  # a band's filter goes on for so long before and after a span


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What is taken from a sound: ``samples`` (..., n_samples), the first of them at sample ``first`` of the sound."""

    first: int
    samples: FloatArray

    @property
    def end(self) -> int:
        """The sample after the last."""
        return self.first + int(self.samples.shape[-1])


def occlude(runtime: Runtime, heard: WindowedAudio, logits: FloatArray, index: int, temperature: float) -> Attribution:
    """Weigh each span and band by what the label's log-odds lose without it.

    ``logits`` are those of ``heard.windows``, (n_windows, n_labels); ``index`` is the label's.
    """
    edges, hertz = grid(heard)
    excess = _excess(heard, edges, hertz)
    usual = float(log_odds(logits.mean(axis=0), index, temperature))
    n_spans, wide = len(excess), min(PATCH, len(excess))
    heat, over_time = np.zeros((BANDS, n_spans)), np.zeros(n_spans)
    for i in range(n_spans - wide + 1):
        taken = _patches(_joined(excess[i : i + wide]))
        lost = usual - log_odds(_without(runtime, heard, logits, taken), index, temperature)
        for j, drop in enumerate(lost[:-1]):
            heat[j : j + PATCH, i : i + wide] += drop
        over_time[i : i + wide] += lost[-1]
    everything = _joined(excess)
    background = _without(
        runtime, heard, logits, Piece(everything.first, everything.samples.sum(axis=0, keepdims=True))
    )
    quiet = float(log_odds(background, index, temperature)[0])
    across, along = _places(n_spans, wide), _places(BANDS, PATCH)
    return Attribution(edges, hertz, heat / np.outer(along, across), over_time / across, usual, quiet)


def grid(heard: WindowedAudio) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Return the edges of spans in samples and of bands in Hz, these evenly spaced in mel."""
    n_samples, rate = len(heard.samples), heard.sampling_rate
    n_spans = max(1, round(n_samples / (SPAN_S * rate)))
    edges = np.linspace(0, n_samples, n_spans + 1).round().astype(np.int64)
    return edges, to_hertz(np.linspace(0, to_mel(rate / 2), BANDS + 1))


def parts(samples: FloatArray, rate: int, edges: IntArray, hertz: npt.NDArray[np.float64]) -> Iterator[Piece]:
    """Yield each span of a sound, divided into bands, (n_bands, n_samples of it); all of them add up to the sound."""
    fade, ring = round(_FADE_S * rate / 2), round(_RING_S * rate)
    padded = np.pad(samples, fade + ring)
    mel = to_mel(hertz)
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


def _excess(heard: WindowedAudio, edges: IntArray, hertz: npt.NDArray[np.float64]) -> list[Piece]:
    """Return by how much each part of each span stands out of its band's background."""
    pieces = list(parts(heard.samples, heard.sampling_rate, edges, hertz))
    energies = np.array([np.square(piece.samples, dtype=np.float64).sum(axis=1) for piece in pieces])
    levels = np.sqrt(energies / np.diff(edges)[:, None])  # (n_spans, n_bands)
    background = np.quantile(levels, BACKGROUND, axis=0)
    shares = 1 - np.minimum(1, background / np.maximum(levels, 1e-12))
    return [
        Piece(piece.first, piece.samples * share[:, None].astype(np.float32))
        for piece, share in zip(pieces, shares, strict=True)
    ]


def _joined(pieces: list[Piece]) -> Piece:
    """Add up neighbouring pieces."""
    first, end = pieces[0].first, pieces[-1].end
    whole = np.zeros((BANDS, end - first), np.float32)
    for piece in pieces:
        whole[:, piece.first - first : piece.end - first] += piece.samples
    return Piece(first, whole)


def _places(n_cells: int, size: int) -> IntArray:
    """Return at how many places a patch of ``size`` cells holds each of a row of cells, (n_cells,)."""
    return np.convolve(np.ones(n_cells - size + 1, np.int64), np.ones(size, np.int64))


def _patches(bands: Piece) -> Piece:
    """Add up neighbouring bands at every place, then all bands: (n_places + 1, n_samples)."""
    places = [bands.samples[j : j + PATCH].sum(axis=0) for j in range(BANDS - PATCH + 1)]
    return Piece(bands.first, np.stack([*places, bands.samples.sum(axis=0)]))


def _without(runtime: Runtime, heard: WindowedAudio, logits: FloatArray, taken: Piece) -> FloatArray:
    """Return the answer's logits without each of some pieces of one place, (n_pieces, n_labels)."""
    first, end = max(taken.first, heard.start), min(taken.end, heard.end)
    length = heard.windows.shape[1]
    touched = np.flatnonzero((heard.firsts < end) & (heard.firsts + length > first) & (first < end))
    mean = np.repeat(logits.mean(axis=0, keepdims=True), len(taken.samples), axis=0)
    for k in touched:
        origin = int(heard.firsts[k])
        a, b = max(first, origin), min(end, origin + length)
        changed = np.repeat(heard.windows[k : k + 1], len(taken.samples), axis=0)
        changed[:, a - origin : b - origin] -= taken.samples[:, a - taken.first : b - taken.first]
        mean += (runtime.logits(changed) - logits[k]) / len(logits)
    return mean
