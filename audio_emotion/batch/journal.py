"""The record of a batch: one line for each finished input, so that a later run continues.

``journal.jsonl`` in the output folder starts with a line that says what determines the results. Then follows a line for
each input, appended when it is finished, and one for new formats of a run, or for the place that the inputs have moved
to. Inputs are known by their paths below a root folder, so that the same archive can be mounted elsewhere. A line is
complete or does not count: a last line without a line end was cut off by a crash and is removed, and one that does not
match its checksum is skipped, so that its input is processed again. Nothing is ever rewritten, so the cost of a result
does not grow with their number.
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
from audio_emotion.core.errors import StorageError
from audio_emotion.core.resume import differences, refuse_other

JOURNAL, LOCK = "journal.jsonl", "journal.lock"
_FORMAT = 3
_SUM = b',"crc32":'  # the last item of each line, of all that is before it
_LOG = logging.getLogger(__name__)
_SYNC_S = 2.0  # a power failure loses the results of so many seconds; a killed process loses none

# Steps in which file systems store times: nanoseconds; 100 ns (NTFS, SMB); 1 us; 10 ms (exFAT); 2 s (FAT).
_STEPS_NS = ((1_000_000_000, 2_000_000_000), (1_000_000, 10_000_000), (1_000, 1_000), (100, 100))


@dataclass(frozen=True, slots=True)
class FileStat:
    """What tells whether a file has changed.

    Attributes:
        size: bytes; -1 for a file that does not exist.
        mtime_ns: nanoseconds since the epoch.
    """

    size: int
    mtime_ns: int

    def is_same(self, other: "FileStat") -> bool:
        """Tell whether two are of one file, perhaps copied to a file system that stores times in larger steps.

        >>> FileStat(9, 1_700_000_001_234_567_891).is_same(FileStat(9, 1_700_000_000_000_000_000))
        True
        >>> FileStat(9, 1_700_000_001_234_567_891).is_same(FileStat(9, 1_700_000_001_234_567_892))
        False
        """
        if self.size != other.size or self.size < 0:
            return self == other
        times = (self.mtime_ns, other.mtime_ns)
        # The coarser of both times decides: one in whole seconds may be a copy on FAT, which stores every second
        # second, so the original may differ by up to two seconds.
        step = max((slack for divisor, slack in _STEPS_NS for time in times if time % divisor == 0), default=1)
        return abs(times[0] - times[1]) < step


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal holds of an input.

    Attributes:
        stamp: the file's, when it was processed.
        failure: the kind of its failure; None if it has a result.
        offset: where its line starts, in bytes.
        output: the name of its output files, if it is not the plain one.
    """

    stamp: FileStat
    failure: str | None
    offset: int
    output: str | None = None


def file_stat(path: str) -> FileStat:
    """Return a file's size and time; of one that cannot be looked at, those of a file that does not exist."""
    try:
        status = os.stat(path)  # noqa: PTH116 (of many thousand)
    except (OSError, ValueError):
        return FileStat(-1, 0)
    return FileStat(status.st_size, status.st_mtime_ns)


