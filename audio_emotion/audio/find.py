"""Folders, patterns and lists of names → the files of recordings."""

import codecs
import glob
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Literal, overload

from audio_emotion.core.errors import UsageError

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64"}
    | {".m4a", ".m4b", ".m4r", ".aac", ".ac3", ".eac3", ".amr", ".ape", ".dts", ".mp2", ".mpga", ".wma", ".wv"}
    | {".mka", ".weba", ".snd", ".spx", ".tta", ".voc"}
    | {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".3gp", ".wmv", ".flv", ".ogv", ".mts"}
    | {".m2ts", ".3g2", ".asf", ".f4v", ".vob"}
)
"""Endings of recordings' names. In a folder, the content of a file with another ending decides."""

_OTHER_SUFFIXES = frozenset(
    {".txt", ".md", ".rst", ".pdf", ".doc", ".docx", ".html", ".htm", ".log", ".py", ".sh", ".js", ".css"}
    | {".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".ini", ".xlsx", ".parquet", ".npy", ".npz"}
    | {".srt", ".sbv", ".vtt", ".ass", ".rttm", ".textgrid", ".eaf", ".lab", ".ctm", ".stm", ".trs", ".cue", ".m3u"}
    | {
        ".m3u8",
        ".jpg",
        ".jpeg",
        ".png",
        ".gif",
        ".bmp",
        ".webp",
        ".svg",
        ".ico",
        ".tif",
        ".tiff",
        ".heic",
        ".zip",
        ".gz",
        ".part",
    }
)
"""Endings of files that lie next to recordings, whose content is not looked at and that no note counts."""

_SIGNATURES = (
    *(b"fLaC", b"OggS", b"ID3", b"caff", b".snd", b"\x1aE\xdf\xa3", b"#!AMR", b"wvpk", b"MAC ", b"TTA1", b"MPCK"),
    *(b"Creative Voice File", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"FLV\x01", b"\x00\x00\x01\xba", b"NIST_1A"),
    *(b"\x7f\xfe\x80\x01", b"\x0b\x77", b".RMF", b"riff\x2e\x91\xcf\x11"),
)
_FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")
_IFF_KINDS = {b"WAVE", b"AVI ", b"AIFF", b"AIFC", b"8SVX"}
_PICTURES = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"crx ")  # kinds of MP4 that hold no sound
_HEAD = 5 + 192  # bytes: the first packet of a transport stream, and the beginning of the second one


@dataclass
class PassedOver:
    """Files in folders that are not recordings, neither by name nor by content.

    Attributes:
        count: how many there are.
        first: one of them.
    """

    count: int = 0
    first: str = ""

    def add(self, path: str) -> None:
        """Count a file."""
        self.first = self.first or path
        self.count += 1


