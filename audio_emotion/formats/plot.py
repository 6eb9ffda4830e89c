"""A result as a picture: waveform, emotions and spectrogram, one above the other over the same time."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.mel import to_mel
from audio_emotion.core import paths
from audio_emotion.core.emotions import NO_SPEECH, UNKNOWN
from audio_emotion.core.errors import PackageError, UsageError
from audio_emotion.core.types import FloatArray, Prediction, Waveform
from audio_emotion.formats.conversation import summarize
from audio_emotion.formats.palette import colors_of
from audio_emotion.formats.result import Result
from audio_emotion.formats.writer import percentage, short_clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

COLUMNS = 1_500
"""Points or frames across the picture, however long the recording: what a screen can show."""

FRAME, BANDS = 1024, 96
"""Samples of a frame, and bands of a spectrogram."""

_FLOOR_DB = 80.0  # below the loudest cell

_WAVE_AND_RIBBON = [1.0, 0.32]  # inches
_DETAILS = [0.9, 1.9]  # inches, of the spectrogram and the probabilities
_PAGE, _INK, _SOFT, _WAVE = "#ffffff", "#1d2a33", "#566570", "#cfd8dd"

_MINUTE_S = 60.0
_TICK_STEPS_S = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400)
_MAX_TICKS = 12


WaveformOf = Callable[[int | None], Waveform]
"""Gives the waveform of a channel, counted from 1; of None, the mean of all."""


def draw_timeline(waveform_of: WaveformOf, *results: Result) -> "Figure":
    """Draw a recording and its emotions over time; the figure belongs to no window and no global state.

    Each speaker or channel has a lane: its waveform in the colors of the emotions, and a ribbon with their names,
    the stronger the surer. If there is one lane, it also has a spectrogram and a row of probabilities for each label.
    ``results`` are the predictions of one recording, one for each channel or one for all.
    """
    from matplotlib.figure import Figure

    rows = [row for result in results for row in result.rows]
    labels = list(results[0].prediction.scores)
    lanes = summarize(rows, require_speakers=False)
    heights = _WAVE_AND_RIBBON * max(1, len(lanes)) + (_DETAILS if len(lanes) < 2 else [])
    figure = Figure(figsize=(11, 0.9 + sum(heights)), layout="constrained", facecolor=_PAGE)
    axes = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0])
    colors = _colors(labels)
    end = max((row.end for row in rows), default=0.0)
    for number in range(max(1, len(lanes))):
        lane = lanes[number] if lanes else None
        waveform = waveform_of(lane.channel if lane else results[0].prediction.channel)
        end = max(end, waveform.start + waveform.duration)
        _draw_wave(axes[2 * number], waveform, lane.turns if lane else (), colors)
        _draw_ribbon(axes[2 * number + 1], lane.turns if lane else (), colors, end)
        axes[2 * number].set_ylabel(escape(lane.name) if lane and len(lanes) > 1 else "waveform")
    if len(lanes) < 2:
        draw_mel(axes[2], waveform, _light_map(), lowest_khz=1)
        _draw_scores(axes[3], rows, colors)
    _finish(figure, axes, waveform.start, end)
    axes[0].set_title(f"{title_of(results[0].source.file)}: {_verdict(results)}", loc="left", fontweight="bold")
    _add_legend(figure, rows, colors)
    return figure


def _finish(figure: "Figure", axes: Sequence["Axes"], start: float, end: float) -> None:
    """Give all panels the same time, in minutes from one minute on, and no frames."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    length = max(end - start, 1e-3)
    for panel in axes:
        panel.set_xlim(start, start + length)
        panel.set_facecolor(_PAGE)
        panel.tick_params(colors=_SOFT, labelcolor=_INK, length=0 if panel is not axes[-1] else 3)
        for side in panel.spines.values():
            side.set_visible(False)
    if length < _MINUTE_S:
        axes[-1].set_xlabel("time (s)", color=_SOFT)
        return
    # The smallest step that leaves at most twelve labels: at ten minutes every minute, at two hours every ten.
    step = next((step for step in _TICK_STEPS_S if length / step <= _MAX_TICKS), _TICK_STEPS_S[-1])
    axes[-1].xaxis.set_major_locator(MultipleLocator(step))
    axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: short_clock(seconds)))
    axes[-1].set_xlabel("time (h:mm:ss)" if length >= 60 * _MINUTE_S else "time (m:ss)", color=_SOFT)


def _verdict(results: Sequence[Result]) -> str:
    """Return what the title says: the prediction for the whole, or for each channel."""
    shown = []
    for result in results:
        whole = result.prediction
        of = f"channel {whole.channel} " if len(results) > 1 and whole.channel else ""
        shown.append(f"{of}{whole.label} {percentage(whole)}".strip())
    return escape(", ".join(shown))


def _add_legend(figure: "Figure", rows: Sequence[Prediction], colors: Mapping[str, str]) -> None:
    from matplotlib.patches import Patch

    present = {row.label for row in rows}
    patches = [Patch(color=color, label=escape(label)) for label, color in colors.items() if label in present]
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=min(10, len(patches)), frameon=False)


def _colors(labels: Sequence[str]) -> dict[str, str]:
    """Return the color of each label, of ``unknown`` and of ``no speech``, as on the web page."""
    return {label: light for label, (light, _) in zip([*labels, UNKNOWN, NO_SPEECH], colors_of(labels), strict=True)}


