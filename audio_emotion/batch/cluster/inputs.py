"""Which recordings an archive holds: folders, patterns, addresses in object stores, and manifests."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from audio_emotion.audio.find import AUDIO_SUFFIXES, expand
from audio_emotion.batch.cluster import remote
from audio_emotion.batch.journal import FileStat, file_stat
from audio_emotion.core.errors import UsageError, reason
from audio_emotion.core.paths import display_path, is_address
from audio_emotion.core.text import decode

if TYPE_CHECKING:
    from pyarrow import Table

MANIFESTS = (".parquet", ".csv")
_COLUMNS = ("file", "path")
_UNKNOWN = FileStat(-1, 0)


@dataclass(frozen=True, slots=True)
class Input:
    """A recording of an archive.

    Attributes:
        name: its absolute path, or its address.
        stamp: tells whether it has changed; for one that a manifest names nothing is known.
    """

    name: str
    stamp: FileStat


def find(names: Iterable[str], recursive: bool = False) -> list[Input]:
    """Return the recordings that are meant, sorted by name, each once.

    A name that ends in ``.parquet`` or ``.csv`` is a manifest: its column ``file`` (or ``path``) names recordings,
    relative ones as seen from the manifest. An address of no object is a prefix, searched as a folder is.

    Raises:
        UsageError: a manifest cannot be read, has no such column, or names segments; or a store cannot be used.
    """
    found: dict[str, Input] = {}
    for name in names:
        for given in _expanded(name, recursive):
            found.setdefault(given.name, given)
    return sorted(found.values(), key=lambda given: given.name)


def _expanded(name: str, recursive: bool) -> Iterator[Input]:
    if name.lower().partition("?")[0].endswith(MANIFESTS):
        yield from (Input(named, _UNKNOWN) for named in _manifest(name))
    elif is_address(name):
        yield from _prefix(name, recursive)
    else:
        for path in expand([name], recursive):
            absolute = os.path.abspath(path)  # noqa: PTH100 (keeps odd bytes right)
            yield Input(absolute, file_stat(absolute))


def _prefix(address: str, recursive: bool) -> Iterator[Input]:
    from pyarrow.fs import FileSelector, FileType

    filesystem, path = remote.located(address)
    try:
        is_folder = filesystem.get_file_info(path).type == FileType.Directory
        if not is_folder:  # an object, or nothing: then it fails by itself
            yield Input(address, _UNKNOWN)
            return
        listed = filesystem.get_file_info(FileSelector(path, recursive=recursive))
    except OSError as error:
        raise UsageError(f"cannot be listed ({' '.join(str(error).split())})", subject=display_path(address)) from error
    for info in listed:
        below = PurePosixPath(info.path).relative_to(path)
        hidden = any(part.startswith(".") for part in below.parts)
        if info.type == FileType.File and below.suffix.lower() in AUDIO_SUFFIXES and not hidden:
            yield Input(remote.sibling(address, info.path), FileStat(info.size, info.mtime_ns or 0))


def _manifest(name: str) -> Iterator[str]:
    table = _table(name)
    column = next((column for column in _COLUMNS if column in table.column_names), None)
    if column is None:
        raise UsageError(
            f"has no column {' or '.join(_COLUMNS)} that names recordings",
            subject=display_path(name),
            hint=f"there are: {', '.join(table.column_names) or 'none'}",
        )
    for bound in {"start", "end"} & set(table.column_names):
        if any(
            value and value.total_seconds() if hasattr(value, "total_seconds") else value
            for value in table[bound].to_pylist()
        ):
            raise UsageError(
                f"its column {bound} names parts of recordings",
                subject=display_path(name),
                hint="give whole ones, without it",
            )
    for value in table[column].to_pylist():
        if not value or not isinstance(value, str):
            raise UsageError(
                f"a row of its column {column} holds {value!r}, expected a recording's name", subject=display_path(name)
            )
        yield _beside(name, value)


def _table(name: str) -> "Table":
    from pyarrow import ArrowException, parquet

    try:
        filesystem, path = remote.place(name)
        with filesystem.open_input_file(path) as file:
            if name.lower().partition("?")[0].endswith(".parquet"):
                return parquet.read_table(file)
            return _csv_table(decode(file.read())[0])
    except (ArrowException, OSError, ValueError) as error:
        problem = " ".join(reason(error).split())
        raise UsageError(
            f"is no manifest that can be read ({problem})", subject=display_path(name), hint="expected Parquet or CSV"
        ) from error


def _csv_table(text: str) -> "Table":
    """Read a table as any spreadsheet saves it, all names as text."""
    from pyarrow import BufferReader, csv, string

    header = text.lstrip().partition("\n")[0]
    separator = max(",;\t|", key=header.count)
    return csv.read_csv(
        BufferReader(text.encode()),
        parse_options=csv.ParseOptions(delimiter=separator),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(_COLUMNS, string()), strings_can_be_null=True),
    )


def _beside(manifest: str, name: str) -> str:
    """Return a name as a manifest means it."""
    if is_address(name):
        return name
    if is_address(manifest):
        if name.startswith("/"):
            return name
        folder = PurePosixPath(remote.located(manifest)[1]).parent
        return remote.sibling(manifest, str(folder / name))
    return os.path.abspath(Path(manifest).parent / name)  # noqa: PTH100
