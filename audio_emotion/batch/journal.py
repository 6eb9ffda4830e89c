"""The record of a batch: one line for each input that was dealt with, so that a later run continues.

``journal.jsonl`` in the output folder begins with a line that says what the answers were made with; then comes a
line an input, appended as it is finished, and one for the formats of a run where it brought new ones. A line is there
whole or not at all: a last one without its line end was torn by a crash and is cut off, and one that does not match
its checksum is passed over, so that its input is done again. Nothing is ever rewritten, so the cost of a result does
not grow with their number.
"""

import errno
import io
import json
import logging
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio_emotion.core import paths
from audio_emotion.core.errors import StorageError, UsageError

JOURNAL, LOCK = "journal.jsonl", "journal.lock"
_FORMAT = 2
_SUM = b',"crc32":'  # the last item of each line: of all that stands before it
_LOG = logging.getLogger(__name__)
_SYNC_S = 2.0  # a power cut loses the results of so many seconds; a killed process loses none


@dataclass(frozen=True, slots=True)
class FileStat:
    """What tells whether a file has changed.

    Attributes:
        size: bytes; -1 for a file that is not there.
        mtime_ns: nanoseconds since the epoch.
    """

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal holds of an input.

    Attributes:
        stamp: the file's, when it was dealt with.
        failure: the kind of its failure; None where it has an answer.
        offset: where its line begins.
    """

    stamp: FileStat
    failure: str | None
    offset: int


def file_stat(path: str) -> FileStat:
    """Return a file's stamp; one that cannot be looked at has a stamp too."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return FileStat(-1, 0)
    return FileStat(status.st_size, status.st_mtime_ns)


