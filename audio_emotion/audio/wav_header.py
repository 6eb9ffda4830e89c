"""What the header of a WAV file counts and what the file holds: a copy that was cut off keeps its header."""

import os
import struct
from io import FileIO
from typing import BinaryIO, NamedTuple

_HEAD = 12  # "RIFF", a size, "WAVE"
_CHUNK = struct.Struct("<4sI")
_MOST_CHUNKS = 100  # before the samples; a damaged file may have any number
_SLIP = 1024  # bytes; some writers count their header, too
_PLACEHOLDERS = (2**31, 2**32)  # what a writer that cannot go back leaves, or somewhat less
_NEAR = 2**16


class SampleBytes(NamedTuple):
    """The bytes of samples in a WAV file.

    ``held`` and ``stated`` are equal where nothing is missing, where the header leaves the number open as a stream's
    does (0, or about 2 or 4 GiB), and where it cannot be read.

    Attributes:
        held: how many the file holds, of those that the header counts.
        stated: how many the header counts.
        has_more: whether the file holds more than a header can count, which ends at 4 GiB. What lies behind the
            samples of another file, one that was made larger, is no sound.
    """

    held: int
    stated: int
    has_more: bool


def sample_bytes(file: BinaryIO | FileIO) -> SampleBytes:
    """Return what a WAV file holds; the file is left at another position."""
    room, size = _data(file)
    held = min(size, room)
    stated = size if size - held > _SLIP and not _is_open(size) else held
    return SampleBytes(held, stated, room > 2**32 and (size == 0 or _is_open(size)))


def _data(file: BinaryIO | FileIO) -> tuple[int, int]:
    """Return how many bytes there are from the first sample to the end, and how many the header counts."""
    end = file.seek(0, os.SEEK_END)
    at = _HEAD
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(_CHUNK.size)
        if len(head) < _CHUNK.size:
            break
        name, size = _CHUNK.unpack(head)
        at += _CHUNK.size
        if name == b"data":
            return end - at, size
        # Chunks start at even positions: a byte of padding follows a chunk of odd length.
        at += size + size % 2
    return 0, 0


def _is_open(size: int) -> bool:
    """Tell whether a size is a placeholder."""
    return any(full - _NEAR <= size <= full for full in _PLACEHOLDERS)
