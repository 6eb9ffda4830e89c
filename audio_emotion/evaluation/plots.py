"""Plots of an evaluation and of a training run, as self-contained SVG in a light or a dark theme.

Drawn through matplotlib's Figure, without pyplot: nothing global is changed, and no display is needed.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_emotion.evaluation.metrics import Bin, Confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History = Sequence[Mapping[str, Any]]
"""Epochs of one run, each with ``number``, ``loss`` and ``validation_uar`` (0 to 1, or None)."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of text, of axes and grid, of the data, of a second series, and of an empty cell."""

    ink: str
    muted: str
    accent: str
    second: str
    empty: str


LIGHT = Theme(ink="#1b2330", muted="#8a94a3", accent="#2563a8", second="#c2571a", empty="#f3f5f8")
DARK = Theme(ink="#e4e8ee", muted="#7d8794", accent="#6db1f2", second="#f0a060", empty="#1e242d")


def confusion_matrix(confusion: Confusion, theme: Theme) -> str:
    """Plot the confusion matrix: the percentage of each target's utterances with each answer."""
    from matplotlib.colors import LinearSegmentedColormap

    totals = [sum(row) for row in confusion.counts]
    shares = [[count / total for count in row] for row, total in zip(confusion.counts, totals, strict=True)]
    n_rows, n_columns = len(confusion.targets), len(confusion.answers)
    figure = _figure(1.5 + 0.5 * n_columns, 1.3 + 0.46 * n_rows)
    axes = figure.subplots()
    colours = LinearSegmentedColormap.from_list("shares", [theme.empty, theme.accent])
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(n_columns), confusion.answers, rotation=40, ha="right", rotation_mode="anchor")
    names = [f"{name} ({total})" for name, total in zip(confusion.targets, totals, strict=True)]
    axes.set_yticks(range(n_rows), names)
    axes.set_xlabel("answered, % of the row")
    axes.set_ylabel("what it was (utterances)")
    for row, line in enumerate(shares):
        for column, share in enumerate(line):
            if share:
                ink = _ink_on(colours(share))
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=ink)
    axes.spines[:].set_visible(False)
    axes.set_xticks([x - 0.5 for x in range(1, n_columns)], minor=True)
    axes.set_yticks([y - 0.5 for y in range(1, n_rows)], minor=True)
    axes.grid(which="minor", color=theme.muted, linewidth=0.3)
    axes.tick_params(which="both", length=0)
    return _svg(figure, theme)


def reliability_diagram(bins: Sequence[Bin], theme: Theme) -> str:
    """Plot the accuracy for each range of confidence, and below it the number of answers."""
    figure = _figure(5.0, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    filled = [b for b in bins if b.count]
    middles = [(b.lower + b.upper) / 2 for b in filled]
    width = 0.9 / len(bins)
    upper.plot([0, 1], [0, 1], color=theme.muted, linestyle="--", linewidth=1)
    upper.bar(middles, [b.accuracy or 0 for b in filled], width, color=theme.accent)
    upper.set(ylim=(0, 1), xlim=(0, 1), ylabel="share that is right")
    lower.bar(middles, [b.count for b in filled], width, color=theme.muted)
    lower.set(xlabel="score of the answer", ylabel="answers")
    return _svg(figure, theme)


def training_curves(histories: Mapping[str, History], theme: Theme) -> str:
    """Draw the training loss and the validation UAR over the epochs, a line for each run."""
    figure = _figure(5.0, 4.6)
    losses, scores = figure.subplots(2, 1, sharex=True)
    alone = len(histories) == 1
    for history in histories.values():
        style: dict[str, Any] = {"linewidth": 1.8 if alone else 1, "alpha": 1 if alone else 0.6}
        epochs = [epoch["number"] for epoch in history]
        losses.plot(epochs, [epoch["loss"] for epoch in history], color=theme.accent, **style)
        held_out = [epoch for epoch in history if epoch["validation_uar"] is not None]
        scores.plot(
            [epoch["number"] for epoch in held_out],
            [100 * epoch["validation_uar"] for epoch in held_out],
            color=theme.second,
            **style,
        )
    losses.set(ylabel="training loss")
    scores.set(ylabel="validation UAR, %", xlabel="epoch")
    scores.xaxis.get_major_locator().set_params(integer=True)
    return _svg(figure, theme)


@dataclass(frozen=True, slots=True)
class Slice:
    """One setting of a search: its value by trial, its choices if it has any, and whether its axis goes by ratio."""

    values: Mapping[int, Any]
    choices: tuple[str, ...]
    log: bool


def search_history(scores: Mapping[int, float], full: set[int], theme: Theme) -> str:
    """Draw each trial's validation UAR in per cent by its number, those not in ``full`` hollow, and the best so far."""
    figure = _figure(6.0, 3.4)
    axes = figure.subplots()
    _dots(axes, {number: number for number in scores}, scores, full, theme)
    best, so_far = [], float("-inf")
    for number in sorted(full):
        so_far = max(so_far, scores[number])
        best.append(so_far)
    axes.step(sorted(full), best, where="post", color=theme.second, linewidth=1.5)
    axes.set(xlabel="trial", ylabel="validation UAR, %")
    axes.locator_params(axis="x", integer=True)
    return _svg(figure, theme)


def search_slices(scores: Mapping[int, float], full: set[int], slices: Mapping[str, Slice], theme: Theme) -> str:
    """Draw the validation UAR over each setting of a search, a panel each."""
    n_columns = min(3, len(slices))
    n_rows = -(-len(slices) // n_columns)
    figure = _figure(3.2 * n_columns, 2.6 * n_rows)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, (name, trials) in zip(panels, slices.items(), strict=False):
        places = {n: trials.choices.index(v) if trials.choices else v for n, v in trials.values.items()}
        if trials.log:
            axes.set_xscale("log")
        _dots(axes, places, scores, full, theme)
        axes.set(xlabel=name, ylabel="UAR, %")
        if trials.choices:
            axes.set_xticks(range(len(trials.choices)), trials.choices, rotation=20)
    for axes in panels[len(slices) :]:
        axes.set_visible(False)
    return _svg(figure, theme)


def _dots(axes: "Axes", x: Mapping[int, Any], y: Mapping[int, float], full: set[int], theme: Theme) -> None:
    for numbers, fill in ((full, theme.accent), (set(x) - full, "none")):
        shown = sorted(numbers & set(x))
        axes.scatter([x[n] for n in shown], [y[n] for n in shown], s=22, facecolors=fill, edgecolors=theme.accent)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _ink_on(ground: tuple[float, ...]) -> str:
    """Return the one of the two themes' inks that can be read on a colour."""
    red, green, blue, *_ = ground
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    return LIGHT.ink if luminance > 0.5 else DARK.ink


def _svg(figure: "Figure", theme: Theme) -> str:
    from matplotlib import rc_context

    for axes in figure.axes:
        colour(axes, theme)
    drawn = io.StringIO()
    with rc_context({"svg.hashsalt": "audio-emotion"}):  # names inside the drawing, and so its bytes, repeat
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    return drawn.getvalue()


def colour(axes: "Axes", theme: Theme) -> None:
    """Set the colours of axes and text."""
    axes.tick_params(which="both", colors=theme.muted, labelcolor=theme.ink)
    axes.xaxis.label.set_color(theme.ink)
    axes.yaxis.label.set_color(theme.ink)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.muted)
