"""What the writers of all formats have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import Prediction, Turn
from audio_emotion.formats.result import Result, Source


@dataclass(eq=False)
class Writer:
    """One format. A document is ``head``; for each recording ``begin``, every ``segment``, ``end``; then ``tail``.

    Each method returns the text to write, which may be empty. A writer serves one document, so it may keep count.

    Attributes:
        suffix: what is appended to the name of a file in this format.
        combines: whether several results can stand in one document.
        labels: the model's labels.
        many: whether results of several recordings go into one document.
        top_k: how many probabilities the text format lists; None: all.
    """

    suffix: ClassVar[str]
    combines: ClassVar[bool] = True

    labels: Sequence[str]
    many: bool = field(default=False, kw_only=True)
    top_k: int | None = field(default=None, kw_only=True)

    def head(self) -> str:
        """Return what comes before the first recording."""
        return ""

    def begin(self, source: Source) -> str:
        """Return what comes before a recording's segments."""
        return ""

    def segment(self, source: Source, prediction: Prediction) -> str:
        """Return one segment, or the prediction for a recording as a whole."""
        return ""

    def end(self, result: Result) -> str:
        """Return what comes after a recording's segments; all of them are known by then."""
        return ""

    def tail(self) -> str:
        """Return what comes after the last recording."""
        return ""

    def result(self, result: Result) -> str:
        """Return all of one recording's result."""
        rows = (self.segment(result.source, prediction) for prediction in result.rows)
        return "".join([self.begin(result.source), *rows, self.end(result)])

    def render(self, results: Iterable[Result]) -> str:
        """Return a whole document."""
        return "".join([self.head(), *(self.result(result) for result in results), self.tail()])


def clock(seconds: float, point: str = ".") -> str:
    """Return a time as ``HH:MM:SS.mmm``.

    >>> clock(3725.5)
    '01:02:05.500'
    """
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def short_clock(seconds: float) -> str:
    """Return a time for people.

    >>> short_clock(75.4), short_clock(3725)
    ('1:15', '1:02:05')
    """
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def speaker_of(prediction: Prediction) -> str:
    """Return the speaker as one line; empty if unknown."""
    return " ".join(prediction.speaker.split()) if isinstance(prediction, Turn) else ""


def text_of(prediction: Prediction) -> str:
    """Return the words as one line; empty if unknown."""
    return " ".join(prediction.text.split()) if isinstance(prediction, Turn) else ""


def percentage(prediction: Prediction) -> str:
    """Return ``81%``; empty for ``no speech`` and ``unknown``, which have no probability of their own."""
    return f"{100 * prediction.score:.0f}%" if prediction.label in prediction.scores else ""


def emotion_tag(prediction: Prediction) -> str:
    """Return what stands in front of a turn's words: ``[angry 81%]``, ``[unknown]``; nothing for ``no speech``."""
    if prediction.label == NO_SPEECH:
        return ""
    return f"[{' '.join(filter(None, (prediction.label, percentage(prediction))))}]"


def words_with_speaker(prediction: Prediction) -> str:
    """Return ``ANNA: Good morning``, or the part of it that is known."""
    speaker, text = speaker_of(prediction), text_of(prediction)
    if not speaker:
        return text
    return f"{speaker}: {text}" if text else f"{speaker}:"
