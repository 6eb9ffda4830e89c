"""What one file holds: a recording behind a tag, or several recordings joined one after the other.

``cat a.ogg b.ogg`` makes a valid Ogg file, as a capture of web radio is one, and people join FLAC and WAV files in the
same way. libsndfile stops at the end of the first one. Taggers that know MP3 only put an ID3 tag in front of WAV and
AIFF files, and some programs write a chunk of odd length without the byte that has to follow it. Here each recording of
such a file becomes a view of the file's bytes, which a decoder can read as a file of its own.
"""

import io
import itertools
import os
import struct
from collections.abc import Iterator
from io import FileIO
from typing import BinaryIO

_BLOCK = 2**20  # bytes read at once
_MAX_CHUNKS = 100  # before the samples; a damaged file may have any number
_MAX_TAGS = 8
_MAX_PADDING = 2**16  # bytes of zeros behind a tag
_MAX_BOXES = 100_000
_MAX_PIECES = 20_000  # a month of a radio station's songs
_PAGE = struct.Struct("<4sBBqIIIB")  # capture pattern, version, flags, granule position, serial, sequence, checksum, n
_OGG_START = b"OggS\0\x02" + bytes(8)  # the first page of a stream; its granule position is 0
_FLAC_START = b"fLaC\0\0\0\x22"  # the marker and the head of the block with 34 bytes that comes first


class FileView(io.RawIOBase):
    """Stretches of a file, and bytes between them, as a file of its own.

    Args:
        file: stays open when the view is closed.
        parts: (start, end) in bytes of the file, or the bytes themselves, one after the other.
    """

    def __init__(self, file: BinaryIO | FileIO, parts: list[tuple[int, int] | bytes]) -> None:
        self._file, self._parts = file, parts
        sizes = [len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts]
        self._ends = list(itertools.accumulate(sizes))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._ends[-1]}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        n_read = 0
        for part, end in zip(self._parts, self._ends, strict=True):
            # parts    |--- 0 ---|------ 1 ------|
            # at                      ^          ^ end        `left` bytes are between them
            while n_read < len(target) and (left := end - self._at) > 0:
                wanted = min(left, len(target) - n_read)
                if isinstance(part, bytes):
                    content = part[len(part) - left :][:wanted]
                else:
                    self._file.seek(part[1] - left)
                    content = self._file.read(wanted) or b""
                if not content:
                    return n_read
                target[n_read : n_read + len(content)] = content
                n_read += len(content)
                self._at += len(content)
        return n_read


def pieces(file: BinaryIO | FileIO) -> list[BinaryIO | FileIO | FileView]:
    """Return the recordings in a file, each to be decoded from its beginning: mostly one, the file itself."""
    size = file.seek(0, os.SEEK_END)
    first = _behind_tags(file, size)
    file.seek(first)
    head = file.read(12)
    if head[:4] == b"OggS":
        starts = _ogg_starts(file, first)
    elif head[:4] == b"fLaC":
        starts = list(_occurrences(file, _FLAC_START, first))
    elif _is_iff(head):
        starts = _iff_starts(file, first)
    elif head[4:8] == b"ftyp":
        starts = _mp4_starts(file, size)
    else:
        starts = [first] if first else []
    starts = starts[:_MAX_PIECES] or [first]
    bounds = list(itertools.pairwise([*starts, size]))
    views: list[BinaryIO | FileIO | FileView] = []
    for start, end in bounds:
        parts: list[tuple[int, int] | bytes] = _aligned_chunks(file, start, end) if _is_iff(head) else [(start, end)]
        views.append(file if parts == [(0, size)] else FileView(file, parts))
    file.seek(0)
    return views


def _behind_tags(file: BinaryIO | FileIO, size: int) -> int:
    """Return where a recording begins behind ID3 tags; 0 where MPEG sound follows, which is FFmpeg's with its tags."""
    at = 0
    for _ in range(_MAX_TAGS):
        file.seek(at)
        head = file.read(12)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        # the size has seven bits in each of four bytes; a footer of ten bytes may follow
        # bits   0aaaaaaa 0bbbbbbb 0ccccccc 0ddddddd     the top bit of each byte is 0
        n_bytes = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        at += 10 + n_bytes + (10 if head[5] & 0x10 else 0)
        file.seek(at)
        padding = file.read(_MAX_PADDING)
        at += len(padding) - len(padding.lstrip(b"\0"))
    file.seek(at)
    head = file.read(12)
    known = head[:4] in {b"OggS", b"fLaC", b"caff"} or _is_iff(head)
    return at if known and at < size else 0


