"""One's own recordings in a table, CSV or JSON: path, emotion, and if known speaker, and start and end of a segment.

Columns have the names that other programs give them, :data:`COLUMNS`. Cells are separated by comma, semicolon or tab,
and the text is UTF-8, UTF-16 or Windows-1252, as spreadsheets save it. Paths are relative to the table's own folder;
times are seconds, or a duration such as ``0 days 00:00:01.5``. A speaker that names a corpus already, as
``ravdess/07``, keeps it. A column ``licence`` is the recordings'; any further one is kept as an attribute.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio_emotion.core.emotions import is_outside
from audio_emotion.core.errors import CorpusError
from audio_emotion.core.text import decode, find_on_disk
from audio_emotion.corpora.adapter import OwnFiles, collection_name
from audio_emotion.corpora.base import Corpus, LeftOut, Utterance
from audio_emotion.corpora.labels import LabelSet
from audio_emotion.corpora.speakers import NO_SPEAKER

SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"})
WRITTEN = ("path", "emotion", "speaker")
"""The columns that this program itself writes."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "filepath", "audio", "audiopath", "audiofile", "audiofilepath", "wav", "clip"),
    "emotion": ("emotion", "label", "emotionlabel", "emotionname", "labelname"),
    "speaker": ("speaker", "spk", "speakerid", "spkid", "clientid", "speakername", "actor", "actorid", "subject",
                "subjectid", "participant", "participantid"),
    "start": ("start", "begin", "onset", "starttime", "begintime"),
    "end": ("end", "stop", "endtime", "stoptime"),
}  # fmt: skip
"""Names of each column, the one that counts first; case, blanks, ``_``, ``-`` and a unit as ``(s)`` are ignored."""

_WORKBOOKS = frozenset({".xlsx", ".xls", ".xlsm", ".ods", ".numbers"})
_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*(?:\r\n?|\n)', re.IGNORECASE)  # Excel's own, above the header
_DURATION = re.compile(r"(?:(?P<days>\d+) days? ?\+?)?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d(?:\.\d+)?)")
_MAX_PROBLEMS = 100  # in one message
_MAX_LINES = 3  # of one problem

Row = dict[str, str]


class _FaultyRow(Exception):  # noqa: N818 - never leaves this module
    """What is wrong with one row of a table."""


def _search(table: Path, labels: LabelSet) -> Corpus:
    """Read a table; everything that is wrong with it comes in one message, with line numbers."""
    rows = list(_rows(table))
    reader = _TableReader.of(table, labels, [row for _, row in rows if not isinstance(row, str)])
    utterances, left_out = [], []
    problems: dict[str, list[int]] = {}
    lines: dict[tuple[Path, float, float | None], int] = {}
    for number, row in rows:
        try:
            result = reader.read(row)
        except _FaultyRow as fault:
            problems.setdefault(str(fault), []).append(number)
            continue
        if isinstance(result, LeftOut):
            left_out.append(result)
            continue
        first = lines.setdefault((result.path, result.start, result.end), number)
        if first == number:
            utterances.append(result)
        else:
            problems[f"the same recording as in line {first}"] = [number]
    if problems:
        raise CorpusError(_message(table, problems))
    if not utterances:
        raise CorpusError(f"contains no utterance, expected lines with {', '.join(WRITTEN)}", subject=str(table))
    utterances.sort(key=lambda utterance: (utterance.path, utterance.start))
    names = dict.fromkeys(utterance.speaker.split("/")[0] for utterance in utterances)
    licences = dict.fromkeys(utterance.attributes.get("licence", "unknown") for utterance in utterances)
    notes = reader.notes(rows)
    return Corpus("+".join(names), tuple(utterances), " AND ".join(licences), tuple(left_out), notes=notes)


def _message(table: Path, problems: Mapping[str, Sequence[int]]) -> str:
    """Return all problems in one line, each with the first lines that have it."""
    listed = []
    for problem, numbers in list(problems.items())[:_MAX_PROBLEMS]:
        more = f" and {len(numbers) - _MAX_LINES} more" if len(numbers) > _MAX_LINES else ""
        plural = "s" if len(numbers) > 1 else ""
        listed.append(f"line{plural} {', '.join(map(str, numbers[:_MAX_LINES]))}{more}: {problem}")
    count = sum(map(len, problems.values()))
    more = f"; and {len(problems) - _MAX_PROBLEMS} more" if len(problems) > _MAX_PROBLEMS else ""
    hint = "; other labels than the eight need --labels" if any("unknown emotion" in p for p in problems) else ""
    return f"{table}: {count} problem(s), correct them: {'; '.join(listed)}{more}{hint}"


