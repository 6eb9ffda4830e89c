"""What WebVTT and SRT share: cues, a line with two times above lines of text."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audio_emotion.audio.annotations.document import Document, parse_time

_TIME = r"-?(?:\d+:)?\d{1,2}:\d{1,2}(?:[.,]\d+)?"
TIMES = re.compile(rf"^\s*({_TIME})\s*-->\s*({_TIME})(?:\s.*)?$")
_HALF = re.compile(rf"^\s*(?:{_TIME}\s*-->\s*(?P<end>\S*)|(?P<start>\S+)\s*-->\s*{_TIME})(?:\s.*)?$")


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: where it stands, its times in seconds, and its lines."""

    where: str
    start: float
    end: float
    lines: list[str]


def has_cues(document: Document) -> bool:
    """Return whether a line has a time on at least one side of an arrow."""
    return "-->" in document.text and any(TIMES.match(line) or _HALF.match(line) for line in document.lines)


def read_cues(document: Document, skipped_blocks: Sequence[str] = ()) -> Iterator[Cue]:
    """Yield the cues; blocks that start with one of ``skipped_blocks`` are no cues, whatever is in them."""
    lines = document.lines
    i = 0
    while i < len(lines):
        if lines[i].startswith(tuple(skipped_blocks)) and (i == 0 or not lines[i - 1].strip()):
            i = _block_end(lines, i)
            continue
        match = TIMES.match(lines[i])
        if match is None:
            if half := _HALF.match(lines[i]):
                bad = half["end"] if half["end"] is not None else half["start"]
                document.problems.skip("time", f"line {i + 1}", f"{bad!r} is not a time, expected H:MM:SS.mmm")
            i += 1
            continue
        first = i + 2 if _is_blank_first_line(lines, i + 1) else i + 1
        end = _block_end(lines, first)
        yield Cue(f"line {i + 1}", parse_time(match[1]), parse_time(match[2]), _text(lines[first:end]))
        i = end


def _is_blank_first_line(lines: Sequence[str], i: int) -> bool:
    """Return whether line ``i`` is a cue's first line of text, of blanks alone, as in the captions of YouTube.

    It is not empty, so it does not end the cue, unless the next cue follows.
    """
    if i + 1 >= len(lines) or not lines[i] or lines[i].strip():
        return False
    follows = any(TIMES.match(line) for line in lines[i + 1 : i + 3])  # with or without a number above its times
    return bool(lines[i + 1].strip()) and not follows


def _block_end(lines: Sequence[str], i: int) -> int:
    """Return where a block ends: at an empty line, or at the times of a cue that follows without one."""
    while i < len(lines) and lines[i].strip() and not TIMES.match(lines[i]):
        i += 1
    # A number directly above the next cue's times belongs to that cue.
    follows = i < len(lines) and TIMES.match(lines[i])
    return i - 1 if follows and lines[i - 1].strip().isdecimal() else i


def _text(lines: Sequence[str]) -> list[str]:
    return [line.strip() for line in lines if line.strip()]