def _is_iff(head: bytes) -> bool:
    """Tell whether a file starts as WAV or AIFF do."""
    return (head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE") or (
        head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}
    )


def _iff_starts(file: BinaryIO | FileIO, first: int) -> list[int]:
    """Return where WAV or AIFF files begin that follow each other without a byte in between."""
    starts = [first]
    while len(starts) < _MAX_PIECES:
        file.seek(starts[-1])
        head = file.read(28)
        (n_bytes,) = struct.unpack(">I" if head[:4] == b"FORM" else "<I", head[4:8])
        if head[:4] == b"RF64" and head[12:16] == b"ds64" and len(head) == 28:
            (n_bytes,) = struct.unpack("<Q", head[20:])
        # The size does not count itself and the name before it (8 bytes), nor a padding byte at the end.
        following = starts[-1] + 8 + n_bytes + n_bytes % 2
        if following > 2**62:
            break
        file.seek(following)
        if not _is_iff(file.read(12)):
            break
        starts.append(following)
    return starts


def _aligned_chunks(file: BinaryIO | FileIO, start: int, end: int) -> list[tuple[int, int] | bytes]:
    """Return the parts of a WAV or AIFF file whose chunks begin where a decoder looks for them.

    A chunk of odd length is followed by a byte of padding, and no other chunk is:

        right        | odd chunk | 0 | data |
        too little   | odd chunk | data |           -> a zero is put in
        too much     | chunk | 0 | data |           -> a byte is left out

    Only chunks before the samples count: those behind them are of no use to a decoder.
    """
    file.seek(start)
    order = ">I" if file.read(4) == b"FORM" else "<I"
    parts: list[tuple[int, int] | bytes] = []
    begins, at = start, start + 12
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[:4] in {b"data", b"SSND"}:
            break
        (n_bytes,) = struct.unpack(order, head[4:])
        at += 8 + n_bytes  # the end of the chunk
        if at >= end:
            break
        file.seek(at)
        following = file.read(9)
        is_odd = n_bytes % 2 == 1
        begins_here = following[:1] != b"\0" and _is_chunk_name(following[:4]) and not _is_chunk_name(following[1:5])
        begins_later = not _is_chunk_name(following[:4]) and _is_chunk_name(following[1:5])
        if is_odd and begins_here:
            parts += [(begins, at), b"\0"]
            begins = at
        elif is_odd:
            at += 1
        elif begins_later:
            parts.append((begins, at))
            begins = at = at + 1
    return [*parts, (begins, end)]


def _is_chunk_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def _ogg_starts(file: BinaryIO | FileIO, first: int) -> list[int]:
    """Return where the links of a chained Ogg file begin. First pages in a row are streams of one link."""
    starts: list[int] = []
    behind = -1  # the end of the last first page
    for at in _occurrences(file, _OGG_START, first):
        if at != behind:
            starts.append(at)
        file.seek(at)
        page = file.read(_PAGE.size + 255)
        if len(page) < _PAGE.size:
            break
        n_segments = page[_PAGE.size - 1]
        # page   | head | table of n_segments sizes | segments |      its end is the sum of all three
        behind = at + _PAGE.size + n_segments + sum(page[_PAGE.size : _PAGE.size + n_segments])
    if starts and starts[0] != first:
        starts[0] = first  # the beginning is damaged: leave it to the decoder
    return starts


def _mp4_starts(file: BinaryIO | FileIO, size: int) -> list[int]:
    """Return where MP4 files begin that follow each other. One in fragments goes on behind a second head."""
    starts, at = [0], 0
    for _ in range(_MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        n_bytes, kind = struct.unpack(">I4s", head[:8])
        if n_bytes == 1 and len(head) == 16:  # the size stands behind the kind, in eight bytes
            (n_bytes,) = struct.unpack(">Q", head[8:])
        if kind == b"moof":
            return [0]
        if kind == b"ftyp" and at:
            starts.append(at)
        if n_bytes < 8 or at + n_bytes >= size:
            break
        at += n_bytes
    return starts


def _occurrences(file: BinaryIO | FileIO, pattern: bytes, first: int) -> Iterator[int]:
    """Yield where ``pattern`` stands, in bytes from the beginning."""
    overlap = len(pattern) - 1
    at, tail = first, b""
    while True:
        file.seek(at)
        block = file.read(_BLOCK)
        if not block:
            return
        # A pattern may lie across two blocks, so the last bytes of a block are searched again with the next:
        # blocks    |..........OggS|..|
        # tail               |...|
        content = tail + block
        place = content.find(pattern)
        while place >= 0:
            yield at - len(tail) + place
            place = content.find(pattern, place + 1)
        at += len(block)
        tail = content[-overlap:]
