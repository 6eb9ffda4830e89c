"""One's own recordings in a table, CSV or JSON lines: path, emotion, speaker, and start and end where it has segments.

``file`` and ``label`` are understood for ``path`` and ``emotion``, so that a table of audformat that has an emotion and
a speaker can be read. Paths are relative to the table's own folder; times are seconds, or a duration such as
``0 days 00:00:01.5``. A speaker that names a corpus already, as ``ravdess/07``, keeps it. A column ``licence`` is the
recordings'; any further one is kept as an attribute.
"""

import csv
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

from audio_emotion.core.emotions import is_outside
from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora.adapter import Adapter, collection_name
from audio_emotion.corpora.base import Corpus, LeftOut, Utterance
from audio_emotion.corpora.labels import LabelSet

SUFFIXES = frozenset({".csv", ".jsonl"})
NEEDED = ("path", "emotion", "speaker")
_OTHER_NAMES = {"file": "path", "label": "emotion"}
_DURATION = re.compile(r"(?:(?P<days>\d+) days? ?\+?)?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d(?:\.\d+)?)")
_MAX_PROBLEMS = 100  # in one message

Row = dict[str, str]


class _FaultyRow(Exception):  # noqa: N818 - never leaves this module
    """What is wrong with one row of a table."""


def _search(table: Path, labels: LabelSet) -> Corpus:
    """Read a table; everything that is wrong with it comes in one message, with line numbers."""
    utterances, left_out, problems = [], [], []
    lines: dict[tuple[Path, float, float | None], int] = {}
    for number, row in _rows(table):
        try:
            said = _read(row, table, labels)
        except _FaultyRow as fault:
            problems.append(f"line {number}: {fault}")
            continue
        if isinstance(said, LeftOut):
            left_out.append(said)
            continue
        first = lines.setdefault((said.path, said.start, said.end), number)
        if first == number:
            utterances.append(said)
        else:
            problems.append(f"line {number}: the same recording as in line {first}")
    if problems:
        more = len(problems) - _MAX_PROBLEMS
        told = "; ".join(problems[:_MAX_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
        raise CorpusError(f"{table}: {len(problems)} problem(s), correct them: {told}")
    if not utterances:
        raise CorpusError(f"{table}: holds no utterance, expected a line for each with {', '.join(NEEDED)}")
    utterances.sort(key=lambda utterance: (utterance.path, utterance.start))
    names = dict.fromkeys(utterance.speaker.split("/")[0] for utterance in utterances)
    licences = dict.fromkeys(utterance.attributes.get("licence", "unknown") for utterance in utterances)
    return Corpus("+".join(names), tuple(utterances), " AND ".join(licences), tuple(left_out))


def _read(row: Row | str, table: Path, labels: LabelSet) -> Utterance | LeftOut:
    """Read one row; a str is what is wrong with it already. A column that is missing altogether was told before."""
    if isinstance(row, str):
        raise _FaultyRow(row)
    faults = [f"no {column}" for column in NEEDED if row.get(column) == ""]
    path, word, speaker = (row.get(column, "") for column in NEEDED)
    if path and not (table.parent / path).is_file():
        faults.append(f"no such file {path}")
    label = labels.find(word)
    if word and label is None and not is_outside(word):
        faults.append(f"unknown emotion {word!r}")
    start, end = (_seconds(row.get(column, ""), faults) for column in ("start", "end"))
    if end is not None and end <= (start or 0.0):
        faults.append(f"its end, {end:g} s, is not after its start, {start or 0.0:g} s")
    if faults:
        raise _FaultyRow(" and ".join(faults))
    if label is None:
        return LeftOut(table.parent / path, f"{word.lower()} is outside the emotions '{labels.name}'")
    speaker = speaker if "/" in speaker else f"{collection_name(table)}/{speaker}"
    attributes = {column: value for column, value in row.items() if value and column not in (*NEEDED, "start", "end")}
    return Utterance(table.parent / path, label, speaker, attributes, start=start or 0.0, end=end)


def _seconds(text: str, faults: list[str]) -> float | None:
    """Return a time in seconds; None where there is none, or where it is a fault, which is added to ``faults``."""
    if text.lower() in ("", "nat", "nan", "none", "null"):
        return None
    duration = _DURATION.fullmatch(text)
    if duration:
        days, hours, minutes = (int(duration[part] or 0) for part in ("days", "hours", "minutes"))
        return ((days * 24 + hours) * 60 + minutes) * 60 + float(duration["seconds"])
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if 0 <= seconds < math.inf:
        return seconds
    faults.append(f"{text!r} is no time, expected seconds or a duration such as 0 days 00:00:01.5")
    return None


def _rows(table: Path) -> Iterator[tuple[int, Row | str]]:
    """Yield each line's number with its cells by column, stripped; a str where the line cannot be read.

    Raises :class:`CorpusError` where the table as a whole cannot be.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            yield from _json_rows(file) if table.suffix.lower() == ".jsonl" else _csv_rows(file)
    except UnicodeDecodeError as error:
        raise CorpusError(f"{table}: is not UTF-8 text; save the table as UTF-8") from error
    except csv.Error as error:
        raise CorpusError(f"{table}: is not a CSV table ({error})") from error
    except OSError as error:
        raise CorpusError(f"{table}: cannot be read ({error.strerror}); expected a table, CSV or JSON lines") from error


def _csv_rows(file: Iterator[str]) -> Iterator[tuple[int, Row | str]]:
    reader = csv.reader(file)
    columns = [_column(cell) for cell in next(reader, [])]
    missing = [column for column in NEEDED if column not in columns]
    if missing:
        yield 1, f"no column {' and no column '.join(missing)} (there are: {', '.join(columns) or 'none'})"
    for cells in reader:
        if not cells:
            continue
        if len(cells) == len(columns):
            yield reader.line_num, {c: cell.strip() for c, cell in zip(columns, cells, strict=True)}
        else:
            yield reader.line_num, f"{len(cells)} cells, expected {len(columns)}"


def _json_rows(file: Iterator[str]) -> Iterator[tuple[int, Row | str]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            yield number, "not a JSON object"
            continue
        cells = {_column(name): "" if value is None else str(value).strip() for name, value in values.items()}
        yield number, dict.fromkeys(NEEDED, "") | cells


def _column(name: str) -> str:
    folded = name.strip().lower()
    return _OTHER_NAMES.get(folded, folded)


ADAPTER = Adapter(
    name="table",
    title=f"a table, CSV or JSON lines, with {', '.join(NEEDED)} and, for segments, start and end",
    licence="unknown",
    obtain="they are your own",
    search=_search,
)
