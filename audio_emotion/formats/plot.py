"""An answer as a picture: waveform, mel-spectrogram and emotions, one above the other over the same time."""

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.mel import to_mel
from audio_emotion.core import paths
from audio_emotion.core.errors import PackageError, UsageError
from audio_emotion.core.types import FloatArray, Prediction, Waveform
from audio_emotion.formats import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 1_500
"""Points or frames across the picture, however long the recording: what a screen can show."""

FRAME, BANDS = 1024, 96
"""Samples of a frame, and bands of a spectrogram."""

_FLOOR_DB = 80.0  # below the loudest cell


def draw_timeline(waveform: Waveform, answer: Result) -> "Figure":
    """Draw a recording and what was said of it; the figure belongs to no window and no global state.

    A recording without a timeline is one segment. Stretches without speech are blank among the emotions, those that
    are ``unknown`` have probabilities and no mark.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True, height_ratios=[1, 1.5, 1.5])
    _draw_wave(axes[0], waveform)
    draw_mel(axes[1], waveform)
    _draw_emotions(axes[2], answer.rows)
    axes[0].set_xlim(waveform.start, waveform.start + max(waveform.duration, 1e-3))
    axes[0].set_title(title_of(answer.source.file))
    axes[2].set_xlabel("time (s)")
    return figure


def title_of(file: str) -> str:
    """Return a recording's name as one line that can be drawn."""
    # a dollar sign would begin a formula
    return re.sub(r"\s", " ", Path(paths.encodable(file)).name).replace("$", r"\$")


def kind_of(target: Path) -> str:
    """Return what a plot is written as, ``png`` or ``svg``, by the end of its name; asked before there is work.

    Raises:
        UsageError: it ends in neither, or is a folder.
        PackageError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise PackageError("drawing needs a package that is not installed; run: pip install matplotlib")
    kind = target.suffix.lower().removeprefix(".")
    if kind not in {"png", "svg"} or target.is_dir():
        raise UsageError(f"{paths.display_path(target)}: a plot is a .png or an .svg file; name it so")
    return kind


def save(figure: "Figure", target: Path) -> None:
    """Write a figure as PNG or SVG, whichever ``target`` is called; at once or not at all.

    Raises:
        UsageError: it is called neither.
        PackageError: matplotlib is not installed.
        StorageError: it cannot be written.
    """
    kind = kind_of(target)
    with paths.writing_file(target) as sibling:
        figure.savefig(sibling, format=kind, dpi=120)


def _draw_wave(axes: "Axes", waveform: Waveform) -> None:
    """Draw the lowest and highest sample of each column."""
    samples = waveform.samples
    starts = np.unique(np.linspace(0, len(samples), COLUMNS, endpoint=False).astype(np.int64))
    times = waveform.start + starts / waveform.sampling_rate
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    axes.fill_between(times, low, high, step="post", linewidth=0.5)
    axes.set_ylabel("amplitude")


def draw_mel(axes: "Axes", waveform: Waveform, colours: str = "magma") -> None:
    """Draw a spectrogram over the recording's time; its rows are 96 bands, evenly spaced in mel, from 0."""
    levels = mel_levels(waveform.samples, waveform.sampling_rate)
    top = waveform.sampling_rate / 2000
    axes.imshow(
        levels,
        origin="lower",
        aspect="auto",
        cmap=colours,
        extent=(waveform.start, waveform.start + waveform.duration, 0, BANDS),
        vmin=levels.max() - _FLOOR_DB,
        vmax=levels.max(),
    )
    ticks = [khz for khz in (0.25, 0.5, 1, 2, 4, 8, 16) if khz < top]
    scale = to_mel(np.array([0.0, *(1000 * khz for khz in ticks), 1000 * top]))
    axes.set_yticks(BANDS * scale[1:-1] / scale[-1], [f"{khz:g}" for khz in ticks])
    axes.set_ylabel("frequency (kHz)")


def mel_levels(samples: FloatArray, sampling_rate: int) -> npt.NDArray[np.float64]:
    """Return the level of each mel band in dB re full scale, (96, n_frames), in at most 1,500 frames.

    Frames of 1,024 samples stand evenly over the recording, overlapping in a short one, apart in a long one.
    """
    padded = np.pad(samples, FRAME // 2)
    n_frames = min(COLUMNS, 1 + len(samples) // (FRAME // 4))
    starts = np.linspace(0, len(samples), n_frames).astype(np.int64)
    return frame_levels(np.stack([padded[start : start + FRAME] for start in starts]), sampling_rate)


def frame_levels(frames: FloatArray, sampling_rate: int) -> npt.NDArray[np.float64]:
    """Return the level of each mel band in dB re full scale, (96, n_frames), of frames (n_frames, 1024)."""
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME))) ** 2 / (FRAME / 2) ** 2
    return np.asarray(10 * np.log10(np.maximum(power @ _bands(sampling_rate).T, 1e-12)).T)


def _bands(sampling_rate: int) -> npt.NDArray[np.float64]:
    """Return triangles over the spectrum's bins, evenly spaced in mel, (96, n_bins); each has its nearest bin at least.

    These are for the eye. What the model reads is in :mod:`audio_emotion.models.frontends`.
    """
    bins = to_mel(np.fft.rfftfreq(FRAME, 1 / sampling_rate))
    edges = np.linspace(0, bins[-1], BANDS + 2)
    centre, width = edges[1:-1, None], edges[1]
    bands = np.maximum(0, 1 - np.abs(bins - centre) / width)
    nearest = np.abs(bins - centre).argmin(axis=1)
    rows = np.arange(BANDS)
    bands[rows, nearest] = np.maximum(bands[rows, nearest], 1e-3)
    return np.asarray(bands / bands.sum(axis=1, keepdims=True))


def _draw_emotions(axes: "Axes", segments: Sequence[Prediction]) -> None:
    """Draw a row a label: the probabilities as shades, the answers as bars at the bottom of their rows."""
    if not segments:
        return
    labels = list(segments[0].scores)
    shades = score_grid(segments)
    end = max(said.end for said in segments)
    extent = (0, end, -0.5, len(labels) - 0.5)
    axes.imshow(
        shades, origin="lower", aspect="auto", cmap="Blues", vmin=0, vmax=1, extent=extent, interpolation="none"
    )
    for row, label in enumerate(labels):
        bars = [(said.start, said.end - said.start) for said in segments if said.label == label]
        axes.broken_barh(bars, (row - 0.5, 0.2), color="tab:orange")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(-0.5, len(labels) - 0.5)


def score_grid(segments: Sequence[Prediction]) -> npt.NDArray[np.float64]:
    """Return each label's score in each of 1,500 columns from 0 to the last segment's end, (n_labels, 1,500).

    Where segments overlap it is their mean; where there is none, or no speech, it is NaN.
    """
    scale = COLUMNS / max(said.end for said in segments)
    sums, counts = np.zeros((len(segments[0].scores), COLUMNS)), np.zeros(COLUMNS)
    for said in segments:
        first = min(round(said.start * scale), COLUMNS - 1)
        columns = slice(first, max(first + 1, round(said.end * scale)))
        if any(said.scores.values()):
            sums[:, columns] += np.array(list(said.scores.values()))[:, None]
            counts[columns] += 1
    return np.asarray(np.where(counts, sums / np.maximum(counts, 1), np.nan))
