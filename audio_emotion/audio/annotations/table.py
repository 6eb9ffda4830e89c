"""Tables: CSV with ``start,end[,speaker,text,channel]``, Raven's and BirdNET's selections, Whisper's TSV."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from audio_emotion.audio.annotations.document import Document, Entry, UnreadableError, parse_channel, parse_time
from audio_emotion.audio.annotations.speakers import split_label
from audio_emotion.audio.segments import Segment

_COLUMNS: dict[str, tuple[str, ...]] = {
    "start": ("start", "onset", "begin", "start_time", "start (s)", "begin time (s)", "start_s", "begin_time", "tmin"),
    "end": ("end", "offset", "stop", "end_time", "end (s)", "end time (s)", "end_s", "tmax"),
    "duration": ("duration", "dur", "duration (s)", "duration_s"),
    "speaker": ("speaker", "speaker_id", "voice"),
    "text": ("text", "transcript", "transcription", "words", "utterance", "sentence", "annotation", "common name"),
    "label": ("name", "label"),
    "channel": ("channel", "chan"),
    "file": ("file", "filename", "recording", "begin file"),
    "view": ("view",),
    "selection": ("selection",),
}
"""Names of columns, in lower case; the first one that a table has counts."""

_MILLISECONDS = {"start_ms": "start", "end_ms": "end", "duration_ms": "duration"}
_MIN_MEDIAN_MS = 200  # whole numbers whose median length reaches this are Whisper's milliseconds


def read(document: Document) -> Iterator[Entry]:
    """Yield the rows of a table with comma, semicolon or tab between its columns.

    Without a header the columns are start, end and a label. Times are seconds or ``[H:]MM:SS.mmm``; where the
    separator is not a comma, a comma is a decimal point.

    Raises:
        UnreadableError: there is neither a header with start and end nor a row of times.
    """
    rows, separator = _rows(document.text)
    if not rows:
        return
    columns, scale = _header(rows[0], separator)
    if columns is None:
        columns = {"start": 0, "end": 1, "label": 2}
    else:
        rows = rows[1:]
    if scale == 1 and _is_whisper_tsv(columns, separator, rows):
        scale = 1000
        document.notes.append(f"{document.name}: times are read as milliseconds, as Whisper writes its TSV")
    for row in _without_second_views(rows, columns):
        yield from _entry(row, columns, scale, separator != ",", document)


Row = tuple[int, list[str]]
"""The number of a row's first line, and its cells."""


def _rows(text: str) -> tuple[list[Row], str]:
    """Read the table as a whole, since a quoted cell may hold line breaks; also return its separator."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    separator = next((mark for mark in "\t;" if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: list[Row] = []
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return rows, separator
        except csv.Error as error:  # a cell of more than 128 kB: a quote that is never closed
            raise UnreadableError(f"line {line}: {error}") from None
        if any(cell.strip() for cell in cells):
            rows.append((line, cells))
        line = reader.line_num + 1


def _header(row: Row, separator: str) -> tuple[dict[str, int] | None, int]:
    """Return the index of each column that is known, and how many units a second has; None if there is no header."""
    number, cells = row
    names = [cell.strip().lower() for cell in cells]
    scale = 1000 if any(name in _MILLISECONDS for name in names) else 1
    names = [_MILLISECONDS.get(name, name) for name in names]
    columns = {}
    for column, known in _COLUMNS.items():
        index = next((i for i, name in enumerate(names) if name in known), None)
        if index is not None:
            columns[column] = index
    if "start" not in columns:
        if re.match(r"\s*[\d.+-]", cells[0]):
            return None, 1
        shown = separator.join(cells).strip()[:60]
        raise UnreadableError(f"line {number}: {shown!r} is neither a header with start and end nor a segment")
    if "end" not in columns and "duration" not in columns:
        raise UnreadableError(f"line {number}: the header has a start and neither an end nor a duration")
    return columns, scale


def _is_whisper_tsv(columns: Mapping[str, int], separator: str, rows: Sequence[Row]) -> bool:
    """Return whether a table is what ``whisper --output_format tsv`` writes: whole milliseconds, not seconds."""
    if separator != "\t" or set(columns) != {"start", "end", "text"}:
        return False
    times = [cells[columns[column]].strip() for _, cells in rows for column in ("start", "end") if len(cells) > 1]
    if not times or not all(time.isdecimal() and time.isascii() and len(time) < 15 for time in times):
        return False
    lengths = [int(end) - int(start) for start, end in zip(times[::2], times[1::2], strict=True)]
    return median(lengths) >= _MIN_MEDIAN_MS


def _without_second_views(rows: Sequence[Row], columns: Mapping[str, int]) -> Iterator[Row]:
    """Yield the rows; Raven may list a selection twice, in its waveform view and in its spectrogram view."""
    seen = set()
    for number, cells in rows:
        if "view" in columns and "selection" in columns and len(cells) > columns["selection"]:
            selection = cells[columns["selection"]]
            if selection in seen:
                continue
            seen.add(selection)
        yield number, cells


def _entry(
    row: Row, columns: Mapping[str, int], scale: int, decimal_comma: bool, document: Document
) -> Iterator[Entry]:
    """Yield a row's segment, if its times can be read."""
    number, cells = row
    where = f"line {number}"

    def cell(column: str) -> str:
        index = columns.get(column, len(cells))
        return cells[index].strip() if index < len(cells) else ""

    last = "end" if "end" in columns else "duration"
    needed = max(columns["start"], columns[last]) + 1
    if len(cells) < needed:
        document.problems.skip("columns", where, f"{len(cells)} column(s), expected {needed} or more")
        return
    try:
        start, end = (parse_time(cell(column), decimal_comma) / scale for column in ("start", last))
    except ValueError:
        bad = next(text for text in (cell("start"), cell(last)) if not _is_time(text, decimal_comma))
        document.problems.skip("time", where, f"{bad!r} is not a time, expected seconds or H:MM:SS.mmm")
        return
    speaker, text = split_label(cell("label")) if cell("label") else ("", "")
    segment = Segment(
        start,
        end if last == "end" else start + end,
        cell("speaker") or speaker,
        cell("text") or text,
        parse_channel(cell("channel")),
    )
    yield Entry(where, segment, cell("file") or None)


def _is_time(text: str, decimal_comma: bool) -> bool:
    try:
        parse_time(text, decimal_comma)
    except ValueError:
        return False
    return True
