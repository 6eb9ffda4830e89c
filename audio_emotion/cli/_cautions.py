"""What ``infer`` says in the end of recordings whose answers are to be taken with care."""

from collections.abc import Iterator

from audio_emotion.prediction import Model
from audio_emotion.records import Prediction

SHORT_S = 1.0
"""Seconds of sound below which an answer is to be taken with care: a word or two. A model listens to about 3 s at a
time, and the clips that it learnt from are seldom under 2 s."""


class Cautions:
    """What there is to be said: of one recording by its name, of several in one line."""

    def __init__(self, model: Model) -> None:
        self._rate = model.config.sampling_rate
        self._window_s = model.config.window_samples / self._rate
        self._short: list[str] = []
        self._muffled: list[str] = []

    def see(self, name: str, said: Prediction) -> None:
        """Look at how long a recording is that was answered as a whole."""
        seconds = said.end - said.start
        if seconds < SHORT_S:
            self._short.append(f"{name} is short, {seconds:.1f} s of sound")

    def hear(self, name: str, sampling_rate: int) -> None:
        """Look at the rate, in Hz, that a recording was made at."""
        if sampling_rate < self._rate:
            self._muffled.append(f"{name} has {sampling_rate} Hz")

    def lines(self) -> Iterator[str]:
        """Yield a line for each kind of caution that there is."""
        if self._short:
            yield (
                f"{_one_of(self._short)}: the model listens to {self._window_s:g} s at a time, so take "
                f"{'those answers' if self._short[1:] else 'the answer'} with care"
            )
        if self._muffled:
            yield (f"{_one_of(self._muffled)}, below the model's {self._rate} Hz: it lacks what was heard in training")


def _one_of(told: list[str]) -> str:
    """Return the first, and how many others there are."""
    return told[0] + (f" (and so with {len(told) - 1} more)" if told[1:] else "")