@dataclass(frozen=True)
class _TableReader:
    """How the rows of one table are read.

    Attributes:
        table: the file.
        labels: what its emotions may be called.
        columns: for each of :data:`COLUMNS` the table's own columns, the one that counts first.
    """

    table: Path
    labels: LabelSet
    columns: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, table: Path, labels: LabelSet, rows: Sequence[Row]) -> "_TableReader":
        """Choose the columns: by their names, but one whose cells cannot be understood stands behind one whose can.

        Of ``emotion,label`` with the cells ``0,happy`` it is ``label`` that names the emotion.
        """
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {}
        for kind, known in COLUMNS.items():
            own = sorted((n for n in names if _folded(n) in known), key=lambda n: known.index(_folded(n)))
            columns[kind] = tuple(own)
        reader = cls(table, labels, columns)
        for kind, understands in (("path", reader._locate), ("emotion", reader._understands)):
            if len(columns[kind]) > 1:
                good = {n: any(understands(row[n]) for row in rows if row.get(n)) for n in columns[kind]}
                columns[kind] = tuple(sorted(columns[kind], key=lambda n: not good[n]))
        return reader

    def read(self, row: Row | str) -> Utterance | LeftOut:
        """Read one row; a str is what is wrong with it already."""
        if isinstance(row, str):
            raise _FaultyRow(row)
        path, word, speaker, start_text, end_text = (self._cell(row, kind) for kind in COLUMNS)
        needed = {"path": path, "emotion": word, "speaker": speaker}
        faults = [f"no {kind}" for kind, cell in needed.items() if not cell and self._needs(kind)]
        place = self._locate(path) if path else None
        if path and place is None:
            faults.append(f"no such file {path}")
        label = self.labels.find(word)
        if word and label is None and not is_outside(word):
            faults.append(f"unknown emotion {word!r}")
        start, end = (_seconds(text, faults) for text in (start_text, end_text))
        if end is not None and end <= (start or 0.0):
            faults.append(f"its end, {end:g} s, is not after its start, {start or 0.0:g} s")
        if faults:
            raise _FaultyRow(" and ".join(faults))
        if label is None or place is None:
            return LeftOut(place or self.table, f"{word.lower()} is outside the emotions '{self.labels.name}'")
        speaker = speaker or NO_SPEAKER
        speaker = speaker if "/" in speaker else f"{collection_name(self.table)}/{speaker}"
        used = {columns[0] for columns in self.columns.values() if columns}
        attributes = {name.lower(): cell for name, cell in row.items() if cell and name not in used}
        return Utterance(place, label, speaker, attributes, start=start or 0.0, end=end)

    def notes(self, rows: Iterable[tuple[int, Row | str]]) -> tuple[str, ...]:
        """Return a note for each kind of which two columns contradict one another."""
        notes = []
        for kind, means in (("path", self._locate), ("emotion", self.labels.find)):
            first, *others = self.columns[kind] or ("",)
            for other in others:
                differ = [
                    (number, row[first], row[other])
                    for number, row in rows
                    if not isinstance(row, str) and (values := [means(row.get(n) or "") for n in (first, other)])
                    if None not in values and values[0] != values[1]
                ]
                if differ:
                    number, used, ignored = differ[0]
                    notes.append(
                        f"{self.table}: the columns {first} and {other} contradict each other in {len(differ)} row(s), "
                        f"first in line {number} ({used}, {ignored}); {first} is used"
                    )
        return tuple(notes)

    def _needs(self, kind: str) -> bool:
        """Tell whether each row needs a cell; that a whole column of a CSV table is missing is said of its header."""
        return bool(self.columns[kind]) or (_is_json(self.table) and kind != "speaker")

    def _cell(self, row: Row, kind: str) -> str:
        return next((row[name] for name in self.columns[kind] if row.get(name)), "")

    def _understands(self, word: str) -> bool:
        return self.labels.find(word) is not None or is_outside(word)

    def _locate(self, text: str) -> Path | None:
        """Return the file that a cell names, with the other system's separators and letters too; None if absent."""
        for name in (text, text.replace("\\", "/")) if text else ():
            place = find_on_disk(self.table.parent / name)
            if place is not None and place.is_file():
                return place
        return None


def _is_json(table: Path) -> bool:
    return table.suffix.lower() in {".json", ".jsonl", ".ndjson"}


def _folded(name: str) -> str:
    """Return a column's name without case, blanks, ``_``, ``-`` and unit: ``File_Name`` is ``filename``."""
    return re.sub(r"[\W_]+", "", re.sub(r"[(\[](s|sec|seconds)[)\]]\s*$", "", name.strip().lower()))


def _seconds(text: str, faults: list[str]) -> float | None:
    """Return a time in seconds; None where there is none, or where it is a fault, which is added to ``faults``."""
    if text.lower() in ("", "nat", "nan", "none", "null"):
        return None
    number = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text  # a decimal comma
    duration = _DURATION.fullmatch(number)
    if duration:
        days, hours, minutes = (int(duration[part] or 0) for part in ("days", "hours", "minutes"))
        return ((days * 24 + hours) * 60 + minutes) * 60 + float(duration["seconds"])
    try:
        seconds = float(number)
    except ValueError:
        seconds = math.nan
    if 0 <= seconds < math.inf:
        return seconds
    faults.append(f"{text!r} is no time, expected seconds or a duration such as 0 days 00:00:01.5")
    return None


