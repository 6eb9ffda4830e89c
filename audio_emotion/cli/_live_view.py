"""The live view of ``listen`` in a terminal: a bar per emotion, the level, and a strip for the last minute."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from audio_emotion import formats
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import Prediction
from audio_emotion.inference.live import LiveResult, Session, Waiting

_COLOURS = ("white", "cyan", "yellow", "blue", "red", "magenta", "green", "bright_magenta")
_HALF_LIFE_S = 0.75
_REDRAW_S = 0.125  # for the level; predictions are drawn immediately
_LATE_S = 1.0  # later predictions are not drawn, to catch up
_STRIP_S = 60
_LOWEST_DB = -60.0


class Smoothed:
    """Smoothed scores for the bars: a prediction counts half as much as one 0.75 s later.

    A pause resets them.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._silent = dict.fromkeys(labels, 0.0)
        self.scores: Mapping[str, float] = self._silent

    def take(self, prediction: Prediction) -> None:
        """Add the next prediction."""
        if prediction.label == NO_SPEECH or self.scores is self._silent:
            self.scores = self._silent if prediction.label == NO_SPEECH else prediction.scores
            return
        # The old scores count half after one half-life, however many predictions come in it.
        old = 0.5 ** ((prediction.end - prediction.start) / _HALF_LIFE_S)
        self.scores = {
            label: old * self.scores[label] + (1 - old) * score for label, score in prediction.scores.items()
        }


def letters(labels: Sequence[str]) -> dict[str, str]:
    """Return a unique letter for each label: the first letter of its name that is free.

    >>> letters(["sad", "surprised", "angry", "?"])
    {'sad': 'S', 'surprised': 'U', 'angry': 'A', '?': '1'}
    """
    found: dict[str, str] = {}
    for label in labels:
        own = [c for c in label.upper() if c.isalpha()]
        free = (c for c in [*own, *"123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"] if c not in found.values())
        found[label] = next(free, "*")
    return found


class View:
    """The live view, a context manager; needs a terminal that can be redrawn."""

    def __init__(self, info: formats.Source, labels: Sequence[str], console: Console | None = None) -> None:
        self._info, self._labels = info, tuple(labels)
        self._letters = letters(labels)
        self._colours = {label: _COLOURS[number % len(_COLOURS)] for number, label in enumerate(labels)}
        self._smoothed = Smoothed(labels)
        self._past: deque[Prediction] = deque()
        self._session: Session | None = None
        self._waiting: Waiting | None = None
        self._live = Live(console=console or Console(), auto_refresh=False, transient=True)
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def on_result(self, result: LiveResult) -> None:
        self._smoothed.take(result.prediction)
        self._past.append(result.prediction)
        while self._past[0].end < result.prediction.end - _STRIP_S:
            self._past.popleft()
        if result.ended_at is not None and time.monotonic() - result.ended_at < _LATE_S:
            self._draw()

    def moved(self, session: Session) -> None:
        self._session, self._waiting = session, None
        if time.monotonic() - self._drawn >= _REDRAW_S:
            self._draw()

    def waiting(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._draw()

    def _draw(self) -> None:
        self._live.update(self.picture(), refresh=True)
        self._drawn = time.monotonic()  # after drawing, so that a slow terminal leaves time to listen

    def picture(self) -> RenderableType:
        """Return the complete view."""
        scores = self._smoothed.scores
        best = max(scores, key=lambda label: scores[label])
        if not scores[best]:
            headline = Text(NO_SPEECH, style="dim")
        else:
            headline = Text(f"{best} {100 * scores[best]:.0f}%", style=f"bold {self._colours[best]}")
        heading = Text(f"{display_path(self._info.file)} · {self._info.model} on {self._info.device}", style="dim")
        return Group(heading, headline, self._bars(scores), self._strip(), self._footer())

    def _bars(self, scores: Mapping[str, float]) -> RenderableType:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=max(len(label) for label in (*self._labels, "level")) + 2, no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(width=8, justify="right", no_wrap=True)
        for label, score in scores.items():
            bar = Bar(1.0, 0.0, score, color=self._colours[label])
            table.add_row(f"{self._letters[label]} {label}", bar, f"{100 * score:.0f}%")
        level_db = self._session.level_db if self._session else _LOWEST_DB
        loudness = min(1.0, max(0.0, 1 - level_db / _LOWEST_DB))
        table.add_row("  level", Bar(1.0, 0.0, loudness), f"{level_db:.0f} dB")
        return table

    def _strip(self) -> RenderableType:
        """Return one cell per second, the newest on the right: the letter of the label, or · for no speech."""
        now = int(self._past[-1].end) if self._past else 0
        strip = Text("last minute  " if self._live.console.width >= _STRIP_S + 13 else "", no_wrap=True)
        answers = iter(self._past)
        prediction = next(answers, None)
        for second in range(now - _STRIP_S, now):
            # second       |   12   |   13   |   14   |
            # middle           ^        ^        ^          the prediction at the middle of a second is shown
            # predictions |----- a -----|- b -|             12: a, 13: b, 14: none yet
            while prediction is not None and prediction.end <= second + 0.5:
                prediction = next(answers, None)
            if prediction is None or second < 0 or prediction.start > second + 0.5:
                strip.append(" ")
            elif prediction.label in self._letters:
                strip.append(self._letters[prediction.label], f"bold black on {self._colours[prediction.label]}")
            else:
                strip.append("·" if prediction.label == NO_SPEECH else "?", "dim")
        if self._live.console.width < _STRIP_S:
            strip = strip[_STRIP_S - self._live.console.width :]
        return strip

    def _footer(self) -> RenderableType:
        if self._waiting:
            waited, limit = self._waiting.waited_s, self._waiting.limit_s
            return Text(f"the device is gone; waiting for it ({waited:.0f} of {limit:g} s)", style="bold")
        if self._session is None:
            return Text("listening …")
        summary = self._session.summary()
        parts = [f"{int(summary.seconds) // 60}:{int(summary.seconds) % 60:02}"]
        latency, most = summary.latency_s(0.5), summary.latency_s(0.95)
        if latency is not None and most is not None:
            parts.append(f"sound to bar {1000 * latency:.0f} ms (95% within {1000 * most:.0f} ms)")
        parts += [f"{summary.n_overflows} overflows"] if summary.n_overflows else []
        parts += [f"{summary.lost_s:.1f} s lost"] if summary.lost_s else []
        return Text(" · ".join([*parts, "Ctrl-C stops"]), style="dim")
