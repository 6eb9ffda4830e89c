"""What every format's writer can do."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from audio_emotion.core.types import Prediction
from audio_emotion.formats.result import Result, Source


class Writer:
    """One format. A document is ``head``; for each recording ``begin``, every ``segment``, ``end``; then ``tail``.

    Each returns the text to write, which may be empty. A writer serves one document: it may count what it has written.

    Attributes:
        suffix: what a file of this format is called.
        combines: whether answers of several recordings can stand in one document, each naming its file.
    """

    suffix: ClassVar[str]
    combines: ClassVar[bool] = True

    def __init__(self, labels: Sequence[str], *, many: bool = False, top_k: int | None = None) -> None:
        self.labels = tuple(labels)
        self.many = many
        self.top_k = top_k

    def head(self) -> str:
        """Return what stands before the first recording."""
        return ""

    def begin(self, source: Source) -> str:
        """Return what stands before a recording's segments."""
        return ""

    def segment(self, source: Source, said: Prediction) -> str:
        """Return one segment, or the one answer for a whole recording."""
        return ""

    def end(self, answer: Result) -> str:
        """Return what stands after a recording's segments, all of them known."""
        return ""

    def tail(self) -> str:
        """Return what stands after the last recording."""
        return ""

    def answer(self, answer: Result) -> str:
        """Return one recording's whole answer."""
        rows = (self.segment(answer.source, said) for said in answer.rows)
        return "".join([self.begin(answer.source), *rows, self.end(answer)])

    def render(self, answers: Iterable[Result]) -> str:
        """Return a whole document."""
        return "".join([self.head(), *(self.answer(answer) for answer in answers), self.tail()])


def clock(seconds: float, point: str = ".") -> str:
    """Return a time as ``HH:MM:SS.mmm``.

    >>> clock(3725.5)
    '01:02:05.500'
    """
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"