class Journal:
    """An open journal; see :func:`open_journal`.

    Attributes:
        header: what it was started with.
        entries: the last of each input, by its path below the root.
        root: the folder that the inputs were below in the last run.
        formats: those that runs so far have written results in.
        is_new: whether this process started it.
        is_kept: whether a new one stays although it has no entry; until it is set, the files next to it may be others'.
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
        self.root = ""
        self.header, self.entries, self._end = self._load()

    def _load(self) -> tuple[dict[str, Any], dict[str, Entry], int]:
        """Return the header, the last entry of each input, and the length of the complete lines; cut off the rest."""
        entries: dict[str, Entry] = {}
        offset = n_damaged = 0
        lines = io.BufferedReader(self._file)
        try:
            header = _parsed(lines.readline())
            if header.pop("journal", None) != _FORMAT:
                raise StorageError(
                    "not a journal that this version can continue",
                    subject=paths.display_path(self._path),
                    hint="name another folder, or restart",
                )
            self.root = str(header.get("root", ""))
            offset = lines.tell()
            for line in lines:
                # line | line | li      cut off by a crash: truncated below, and the next line starts there
                if not line.endswith(b"\n"):
                    break
                content = _parsed(line)
                n_damaged += not content
                self.formats.update(content.get("formats", ()))
                self.root = content.get("root", self.root)
                if "path" in content:
                    seen = FileStat(content["size"], content["mtime_ns"])
                    failure = content.get("failure")
                    kind = failure["kind"] if failure else None
                    entries[content["path"]] = Entry(seen, kind, offset, content.get("output"))
                offset += len(line)
            lines.detach()
            if n_damaged:
                _LOG.warning("%s: %d damaged line(s) skipped", paths.display_path(self._path), n_damaged)
            self._file.truncate(offset)
        except OSError as error:
            raise _storage(self._path, error) from error
        return header, entries, offset

    def add(self, key: str, seen: FileStat, content: Mapping[str, Any], output: str | None = None) -> None:
        """Append the outcome of an input: ``answer`` or ``failure`` (with its ``kind``), as JSON values.

        ``key`` is its path below the root, ``output`` the name of its output files if it is not the plain one.

        Raises:
            StorageError: it cannot be written; the journal is as it was before.
        """
        named = {} if output is None else {"output": output}
        offset = self._append({"path": key, "size": seen.size, "mtime_ns": seen.mtime_ns, **named, **content})
        failure = content.get("failure")
        self.entries[key] = Entry(seen, failure["kind"] if failure else None, offset, output)

    def add_root(self, root: str) -> None:
        """Note that the inputs have moved below another folder.

        Raises:
            StorageError: as :meth:`add`.
        """
        if root != self.root:
            self._append({"root": root})
            self.root = root

    def add_formats(self, formats: Iterable[str]) -> None:
        """Note, before the first result is written, which formats this run writes.

        Raises:
            StorageError: as :meth:`add`.
        """
        if new := sorted(set(formats) - self.formats):
            self._append({"formats": new})
            self.formats.update(new)

    def _append(self, content: Mapping[str, Any]) -> int:
        """Write a line after the last one, and return where it starts."""
        line, offset = _line(content), self._end
        try:
            self._file.seek(offset)
            rest = memoryview(line)
            while rest:
                # An unbuffered file may write less than it was given, as on a disk that is nearly full.
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
        """Return the content of an entry, as :meth:`add` wrote it."""
        self._reader.seek(entry.offset)
        return _parsed(self._reader.readline())

    def close(self) -> None:
        """Close the files once the disk has everything."""
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
    """Open the journal of an output folder for this process alone; if there is none, start one with ``header``.

    With ``restart`` one is started in any case, and ``restart`` is called with the previous one if it can be read.

    Raises:
        StorageError: the folder cannot be written, another run has it, or what is there is no journal.
    """
    if folder.is_file():
        raise StorageError(
            "is a file, expected a folder for the results", subject=paths.display_path(folder), hint="name another one"
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
                    "another run is writing here",
                    subject=paths.display_path(folder),
                    hint="wait until it ends, or name another folder",
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
    """Return the existing journal; None if there is none, or none that this version can read."""
    try:
        return Journal(path, {}) if path.is_file() and path.stat().st_size else None
    except StorageError:
        _LOG.warning(
            "%s: cannot be read, so files that earlier runs wrote stay next to the new results",
            paths.display_path(path),
        )
        return None


def check_same(then: Mapping[str, Any], now: Mapping[str, Any], folder: Path | str) -> None:
    """Refuse to mix results: compare what a journal was started with to what it would be continued with.

    Raises:
        UsageError: they differ.
    """
    remedy = "name another folder, or restart: results must not be mixed"
    refuse_other(folder, "results of another run", differences(then, now), remedy)


def _line(content: Mapping[str, Any]) -> bytes:
    body = json.dumps(content, separators=(",", ":")).encode("ascii")[:-1]
    return b'%s%s"%08x"}\n' % (body, _SUM, zlib.crc32(body))


def _parsed(line: bytes) -> dict[str, Any]:
    """Return a line's content; of a damaged one, nothing."""
    body, separator, total = line.rpartition(_SUM)
    if not separator or total.rstrip() != b'"%08x"}' % zlib.crc32(body):
        return {}
    content: dict[str, Any] = json.loads(body + b"}")
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
