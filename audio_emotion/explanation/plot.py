"""An explanation as a plot: the spectrogram with the parts for and against a label, and the probabilities."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.mel import to_mel
from audio_emotion.evaluation.plots import LIGHT, colour
from audio_emotion.explanation import NOISE, Explanation
from audio_emotion.formats.plot import BANDS, draw_mel, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

FOR, AGAINST = LIGHT.second, LIGHT.accent
_OPACITY = 0.8  # of the heat where it is strongest

_HOW = {
    "occlusion": "Log-odds that the label loses when 0.3 s are lowered to the recording's background: "
    "three bands above, all bands below.",
    "gradients": "What each cell (above) and each span (below) adds to the log-odds, from the recording's "
    "background to the recording.",
}


def draw_explanation(explanation: Explanation, file: str) -> "Figure":
    """Draw an explanation; ``file`` is the recording's name.

    The figure belongs to no window and no global state.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained", facecolor="white")
    (mel, scores), (along, words) = figure.subplots(2, 2, width_ratios=[3.2, 1], height_ratios=[2.2, 1])
    draw_mel(mel, explanation.waveform, "Greys")
    bar = figure.colorbar(_draw_heat(mel, explanation), ax=mel, pad=0.01, fraction=0.04)
    bar.outline.set_visible(False)
    _draw_along(along, explanation)
    along.sharex(mel)
    mel.tick_params(labelbottom=False)
    _draw_scores(scores, explanation)
    _write(words, explanation)
    for axes in figure.axes:
        colour(axes, LIGHT)
    figure.suptitle(f"{title_of(file)}: parts that support “{explanation.label}”", color=LIGHT.ink)
    return figure


def colours() -> "Colormap":
    """Return the colors of importance: opaque at both ends, transparent in the middle."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    ends = [to_rgba(AGAINST, _OPACITY), to_rgba(AGAINST, 0), to_rgba(FOR, 0), to_rgba(FOR, _OPACITY)]
    return LinearSegmentedColormap.from_list("importance", list(zip((0, 0.5, 0.5, 1), ends, strict=True)))


def _draw_heat(axes: "Axes", explanation: Explanation) -> "AxesImage":
    """Draw each cell's importance over a spectrogram."""
    attribution, times = explanation.attribution, explanation.times
    rows = BANDS * to_mel(attribution.hertz) / to_mel(explanation.waveform.sampling_rate / 2)
    across, up = np.linspace(times[0], times[-1], 4 * len(times)), np.linspace(0, BANDS, 2 * BANDS)
    lines = np.array([np.interp(across, _middles(times), line) for line in attribution.heat])
    shown = np.array([np.interp(up, _middles(rows), line) for line in lines.T]).T
    most = _most(attribution.heat)
    ends = axes.axis()
    drawn = axes.imshow(
        shown,
        origin="lower",
        aspect="auto",
        cmap=colours(),
        extent=(times[0], times[-1], 0, BANDS),
        vmin=-most,
        vmax=most,
        interpolation="bilinear",
    )
    axes.axis(ends)
    return drawn


def _draw_along(axes: "Axes", explanation: Explanation) -> None:
    over_time, times = explanation.attribution.over_time, explanation.times
    for sign, tint in ((1, FOR), (-1, AGAINST)):
        axes.stairs(sign * np.maximum(0, sign * over_time), times, fill=True, color=tint, alpha=_OPACITY)
    axes.axhline(0, color=LIGHT.muted, linewidth=0.8)
    most = _most(over_time)
    low = min(0.0, over_time.min())
    axes.set(ylim=(low - 0.1 * most, max(over_time.max(), low + most) + 0.1 * most))
    axes.set(xlabel="time (s)", ylabel="importance (log-odds)")


def _draw_scores(axes: "Axes", explanation: Explanation) -> None:
    """Draw the probability of each label; the explained one is colored."""
    scores = explanation.prediction.scores
    tints = [FOR if label == explanation.label else LIGHT.muted for label in scores]
    bars = axes.barh(list(scores), [100 * score for score in scores.values()], color=tints, height=0.7)
    axes.bar_label(bars, [f"{100 * score:.1f}" for score in scores.values()], padding=3, color=LIGHT.ink, fontsize=9)
    axes.set(xlim=(0, 118), xticks=[0, 50, 100], xlabel="probability, %")
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)


def _write(axes: "Axes", explanation: Explanation) -> None:
    """Write what the colors and numbers mean."""
    axes.set_axis_off()
    attribution = explanation.attribution
    lines = [
        ("orange: supports the label", FOR),
        ("blue: speaks against the label", AGAINST),
        (f"log-odds {attribution.log_odds:+.2f}, of the background {attribution.background:+.2f}", LIGHT.ink),
        (textwrap.fill(_HOW[explanation.method], 42), LIGHT.ink),
    ]
    for line, (words, tint) in enumerate(lines):
        axes.text(0, 0.95 - 0.17 * line, words, color=tint, va="top", fontsize=9, transform=axes.transAxes)


def _most(numbers: npt.NDArray[np.float64]) -> float:
    """Return how far colors or an axis reach to either side, in log-odds; noise stays pale."""
    return max(float(np.abs(numbers).max()), NOISE)


def _middles(edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((edges[1:] + edges[:-1]) / 2)
