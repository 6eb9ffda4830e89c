"""Settings of a timeline."""

from dataclasses import dataclass
from typing import Literal

from audio_emotion.core.errors import UsageError
from audio_emotion.core.schema import check, choice, number

Smoothing = Literal["median", "viterbi"]


@dataclass(frozen=True, slots=True)
class TimelineConfig:
    """Settings of a timeline.

    Attributes:
        window_s: window length in seconds; None: the model's own.
        hop_s: seconds between the starts of two windows; at most ``window_s``.
        merge: whether adjacent segments with the same label are merged; scores are averaged, weighted by duration.
        min_duration_s: drop shorter segments after merging; a value above 0 implies ``merge``.
        smooth: None; ``median``: the median of each label's score over five windows, scaled to sum to 1; ``viterbi``:
            the most likely sequence of labels, if a label stays the same from one window to the next with a
            probability of 0.9 and all other labels are equally likely. Viterbi does not change scores, and decides
            after at most 64 windows. Both work on runs of windows between pauses.
        min_confidence: segments with a lower score, 0 to 1, get the label ``unknown``.
        gate: whether windows of silence, hum, noise and steady tones get the label ``no speech``.
        vad: whether windows without a voice do too (extra ``vad``).

    Raises:
        UsageError: a value is out of range.
    """

    window_s: float | None = number(None, 0.1, 600.0, "s")
    hop_s: float = number(1.0, 0.01, 600.0, "s")
    merge: bool = False
    min_duration_s: float = number(0.0, 0.0, unit="s")
    smooth: Smoothing | None = choice("median", "viterbi", default=None)  # noqa: RUF009 (a field)
    min_confidence: float = number(0.0, 0.0, 1.0)
    gate: bool = True
    vad: bool = False

    def __post_init__(self) -> None:
        check(self)


DEFAULTS = TimelineConfig()


def grid(sampling_rate: int, window_samples: int, config: TimelineConfig) -> tuple[int, int]:
    """Return the window length and the hop of a timeline, in samples.

    Raises:
        UsageError: the hop is longer than the window.
    """
    window_s = window_samples / sampling_rate if config.window_s is None else config.window_s
    if config.hop_s > window_s:
        raise UsageError(
            f"the hop is {config.hop_s:g} s and the window {window_s:g} s, so sound between windows would be skipped; "
            "use a hop of at most the window length"
        )
    return round(window_s * sampling_rate), max(1, round(config.hop_s * sampling_rate))