class Journal:
    """An open journal; see :func:`open_journal`.

    Attributes:
        header: what it was begun with.
        entries: the last of each input.
        formats: those that runs so far have written answers in.
        is_new: whether this process began it.
        is_kept: whether a new one stays though it has no entry; nobody knows before whose the files around it are.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self._path = path
        self.formats: set[str] = set()
        self.is_new = self.is_kept = False
        self._synced = time.monotonic()
        try:
            if not path.is_file() or not path.stat().st_size:
                self.is_new = True
                with paths.writing_text(path) as file:
                    file.write(_line({"journal": _FORMAT, **header}).decode("ascii"))
            self._file = path.open("r+b", buffering=0)
            self._reader = path.open("rb")
        except OSError as error:
            raise _storage(path, error) from error
        self.header, self.entries, self._end = self._load()

    def _load(self) -> tuple[dict[str, Any], dict[str, Entry], int]:
        """Return the header, the last entry of each input, and the length of what is whole; cut off what is not."""
        entries: dict[str, Entry] = {}
        offset = n_damaged = 0
        lines = io.BufferedReader(self._file)
        try:
            header = _parsed(lines.readline())
            if header.pop("journal", None) != _FORMAT:
                raise StorageError(
                    f"{paths.display_path(self._path)}: not a journal that this version can continue; "
                    "name another folder, or restart"
                )
            offset = lines.tell()
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                content = _parsed(line)
                n_damaged += not content
                self.formats.update(content.get("formats", ()))
                if "path" in content:
                    seen = FileStat(content["size"], content["mtime_ns"])
                    failure = content.get("failure")
                    entries[content["path"]] = Entry(seen, failure["kind"] if failure else None, offset)
                offset += len(line)
            lines.detach()
            if n_damaged:
                _LOG.warning("%s: %d damaged line(s) passed over", paths.display_path(self._path), n_damaged)
            self._file.truncate(offset)
        except OSError as error:
            raise _storage(self._path, error) from error
        return header, entries, offset

    def add(self, path: str, seen: FileStat, content: Mapping[str, Any]) -> None:
        """Append what became of an input: ``answer`` or ``failure`` (with its ``kind``), in JSON's terms.

        Raises:
            StorageError: it cannot be written; the journal is as it was before.
        """
        offset = self._append({"path": path, "size": seen.size, "mtime_ns": seen.mtime_ns, **content})
        failure = content.get("failure")
        self.entries[path] = Entry(seen, failure["kind"] if failure else None, offset)

    def add_formats(self, formats: Iterable[str]) -> None:
        """Note, before the first answer is written, which formats this run writes.

        Raises:
            StorageError: as :meth:`add`.
        """
        if new := sorted(set(formats) - self.formats):
            self._append({"formats": new})
            self.formats.update(new)

    def _append(self, content: Mapping[str, Any]) -> int:
        """Write a line behind the last one, and return where it begins."""
        line, offset = _line(content), self._end
        try:
            self._file.seek(offset)
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            if time.monotonic() - self._synced > _SYNC_S:
                self._sync()
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(offset)
            raise _storage(self._path, error) from error
        self._end += len(line)
        return offset

    def read(self, entry: Entry) -> dict[str, Any]:
        """Return what :meth:`add` was given."""
        self._reader.seek(entry.offset)
        return _parsed(self._reader.readline())

    def close(self) -> None:
        """Wait until the disk has everything."""
        with self._file, self._reader:
            try:
                self._sync()
            except OSError as error:
                raise _storage(self._path, error) from error

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()


@contextmanager
def open_journal(
    folder: Path, header: Mapping[str, Any], restart: Callable[[Journal], None] | None = None
) -> Iterator[Journal]:
    """Open the journal of an output folder for this process alone, and begin one with ``header`` where there is none.

    With ``restart`` one is begun in any case, and ``restart`` is given the one before it, where that can be read.

    Raises:
        StorageError: the folder cannot be written, another run has it, or what is there is no journal.
    """
    if folder.is_file():
        raise StorageError(
            f"{paths.display_path(folder)}: is a file, expected a folder for the answers; name another one"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / LOCK).open("ab")
    except OSError as error:
        raise _storage(folder, error) from error
    with handle:
        try:
            lock(handle.fileno())
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EAGAIN, errno.EDEADLK}:
                raise StorageError(
                    f"{paths.display_path(folder)}: another run is writing here; "
                    "wait until it ends, or name another folder"
                ) from error
            raise _storage(folder / LOCK, error) from error
        if restart:
            if (earlier := _earlier(folder / JOURNAL)) is not None:
                restart(earlier)
                earlier.close()
            paths.remove(folder / JOURNAL)
        journal = Journal(folder / JOURNAL, header)
        try:
            yield journal
        finally:
            journal.close()
            if journal.is_new and not (journal.is_kept or journal.entries):
                paths.remove(folder / JOURNAL)


def _earlier(path: Path) -> Journal | None:
    """Return the journal that is there; None where there is none, or none that this version can read."""
    try:
        return Journal(path, {}) if path.is_file() and path.stat().st_size else None
    except StorageError:
        _LOG.warning(
            "%s: cannot be read, so that what earlier runs have written stays beside the new answers",
            paths.display_path(path),
        )
        return None


def check_same(then: Mapping[str, Any], now: Mapping[str, Any], folder: Path | str) -> None:
    """Refuse to mix answers: compare what a journal was begun with to what it is to be continued with.

    Both are flat, a name to a value in JSON's terms.

    Raises:
        UsageError: they differ; the first difference is named.
    """
    now = json.loads(json.dumps(now))
    for name in [*now, *(name for name in then if name not in now)]:
        if then.get(name) != now.get(name):
            raise UsageError(
                f"{paths.display_path(folder)} was begun with {name} {then.get(name)!r}, "
                f"this run has {now.get(name)!r}; their answers "
                "must not be mixed: use the same, name another folder, or restart"
            )


def _line(content: Mapping[str, Any]) -> bytes:
    said = json.dumps(content, separators=(",", ":")).encode("ascii")[:-1]
    return b'%s%s"%08x"}\n' % (said, _SUM, zlib.crc32(said))


def _parsed(line: bytes) -> dict[str, Any]:
    """Return a line's content; of a damaged one, nothing."""
    said, found, total = line.rpartition(_SUM)
    if not found or total.rstrip() != b'"%08x"}' % zlib.crc32(said):
        return {}
    content: dict[str, Any] = json.loads(said + b"}")
    return content


def _storage(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {paths.display_path(path)} ({error.strerror}); free space there, make it writable or "
        "name another folder: what is done is kept"
    )


if sys.platform == "win32":
    import msvcrt

    def lock(descriptor: int) -> None:
        """Lock an open file for this process, until it is closed; raise OSError if another process holds it."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Lock an open file for this process, until it is closed; raise OSError if another process holds it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