class FileList(Sequence[Path]):
    """The recordings that names stand for, as :func:`expand` finds them.

    Each is looked at once, when an iteration comes to it, and kept as text, so that a million of them need little
    memory and the first is there at once. The number of recordings, and any by its index, need all to be looked at.

    Attributes:
        passed_over: files of folders that are not recordings, as far as the folders have been looked at.
    """

    def __init__(self, names: Sequence[str], recursive: bool = False) -> None:
        self.passed_over = PassedOver()
        self._names = names
        self._files: list[str] = []
        self._rest = _expanded(names, recursive, self.passed_over)  # what follows `_files`

    def __iter__(self) -> Iterator[Path]:
        for file in self._iterate():
            yield Path(file)

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> list[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | list[Path]:
        if isinstance(index, slice):
            return list(map(Path, self._all()[index]))
        return Path(self._all()[index])

    def __contains__(self, path: object) -> bool:
        """Tell whether a name itself is ``path``; folders are not searched for it."""
        return str(path) in self._names

    def has_several(self) -> bool:
        """Tell whether there is more than one recording, looking no further than needed."""
        return len(list(islice(self._iterate(), 2))) > 1

    def is_single(self) -> bool:
        """Tell whether there is one name, and it is a recording's own: neither a folder's nor a pattern."""
        if len(self._names) != 1:
            return False
        files = list(islice(self._iterate(), 2))
        return len(files) == 1 and Path(files[0]) == Path(self._names[0])

    def _iterate(self) -> Iterator[str]:
        for number in count():
            if number == len(self._files):
                file = next(self._rest, None)
                if file is None:
                    return
                self._files.append(file)
            yield self._files[number]

    def _all(self) -> list[str]:
        self._files.extend(self._rest)
        return self._files


def expand(names: Iterable[str | os.PathLike[str]], recursive: bool = False) -> list[Path]:
    """Replace each folder by the recordings in it and each pattern by what it matches, sorted; keep all else.

    A folder is searched for names that end as recordings do (in any case), and for files of unknown or no ending whose
    content begins as a recording does; hidden files are passed over. With ``recursive`` the folders below it are
    searched too, each once, whatever links there are. ``*``, ``?``, ``[...]`` and ``**`` make a pattern, unless a file
    has that very name. What is missing, or a folder without a recording, stays in the list, to fail by itself.

    Letters with accents may be composed or decomposed, as a Mac's disk has them: where a name is not there, its other
    form is tried.
    """
    return list(map(Path, _expanded((os.fspath(name) for name in names), recursive, None)))


def _expanded(names: Iterable[str], recursive: bool, passed_over: PassedOver | None) -> Iterator[str]:
    for name in names:
        matches = [name]
        if any(mark in name for mark in "*?[") and not os.path.lexists(name):
            matches = sorted(_matches(name), key=_parts) or [name]
        for match in matches:
            if os.path.isdir(match):  # noqa: PTH112 (a million names)
                yield from _or_itself(_walk(match, recursive, passed_over, set()), match)
            else:
                yield other_form(match)


def _matches(pattern: str) -> set[str]:
    """Return what a pattern matches, its letters with accents composed or decomposed (NFC, NFD)."""
    forms = {pattern} if pattern.isascii() else {pattern, *(unicodedata.normalize(form, pattern) for form in _FORMS)}
    return {match for form in forms for match in glob.glob(form, recursive=True)}  # noqa: PTH207


def _parts(name: str) -> tuple[str, ...]:
    return Path(name).parts


def _or_itself(files: Iterator[str], folder: str) -> Iterator[str]:
    """Yield the files, or the folder if there are none."""
    first = next(files, folder)
    yield first
    yield from files


def other_form(name: str) -> str:
    """Return a name as it is, or in its composed or decomposed form (NFC, NFD) if only that exists."""
    if name.isascii() or os.path.lexists(name):
        return name
    for form in _FORMS:
        other = unicodedata.normalize(form, name)
        if os.path.lexists(other):
            return other
    return _other_form_of_parts(name)


def _other_form_of_parts(name: str) -> str:
    """Return a name each of whose folders exists in its own form; as it is if that does not exist either."""
    here = ""
    for part in Path(name).parts:
        forms = (part, unicodedata.normalize("NFC", part), unicodedata.normalize("NFD", part))
        there = next((path for form in forms if os.path.lexists(path := os.path.join(here, form))), None)  # noqa: PTH118
        if there is None:
            return name
        here = there
    return here


def names_in(content: bytes, name: str) -> list[str]:
    """Return the names that a list holds: one a line, or separated by NUL as ``find -print0`` writes them.

    Names are bytes as the file system has them, or UTF-16 with its mark. Empty lines are passed over, and those that
    begin with ``#``, as the remarks of a playlist (M3U) do, unless there is a file of that name. ``name`` is what
    messages call the list.

    Raises:
        UsageError: it names nothing, or is no list.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = os.fsencode(content.decode("utf-16", "replace"))
    if b"\0\0" in content:  # no name is empty
        raise UsageError("is not a list, expected the name of a recording on each line", subject=name)
    try:
        text = os.fsdecode(content.removeprefix(codecs.BOM_UTF8))
    except UnicodeDecodeError:  # on Windows
        raise UsageError("is not a list in UTF-8 or UTF-16", subject=name) from None
    if has_nul := "\0" in text:
        lines = text.split("\0")
    else:  # str.splitlines would also split at characters that names may have
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    names = [line for line in lines if line and (line[0] != "#" or has_nul or os.path.lexists(line))]
    names = [line for line in names if line.strip(" \t\v\f\r\n")]
    if not names:
        raise UsageError("the list is empty, expected the name of a recording on each line", subject=name)
    return names


def search(folder: Path, recursive: bool) -> list[Path]:
    """Return the recordings in a folder as :func:`expand` does; and the folders below that cannot be read."""
    return list(map(Path, _walk(os.fspath(folder), recursive, None, set())))


def _walk(folder: str, recursive: bool, passed_over: PassedOver | None, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Yield the recordings in a folder, and the folders that cannot be read, in the order of their parts.

    ``seen`` has the folders that were reached before, by another link.
    """
    try:
        here = os.stat(folder)  # noqa: PTH116
        names, folders = _names_and_folders(folder)
    except OSError:
        yield folder  # stays in the list, to fail by itself
        return
    if (here.st_dev, here.st_ino) in seen:
        return
    seen.add((here.st_dev, here.st_ino))
    names.sort()
    for name in names:
        path = os.path.join(folder, name)  # noqa: PTH118
        if name in folders:
            if recursive:
                yield from _walk(path, recursive, passed_over, seen)
        elif _is_recording(path, name):
            yield path
        elif passed_over is not None and _suffix(name) not in _OTHER_SUFFIXES:
            passed_over.add(path)


def _names_and_folders(folder: str) -> tuple[list[str], set[str]]:
    """Return all names in a folder but hidden ones, and those of folders among them."""
    with os.scandir(folder) as scan:
        entries = [entry for entry in scan if not entry.name.startswith(".")]
    return [entry.name for entry in entries], {entry.name for entry in entries if _is_folder(entry)}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _suffix(name: str) -> str:
    """Return the ending of a file's name, as ``.wav``; blanks and dots behind it are dropped, as Windows does."""
    return os.path.splitext(name.rstrip(" ."))[1].lower()  # noqa: PTH122


def _is_recording(path: str, name: str) -> bool:
    suffix = _suffix(name)
    if suffix in AUDIO_SUFFIXES:
        return True
    if suffix in _OTHER_SUFFIXES:
        return False
    try:
        if not os.path.isfile(path):  # noqa: PTH113
            return False
        with Path(path).open("rb") as file:
            return begins_as_recording(file.read(_HEAD))
    except OSError:
        return False


def begins_as_recording(head: bytes) -> bool:
    """Tell whether the first 197 bytes of a file are those of a recording or a video."""
    if head[:4] in {b"RIFF", b"RF64", b"FORM"}:
        return head[8:12] in _IFF_KINDS
    if head[4:8] == b"ftyp":
        return head[8:12] not in _PICTURES
    # packets of a transport stream begin with 0x47: every 188 bytes, or every 192 with the four bytes of a time before
    is_transport = (head[:1] == b"G" and head[188:189] == b"G") or (head[4:5] == b"G" and head[196:197] == b"G")
    return is_transport or head.startswith(_SIGNATURES) or _is_mpeg_frame(head)


def _is_mpeg_frame(head: bytes) -> bool:
    """Tell whether a file starts with a frame of ADTS or of MPEG layer 2 or 3, and not with a mark of UTF-16."""
    if len(head) < 4 or head[0] != 0xFF:
        return False
    if head[1] & 0xF6 == 0xF0:  # ADTS: its layer is 0; the rate's index is at most 12
        return (head[2] >> 2) & 0xF <= 12
    layer, bit_rate, rate = (head[1] >> 1) & 3, head[2] >> 4, (head[2] >> 2) & 3
    return head[1] & 0xE0 == 0xE0 and layer in {1, 2} and bit_rate not in {0, 15} and rate != 3
