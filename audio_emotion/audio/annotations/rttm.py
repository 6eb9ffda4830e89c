"""Rich Transcription Time Marked (NIST), what diarization tools write.

A line has ten fields, or nine: ``SPEAKER file channel start duration <NA> <NA> speaker <NA> <NA>``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from audio_emotion.audio.annotations.document import Document, Entry, parse_time
from audio_emotion.audio.segments import Segment

_TYPE = re.compile(r"^SPEAKER\s")
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|-?\.\d+")
_EMPTY = "<NA>"


def matches(document: Document) -> bool:
    """Return whether a line is a turn."""
    return any(_TYPE.match(line) for line in document.lines)


def read(document: Document) -> Iterator[Entry]:
    """Yield the turns. The channel counts only where the file tells channels apart: most tools write 1 for all."""
    entries = list(_entries(document))
    if {entry.segment.channel for entry in entries} <= {1}:
        entries = [replace(entry, segment=replace(entry.segment, channel=None)) for entry in entries]
    yield from entries


def _entries(document: Document) -> Iterator[Entry]:
    for number, line in enumerate(document.lines, start=1):
        if not _TYPE.match(line):
            continue
        fields = line.split()
        at = _channel_index(fields)
        if at is None:
            document.problems.skip(
                "fields",
                f"line {number}",
                f"{len(fields)} fields without a channel, start and duration in a row; expected SPEAKER file channel "
                "start duration <NA> <NA> speaker <NA> <NA>",
            )
            continue
        try:
            start, duration = parse_time(fields[at + 1]), parse_time(fields[at + 2])
        except ValueError:
            document.problems.skip("time", f"line {number}", f"{fields[at + 1]!r} is not a time in seconds")
            continue
        segment = Segment(start, start + duration, _speaker(fields[at + 3 :]), channel=int(fields[at]))
        yield Entry(f"line {number}", segment, " ".join(fields[1:at]))


def _channel_index(fields: Sequence[str]) -> int | None:
    """Return the index of the channel, which is 2 unless the file's name has blanks.

    ::

        SPEAKER  call     1  12.5  2.0  <NA>  <NA>  ann
        SPEAKER  my call  1  12.5  2.0  <NA>  <NA>  ann      one field more
                          ^ a whole number, then two numbers, then none
    """
    for i in range(2, len(fields) - 2):
        is_number = [bool(_NUMBER.fullmatch(field)) for field in fields[i : i + 4]]
        if fields[i].isdecimal() and fields[i].isascii() and is_number[1:3] == [True, True] and not any(is_number[3:]):
            return i
    return None


def _speaker(rest: Sequence[str]) -> str:
    """Return the speaker of the fields behind the duration: ``<NA> <NA> speaker <NA> [<NA>]``."""
    words = rest[2:-2] if len(rest) > 5 else rest[2:3]  # a name with blanks
    return "" if list(words) == [_EMPTY] else " ".join(words)
