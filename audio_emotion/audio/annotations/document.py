"""The text of an annotation file, the entries that a reader finds in it, and the problems on the way."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from audio_emotion.audio.segments import Segment
from audio_emotion.core.errors import UsageError
from audio_emotion.core.paths import display_path

EXPECTED = "a transcript or segments (Whisper JSON, WebVTT, SRT, RTTM, TextGrid, EAF, labels, or a table)"

_CLOCK = re.compile(r"(-?)(?:(\d+) days? )?(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")


class UnreadableError(Exception):
    """The structure of a file is not what its format needs, so that none of it can be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A segment, and where it comes from.

    Attributes:
        where: its place in the file, such as ``line 7``.
        segment: its times are not checked yet.
        recording: the recording that it belongs to, as the file names it; None if the file names none.
    """

    where: str
    segment: Segment
    recording: str | None = None


class Problems:
    """Entries that were skipped, counted by kind: a file with a thousand bad lines gives one message."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def skip(self, kind: str, where: str, message: str) -> None:
        """Note that the entry at ``where`` is skipped."""
        self._first.setdefault(kind, f"{where}: {message}")
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def first(self) -> str | None:
        """Return the first problem; None if there is none."""
        return next(iter(self._first.values()), None)

    def lines(self, name: str) -> list[str]:
        """Return one message for each kind of problem in the file ``name``."""
        messages = []
        for kind, message in self._first.items():
            others = self._counts[kind] - 1
            more = f" ({others} more like it)" if others else ""
            messages.append(f"{name}, {message}; skipped{more}")
        return messages


@dataclass(frozen=True, slots=True)
class Document:
    """An annotation file.

    Attributes:
        path: where it is.
        text: its content, with LF line ends.
        problems: what a reader skips goes here.
        notes: what the user should know, one line each.
    """

    path: Path
    text: str
    problems: Problems = field(default_factory=Problems)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path as messages show it."""
        return display_path(self.path)

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")


def decode(path: Path, content: bytes) -> Document:
    """Decode a file: UTF-8, UTF-16 if it starts with a byte order mark, else Windows-1252 with a note.

    Raises:
        UsageError: it is not a text file.
    """
    notes = []
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            if b"\0" in content:
                raise UsageError(
                    "is not a text file", subject=display_path(path), hint=f"expected {EXPECTED}"
                ) from None
            text = content.decode("cp1252", errors="replace")
            notes.append(f"{display_path(path)}: is not UTF-8 and was read as Windows-1252; check names and words")
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return Document(path, text, notes=notes)


def parse_time(text: str, decimal_comma: bool = False) -> float:
    """Return seconds; ``text`` is seconds or ``[D days] [H:]MM:SS.mmm``.

    Raises:
        ValueError: it is neither.

    >>> parse_time("1:02:03,5"), parse_time("2.5"), parse_time("2,5", decimal_comma=True)
    (3723.5, 2.5, 2.5)
    """
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        sign, days, hours, minutes, seconds = clock.groups()
        total = 86_400 * int(days or 0) + 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds.replace(",", "."))
        return -total if sign else total
    return float(text.replace(",", ".") if decimal_comma else text)


def parse_channel(value: object) -> int | None:
    """Return a channel number as a file states it, which may count from 0; None if it is not a number.

    >>> parse_channel("2"), parse_channel("right"), parse_channel("")
    (2, 2, None)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 1000 else None
    if isinstance(value, str):
        word = value.strip().lower()
        if word.isascii() and word.isdecimal() and len(word) < 4:
            return int(word)
        return {"left": 1, "l": 1, "right": 2, "r": 2}.get(word)
    return None
