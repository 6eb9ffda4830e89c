"""What the writers write: a prediction for a recording, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

from audio_emotion.audio.notes import Note
from audio_emotion.core.types import Prediction


@dataclass(frozen=True, slots=True)
class Source:
    """Where a prediction comes from.

    Attributes:
        file: the recording as the user named it.
        model: the model's name.
        device: where the model ran.
    """

    file: str
    model: str
    device: str


@dataclass(frozen=True, slots=True)
class Result:
    """The predictions for one recording.

    Attributes:
        source: the recording, and the model.
        prediction: the prediction for the recording as a whole.
        segments: the predictions over its time or for its turns, in order; None for a recording without either.
        notes: what to know of the recording, as that it is truncated.
    """

    source: Source
    prediction: Prediction
    segments: tuple[Prediction, ...] | None = None
    notes: tuple[Note, ...] = ()

    @property
    def rows(self) -> tuple[Prediction, ...]:
        """The segments, or else the prediction for the whole: what a format made of rows writes."""
        return (self.prediction,) if self.segments is None else self.segments


def percent_encode(name: str, also: str) -> str:
    r"""Return a file name with ``%``, the characters of ``also`` and what cannot be printed escaped as in a URL.

    Different names stay different.

    >>> percent_encode("50% of\ncalls.wav", also=" ")
    '50%25%20of%0Acalls.wav'
    """
    return "".join(c if c.isprintable() and c not in also and c != "%" else _percent(c) for c in name)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def shares(segments: Sequence[Prediction]) -> dict[str, float]:
    """Return each label's share of the segments' time, 0 to 1, the largest first."""
    seconds: dict[str, float] = {}
    for segment in segments:
        seconds[segment.label] = seconds.get(segment.label, 0.0) + segment.end - segment.start
    total = sum(seconds.values())
    ranked = sorted(seconds.items(), key=lambda entry: -entry[1])
    return {label: length / total for label, length in ranked} if total else {}
