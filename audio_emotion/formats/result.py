"""What is reported: an answer, where it comes from, and a recording's name as one word."""

from collections.abc import Sequence
from dataclasses import dataclass

from audio_emotion.core.types import Prediction


@dataclass(frozen=True, slots=True)
class Source:
    """Where an answer comes from.

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
    """What is said of one recording, and where it comes from.

    Attributes:
        file: the recording as the user named it.
        model: the model's name.
        device: where the model ran.
        prediction: the answer for the recording as a whole.
        segments: the answers along its time, in order; None where no timeline was asked for.
    """

    file: str
    model: str
    device: str
    prediction: Prediction
    segments: tuple[Prediction, ...] | None = None

    @property
    def source(self) -> Source:
        """Where the answer comes from."""
        return Source(self.file, self.model, self.device)

    @property
    def rows(self) -> tuple[Prediction, ...]:
        """The segments of a timeline, else the one answer: what a format made of rows writes."""
        return (self.prediction,) if self.segments is None else self.segments


def percent_encode(name: str, also: str) -> str:
    r"""Return a file name without what is not printable, bytes that are not UTF-8, ``%`` and ``also``, as a URL has it.

    No two names become the same word.

    >>> percent_encode("50% of\ncalls.wav", also=" ")
    '50%25%20of%0Acalls.wav'
    """
    return "".join(c if c.isprintable() and c not in also and c != "%" else _percent(c) for c in name)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def shares(segments: Sequence[Prediction]) -> dict[str, float]:
    """Return each answered label's share of the segments' time, 0 to 1, the largest first."""
    seconds: dict[str, float] = {}
    for said in segments:
        seconds[said.label] = seconds.get(said.label, 0.0) + said.end - said.start
    total = sum(seconds.values())
    ranked = sorted(seconds.items(), key=lambda entry: -entry[1])
    return {label: length / total for label, length in ranked} if total else {}
