"""Stretches of a recording that somebody marked: read from RTTM, SRT, WebVTT, CSV or a label track."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from audio_emotion.core import paths
from audio_emotion.core.errors import UsageError
from audio_emotion.core.paths import display_path

_START_NAMES = ("start", "onset", "begin", "start_time")
_END_NAMES = ("end", "offset", "stop", "end_time")
_DURATION_NAMES = ("duration", "dur")
_NAME_NAMES = ("name", "label", "speaker", "text")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a recording.

    Attributes:
        start: seconds from the beginning of the recording.
        end: seconds from the beginning of the recording.
        name: what the file says of it: a speaker, or the words; maybe nothing.
    """

    start: float
    end: float
    name: str = ""


def read(path: Path, recordings: Sequence[str] = ("",)) -> dict[str, list[Segment]]:
    """Read the segments of each recording, in the order of the file; its content decides which kind of file it is.

    RTTM: lines ``SPEAKER file channel start duration ...``; where they are of several recordings, each gets those whose
    file field is its name, maybe none. Of all other kinds, each recording gets all. SRT and WebVTT: the times of each
    cue, and its words. Else a table with comma, semicolon or tab: columns called ``start`` and ``end`` (or
    ``duration``), or, without a header, start, end and name, as in an Audacity label track. Times are seconds or
    ``[H:]MM:SS.mmm``.

    Raises:
        UsageError: the file is no text, a line says nothing sensible (it is numbered), or there is no segment of any.
        StorageError: the file cannot be read.
    """
    content = paths.content(path, "segments as RTTM, SRT, WebVTT or CSV")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{display_path(path)}: is no text in UTF-8; expected RTTM, SRT, WebVTT or CSV") from None
    try:
        found = {recording: _checked(_found(lines, recording)) for recording in recordings}
    except _LineError as error:
        raise UsageError(f"{display_path(path)}, {error}") from None
    if not any(found.values()):
        of = f" of {', '.join(map(display_path, recordings))}" if any(recordings) else ""
        raise UsageError(
            f"{display_path(path)}: holds no segment{of}; expected RTTM, SRT, WebVTT, or CSV with start and end"
        )
    return found


def _found(lines: list[str], recording: str) -> "Iterator[tuple[int, Segment]]":
    """Yield the number of each line that has a segment of a recording, with it."""
    if any("-->" in line for line in lines):
        return _cues(lines)
    if any(line.startswith("SPEAKER ") for line in lines):
        return _turns(lines, recording)
    return _rows(lines)


class _LineError(Exception):
    def __init__(self, number: int, problem: str) -> None:
        super().__init__(f"line {number}: {problem}")


def _checked(numbered: Iterator[tuple[int, Segment]]) -> list[Segment]:
    segments = []
    for number, segment in numbered:
        _check(segment, number)
        segments.append(segment)
    return segments


def _check(segment: Segment, number: int) -> None:
    if not 0 <= segment.start < float("inf"):
        raise _LineError(number, f"the segment starts at {segment.start:g} s, expected 0 or more")
    if not segment.start < segment.end < float("inf"):
        raise _LineError(number, f"the segment ends at {segment.end:g} s, not after its start at {segment.start:g} s")


def _seconds(text: str, number: int) -> float:
    clock = _CLOCK.fullmatch(text.strip())
    try:
        if clock:
            hours, minutes, seconds = clock.groups()
            return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds.replace(",", "."))
        return float(text)
    except ValueError:
        raise _LineError(number, f"{text.strip()!r} is no time; expected seconds, or H:MM:SS.mmm") from None


def _cues(lines: list[str]) -> Iterator[tuple[int, Segment]]:
    for number, line in enumerate(lines, start=1):
        if "-->" not in line:
            continue
        start, end = line.split("-->", 1)
        end, *_ = end.split() or [""]  # WebVTT puts settings behind the time
        words = lines[number] if number < len(lines) else ""
        yield number, Segment(_seconds(start, number), _seconds(end, number), words.strip())


def _turns(lines: list[str], recording: str) -> Iterator[tuple[int, Segment]]:
    numbered = [(n, line.split()) for n, line in enumerate(lines, start=1) if line.startswith("SPEAKER ")]
    several = len({fields[1] for _, fields in numbered if len(fields) > 1}) > 1
    for number, fields in numbered:
        if len(fields) < 5:
            raise _LineError(number, f"{len(fields)} fields; expected SPEAKER file channel start duration ... speaker")
        if several and fields[1] != recording:
            continue
        start, duration = (_seconds(field, number) for field in fields[3:5])
        speaker = fields[7] if len(fields) > 7 and fields[7] != "<NA>" else ""
        yield number, Segment(start, start + duration, speaker)


def _rows(lines: list[str]) -> Iterator[tuple[int, Segment]]:
    filled = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not filled:
        return
    separator = next((mark for mark in "\t;" if mark in filled[0][1]), ",")
    table = [(number, next(csv.reader([line.replace("\0", "")], delimiter=separator))) for number, line in filled]
    names = [name.strip().lower() for name in table[0][1]]
    start, end, duration, name = (
        next((i for i, column in enumerate(names) if column in known), None)
        for known in (_START_NAMES, _END_NAMES, _DURATION_NAMES, _NAME_NAMES)
    )
    if start is None:
        if not re.match(r"\s*[\d.+-]", table[0][1][0]):
            raise _LineError(table[0][0], f"{filled[0][1].strip()!r} is no header with start and end, and no segment")
        start, end, name = 0, 1, 2
    elif end is None and duration is None:
        raise _LineError(table[0][0], "the header has a start and neither an end nor a duration")
    else:
        table = table[1:]
    for number, cells in table:
        yield number, _row(cells, number, start, end, duration, name)


def _row(cells: list[str], number: int, start: int, end: int | None, duration: int | None, name: int | None) -> Segment:
    def time(column: int) -> float:
        if column >= len(cells):
            raise _LineError(number, f"{len(cells)} column(s), and column {column + 1} is needed")
        return _seconds(cells[column], number)

    begins = time(start)
    ends = time(end) if end is not None else begins + time(duration or 0)
    return Segment(begins, ends, cells[name].strip() if name is not None and name < len(cells) else "")
