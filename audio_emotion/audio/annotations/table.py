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
    "start": ("start", "onset", "begin", "start time", "begin time", "time start", "tmin", "from"),
    "end": ("end", "offset", "stop", "end time", "stop time", "time end", "tmax", "to"),
    "duration": ("duration", "dur", "length"),
    "speaker": ("speaker", "speaker id", "speaker name", "voice", "tier"),
    "text": ("text", "transcript", "transcription", "words", "utterance", "sentence", "annotation", "common name"),
    "label": ("name", "label"),
    "channel": ("channel", "chan"),
    "file": ("file", "filename", "recording", "begin file"),
    "view": ("view",),
    "selection": ("selection",),
}
"""Names of columns as :func:`_plain_name` has them; the first one that a table has counts."""

_UNITS = {
    **{"hh mm ss ms": 1, "ss msec": 1, "seconds": 1, "sec": 1, "s": 1},
    **{"milliseconds": 1000, "msec": 1000, "ms": 1000},
}
"""What a name of a column of times may end with, and how many of these units a second has; the first that fits counts.
ELAN's tables have three columns for a time, such as ``Begin Time - hh:mm:ss.ms``."""
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
    units = [_plain_name(cell) for cell in cells]
    columns, scale = dict[str, int](), 1
    for scale in (1, 1000):
        columns = {}
        for column, known in _COLUMNS.items():
            is_time = column in {"start", "end", "duration"}
            fit = (i for i, (name, own) in enumerate(units) if name in known and (own == scale or not is_time))
            index = next(fit, None)
            if index is not None:
                columns[column] = index
        if "start" in columns:
            break
    if "start" not in columns:
        if re.match(r"\s*[\d.+-]", cells[0]):
            return None, 1
        shown = separator.join(cells).strip()[:60]
        raise UnreadableError(f"line {number}: {shown!r} is neither a header with start and end nor a segment")
    if "end" not in columns and "duration" not in columns:
        raise UnreadableError(f"line {number}: the header has a start and neither an end nor a duration")
    return columns, scale


def _plain_name(cell: str) -> tuple[str, int]:
    """Return the name of a column without marks, case and unit, and how many of its units a second has.

    >>> _plain_name("Begin Time (s)"), _plain_name("start_ms")
    (('begin time', 1), ('start', 1000))
    """
    name = re.sub(r"[\W_]+", " ", cell.lower()).strip()
    unit = next((unit for unit in _UNITS if name.endswith(f" {unit}")), "")
    return name.removesuffix(f" {unit}"), _UNITS.get(unit, 1)


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
