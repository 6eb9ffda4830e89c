"""How a timeline is cut, answered and joined."""

from dataclasses import dataclass
from typing import Literal

from audio_emotion.core.errors import UsageError

Smoothing = Literal["median", "viterbi"]


@dataclass(frozen=True, slots=True)
class TimelineConfig:
    """How a sound is cut, answered and joined.

    Attributes:
        window_s: seconds of sound behind each answer; None: the model's own window.
        hop_s: seconds from one window to the next; at most ``window_s``.
        merge: whether neighbours of one label become one segment, its scores their mean by duration.
        min_duration_s: segments shorter than this, once merged, are left out; above 0 it merges.
        smooth: None; ``median``: each label's score becomes its median over five windows, made to sum to 1;
            ``viterbi``: the likeliest sequence of labels where a label stays from one window to the next with
            a probability of 0.9, and every other is equally likely; scores stay as they are. The sequence is
            decided 64 windows later at the latest. Both work on runs of windows between pauses.
        min_confidence: what no label scores as high as is answered ``unknown``, 0 to 1.
        gate: whether windows of silence, hum, noise and steady tones are answered ``no speech``.
        vad: whether windows without a voice are so too (extra ``vad``).

    Raises:
        UsageError: a value out of its range.
    """

    window_s: float | None = None
    hop_s: float = 1.0
    merge: bool = False
    min_duration_s: float = 0.0
    smooth: Smoothing | None = None
    min_confidence: float = 0.0
    gate: bool = True
    vad: bool = False

    def __post_init__(self) -> None:
        limits = {
            "window_s": (3.0 if self.window_s is None else self.window_s, 0.1, 600.0),
            "hop_s": (self.hop_s, 0.01, 600.0),
            "min_duration_s": (self.min_duration_s, 0.0, float("inf")),
            "min_confidence": (self.min_confidence, 0.0, 1.0),
        }
        problems = [
            f"{k} is {v:g}, expected {low:g} to {high:g}"
            for k, (v, low, high) in limits.items()
            if not low <= v <= high
        ]
        if self.smooth not in (None, "median", "viterbi"):
            problems.append(f"smooth is {self.smooth!r}, expected median or viterbi")
        if problems:
            raise UsageError("; ".join(problems))


DEFAULTS = TimelineConfig()


def grid(sampling_rate: int, window_samples: int, config: TimelineConfig) -> tuple[int, int]:
    """Return the length of a timeline's windows and the way from one to the next, in samples.

    Raises:
        UsageError: the hop is longer than the window.
    """
    window_s = window_samples / sampling_rate if config.window_s is None else config.window_s
    if config.hop_s > window_s:
        raise UsageError(
            f"the hop is {config.hop_s:g} s and the window {window_s:g} s: what lies between windows "
            "would not be heard; take a hop of at most the window"
        )
    return round(window_s * sampling_rate), max(1, round(config.hop_s * sampling_rate))
