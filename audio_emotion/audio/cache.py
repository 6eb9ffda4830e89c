"""Decoded recordings on disk, so that a second epoch or run decodes nothing.

An entry is one ``.npy`` file of float32 samples, named by the content of the recording and the decode settings, so a
recording that moves keeps its entry and one that changes gets another. Entries are written under a temporary name and
renamed, so any number of processes may share the folder; one that cannot be read is written again.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Collection, Hashable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from audio_emotion import audio
from audio_emotion.core import paths
from audio_emotion.core.errors import NoHomeError
from audio_emotion.core.types import FloatArray

_DECODER = "2"  # change it when the same file would decode to other samples
LIMIT_BYTES = 4 * 2**30
"""How much the folder may hold; the entries that were not read for longest go first."""


def load(path: Path, sampling_rate: int) -> FloatArray:
    """Return a recording's samples, (n_samples,) mono at ``sampling_rate`` Hz, decoded at most once.

    Raises :class:`~audio_emotion.core.errors.AudioError` as :func:`audio_emotion.audio.load` does. Where the cache
    cannot be written, the recording is decoded and nothing is kept.
    """
    return locate(path, sampling_rate)[0]


def locate(path: Path, sampling_rate: int) -> tuple[FloatArray, Path | None]:
    """Return what :func:`load` does, and the file that holds it; None if nothing could be written."""
    entry = _entry(path, sampling_rate)
    if entry is None:
        return audio.load(path, sampling_rate).samples, None
    try:
        samples = read(entry)
        os.utime(entry)
    except (OSError, ValueError, EOFError):  # not there, or cut short
        samples = audio.load(path, sampling_rate).samples
        return samples, entry if _keep(samples, entry) else None
    return samples, entry


def read(entry: Path, start: int = 0, end: int | None = None) -> FloatArray:
    """Return samples ``start`` to ``end`` of an entry; the file is mapped, so that no others are read.

    Raises:
        OSError, ValueError, EOFError: the entry was deleted, or cut short.
    """
    samples: FloatArray = np.load(entry, mmap_mode="r", allow_pickle=False)
    return np.array(samples[start:end])


def trim(limit_bytes: int = LIMIT_BYTES, in_use: Collection[Path] = ()) -> None:
    """Delete the entries that were read longest ago until the rest fit into ``limit_bytes``; those in use stay."""
    try:
        folder = paths.cache_dir()
    except NoHomeError:  # nothing can have been kept
        return
    for left in folder.glob("*.part"):  # by a process that was killed
        if paths.is_old(left):
            with suppress(OSError):
                left.unlink()
    entries = []
    # `load` touches an entry when it reads it, so the modification time is the time of the last use.
    for entry in folder.glob("*.npy"):
        try:  # entries in use count, so that others make room for them
            entries.append((entry.stat().st_mtime, entry.stat().st_size, entry))
        except OSError:  # another process was faster
            continue
    excess = sum(size for _, size, _ in entries) - limit_bytes
    for _, size, entry in sorted(entries):
        if excess <= 0:
            return
        if entry not in in_use:
            with suppress(OSError):  # Windows deletes no file that a process has mapped
                entry.unlink(missing_ok=True)
                excess -= size


def _entry(path: Path, sampling_rate: int) -> Path | None:
    try:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        return paths.cache_dir() / f"{content}-{sampling_rate}-{_DECODER}.npy"
    except (OSError, NoHomeError):
        return None


def _keep(samples: FloatArray, entry: Path) -> bool:
    """Write an entry, and return whether that worked."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        handle, sibling = tempfile.mkstemp(dir=entry.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, samples)
            Path(sibling).replace(entry)
        finally:
            Path(sibling).unlink(missing_ok=True)
    except OSError:  # a full or read-only disk costs time, not the run
        return False
    return True


class ScratchArrays:
    """Arrays by key, in a temporary file in the cache's folder, so that many of them take no memory.

    The file has no name, and goes with the process, however that ends. Where it cannot be written, the arrays are kept
    in memory. Threads may share it; a copy, as in another process, begins empty.
    """

    def __init__(self) -> None:
        self._places: dict[Hashable, tuple[int, tuple[int, ...], np.dtype[Any]]] = {}
        self._in_memory: dict[Hashable, np.ndarray] = {}
        self._lock = threading.Lock()
        self._end = 0
        self._file: IO[bytes] | None = None
        with suppress(OSError):
            paths.cache_dir().mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=paths.cache_dir(), buffering=0)  # noqa: SIM115 (closed in __del__)

    def __reduce__(self) -> tuple[type["ScratchArrays"], tuple[()]]:
        return ScratchArrays, ()

    def __len__(self) -> int:
        return len(self._places) + len(self._in_memory)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._places or key in self._in_memory

    def __getitem__(self, key: Hashable) -> np.ndarray:
        """Return an array, read from the file."""
        if key in self._in_memory:
            return self._in_memory[key]
        start, shape, dtype = self._places[key]
        array = np.empty(shape, dtype)
        with self._lock:
            assert self._file is not None
            self._file.seek(start)
            self._file.readinto(array.reshape(-1).view(np.uint8))  # type: ignore[attr-defined]
        return array

    def __setitem__(self, key: Hashable, array: np.ndarray) -> None:
        """Append an array to the file; a key is set once."""
        with self._lock:
            try:
                if self._file is None:
                    raise OSError
                self._file.seek(self._end)
                written = self._file.write(np.ascontiguousarray(array).tobytes())
                if written != array.nbytes:
                    raise OSError
            except OSError:  # no such folder, or the disk is full
                self._in_memory[key] = array
                return
            self._places[key] = self._end, array.shape, array.dtype
            self._end += array.nbytes

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()