def _rows(table: Path) -> Iterator[tuple[int, Row | str]]:
    """Yield each line's number with its cells by column, stripped; a str where the line cannot be read.

    Rows without a filled cell are passed over.

    Raises:
        CorpusError: the table as a whole cannot be read.
    """
    if table.suffix.lower() in _WORKBOOKS:
        raise CorpusError("is a spreadsheet's own file", subject=str(table), hint="save the table as CSV")
    try:
        text, _ = decode(table.read_bytes())
    except OSError as error:
        raise CorpusError(
            f"cannot be read ({error.strerror})", subject=str(table), hint="expected a table, CSV or JSON lines"
        ) from error
    except ValueError as error:
        raise CorpusError(f"is {error}", subject=str(table), hint="save the table as UTF-8") from error
    try:
        for number, row in _json_rows(text) if _is_json(table) else _csv_rows(text):
            if isinstance(row, str) or any(row.values()):
                yield number, row
    except csv.Error as error:
        raise CorpusError(f"is not a CSV table ({error})", subject=str(table)) from error


def _csv_rows(text: str) -> Iterator[tuple[int, Row | str]]:
    # Excel's first line "sep=;" names the separator and is none of the table.
    stated = _SEPARATOR_LINE.match(text)
    n_above = 1 if stated else 0
    body = text[stated.end() :] if stated else text
    separator = stated[1] if stated else max(_SEPARATORS, key=lambda mark: _score(_header(body, mark)))
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, skipinitialspace=True)
    columns: list[str] = []
    for cells in reader:
        number = reader.line_num + n_above
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = [cell.strip() for cell in cells]
            yield from _lacking(columns, number)
            continue
        # A spreadsheet leaves out empty cells at the end of a row, or adds some.
        filled = max(i for i, cell in enumerate(cells, start=1) if cell.strip())
        if filled > len(columns) or (len(cells) < len(columns) and _lacks_needed(columns[len(cells) :])):
            yield number, f"{len(cells)} cells, expected {len(columns)}"
            continue
        padded = [*cells, *[""] * (len(columns) - len(cells))]
        yield number, {name: cell.strip() for name, cell in zip(columns, padded, strict=False) if name}
    if not columns:
        yield from _lacking(columns, 1)


def _header(text: str, separator: str) -> list[str]:
    """Return the first filled row as it reads with a separator."""
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        return next((row for row in rows if any(cell.strip() for cell in row)), [])
    except csv.Error:
        return []


def _score(header: Sequence[str]) -> tuple[int, int]:
    """Return how good a header is: how many of its columns are known, then how many there are."""
    known = {name for names in COLUMNS.values() for name in names}
    return sum(_folded(name) in known for name in header), len(header)


def _lacking(columns: Sequence[str], number: int) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with a header: a needed column that is missing, or one that is there twice."""
    folded = [_folded(column) for column in columns]
    missing = [f"no column {kind}" for kind in ("path", "emotion") if not set(COLUMNS[kind]) & set(folded)]
    if missing:
        names = "; ".join(f"{kind} may be called {', '.join(COLUMNS[kind][1:4])}" for kind in ("path", "emotion"))
        yield number, f"{' and '.join(missing)} (there are: {', '.join(columns) or 'none'}; {names})"
    known = {name for names in COLUMNS.values() for name in names}
    doubled = sorted({name for name in columns if columns.count(name) > 1 and _folded(name) in known})
    if doubled:
        yield number, f"two columns are called {', '.join(doubled)}"


def _lacks_needed(columns: Iterable[str]) -> bool:
    needed = {name for kind in WRITTEN for name in COLUMNS[kind]}
    return any(_folded(column) in needed for column in columns)


def _json_rows(text: str) -> Iterator[tuple[int, Row | str]]:
    """Yield the objects of JSON lines, or of one list; of a list, their number stands for the line's."""
    content: list[Any] = []
    if text.lstrip().startswith("["):
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = []
    for number, value in enumerate(content or text.split("\n"), start=1):
        if content:
            values = value
        elif not value.strip():
            continue
        else:
            try:
                values = json.loads(value)
            except (ValueError, RecursionError):
                values = None
        yield number, _json_row(values) if isinstance(values, dict) else "not a JSON object"


def _json_row(values: Mapping[str, Any]) -> Row:
    """Return an object's values as cells; of an object within, as ``audio`` may be, its path."""
    cells = {}
    for name, value in values.items():
        inner = value.get("path") if isinstance(value, dict) else value
        cells[name.strip()] = "" if inner is None else str(inner).strip()
    return cells


ADAPTER = OwnFiles(
    name="table",
    title=f"a table, CSV or JSON lines, with {', '.join(WRITTEN)} and, for segments, start and end",
    licence="unknown",
    obtain="they are your own",
    searcher=_search,
)