def _light_map() -> "Colormap":
    """Return colors for levels from the page's own to dark, so that quiet recordings are not a black box."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("page", [_PAGE, "#c5d6df", "#6d8b9b", "#2b6786", "#10222c"])


def escape(text: str) -> str:
    """Return text as one line that can be drawn."""
    return re.sub(r"\s", " ", paths.encodable(text)).replace("$", r"\$")  # a dollar sign would begin a formula


def title_of(file: str) -> str:
    """Return a recording's name as one line that can be drawn."""
    return escape(Path(file).name)


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
        raise UsageError("a plot is a .png or an .svg file", subject=paths.display_path(target), hint="name it so")
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


def _draw_wave(axes: "Axes", waveform: Waveform, turns: Sequence[Prediction], colors: Mapping[str, str]) -> None:
    """Draw the lowest and highest sample of each column, in the color of the turn that it belongs to."""
    samples = waveform.samples
    starts = np.unique(np.linspace(0, len(samples), COLUMNS, endpoint=False).astype(np.int64))
    times = waveform.start + starts / waveform.sampling_rate
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    axes.fill_between(times, low, high, step="post", linewidth=0, color=_WAVE)
    step = (times[1] - times[0]) if len(times) > 1 else 0.0
    for turn in turns:
        # The columns of a turn, and the one after them: "post" draws a column from its own time to the next one's.
        inside = slice(
            max(0, int(np.searchsorted(times, turn.start, side="right")) - 1),
            int(np.searchsorted(times, turn.end - step / 2)) + 1,
        )
        color = colors.get(turn.label, _WAVE)
        axes.axvspan(turn.start, turn.end, color=color, alpha=0.16, linewidth=0)
        if turn.label != NO_SPEECH:
            axes.fill_between(
                times[inside], low[inside], high[inside], step="post", linewidth=0.3, color=color, facecolor=color
            )
    axes.set_yticks([])


def _draw_ribbon(axes: "Axes", turns: Sequence[Prediction], colors: Mapping[str, str], end: float) -> None:
    """Draw a strip in the colors of the emotions, with their names where they fit; pale where the model is unsure."""
    for turn in turns:
        length = turn.end - turn.start
        alpha = 0.55 + 0.45 * turn.score
        axes.broken_barh([(turn.start, length)], (0, 1), color=colors.get(turn.label, _WAVE), alpha=alpha, linewidth=0)
    for start, stop, label in _runs(turns):
        if (stop - start) / max(end, 1e-3) > 0.012 * len(label) and label != NO_SPEECH:
            axes.text(start + 0.004 * end, 0.46, escape(label), va="center", fontsize=9, color=_INK, clip_on=True)
    axes.set_ylim(0, 1)
    axes.set_yticks([])


def _runs(turns: Sequence[Prediction]) -> Iterator[tuple[float, float, str]]:
    """Yield (start, end, label) of neighbours with the same label."""
    run: tuple[float, float, str] | None = None
    for turn in turns:
        if run and run[2] == turn.label and turn.start - run[1] < 1e-3:
            run = (run[0], turn.end, turn.label)
            continue
        if run:
            yield run
        run = (turn.start, turn.end, turn.label)
    if run:
        yield run


def draw_mel(axes: "Axes", waveform: Waveform, colors: "str | Colormap" = "magma", lowest_khz: float = 0.25) -> None:
    """Draw a spectrogram over the recording's time; its rows are 96 bands, evenly spaced in mel, from 0."""
    levels = mel_levels(waveform.samples, waveform.sampling_rate)
    top = waveform.sampling_rate / 2000
    axes.imshow(
        levels,
        origin="lower",
        aspect="auto",
        cmap=colors,
        extent=(waveform.start, waveform.start + waveform.duration, 0, BANDS),
        vmin=levels.max() - _FLOOR_DB,
        vmax=levels.max(),
    )
    ticks = [khz for khz in (0.25, 0.5, 1, 2, 4, 8, 16) if lowest_khz <= khz < top]
    scale = to_mel(np.array([0.0, *(1000 * khz for khz in ticks), 1000 * top]))
    axes.set_yticks(BANDS * scale[1:-1] / scale[-1], [f"{khz:g}" for khz in ticks])
    axes.set_ylabel("kHz")


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


def _draw_scores(axes: "Axes", rows: Sequence[Prediction], colors: Mapping[str, str]) -> None:
    """Draw a row for each label, its probability as the strength of its color."""
    from matplotlib.colors import to_rgb

    if not rows:
        axes.set_yticks([])
        return
    labels = list(rows[0].scores)
    grid = np.nan_to_num(score_grid(rows))
    shades = np.ones((*grid.shape, 4))
    for number, label in enumerate(labels):
        shades[number, :, :3] = to_rgb(colors[label])
    shades[..., 3] = grid
    extent = (0, max(row.end for row in rows), -0.5, len(labels) - 0.5)
    axes.imshow(shades, origin="lower", aspect="auto", extent=extent, interpolation="none")
    axes.set_yticks(range(len(labels)), [escape(label) for label in labels])
    axes.set_ylim(-0.5, len(labels) - 0.5)


def score_grid(segments: Sequence[Prediction]) -> npt.NDArray[np.float64]:
    """Return each label's score in each of 1,500 columns from 0 to the last segment's end, (n_labels, 1,500).

    Where segments overlap it is their mean; where there is none, or no speech, it is NaN.
    """
    scale = COLUMNS / max(segment.end for segment in segments)
    sums, counts = np.zeros((len(segments[0].scores), COLUMNS)), np.zeros(COLUMNS)
    for segment in segments:
        first = min(round(segment.start * scale), COLUMNS - 1)
        columns = slice(first, max(first + 1, round(segment.end * scale)))
        if any(segment.scores.values()):
            sums[:, columns] += np.array(list(segment.scores.values()))[:, None]
            counts[columns] += 1
    return np.asarray(np.where(counts, sums / np.maximum(counts, 1), np.nan))
