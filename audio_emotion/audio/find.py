"""Which recordings are meant: folders, patterns and lists of names → files."""

import codecs
import glob
import os
from collections.abc import Iterable
from pathlib import Path

from audio_emotion.core.errors import UsageError

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64"}
    | {".m4a", ".m4b", ".aac", ".ac3", ".amr", ".ape", ".wma", ".wv", ".mka", ".weba"}
    | {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".3gp", ".wmv", ".flv", ".ogv", ".mts"}
)
"""What counts as a recording when a folder is searched; a file named outright is judged by its content."""

_SIGNATURES = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"ID3", b"FORM", b"caff", b".snd", b"\x1aE\xdf\xa3")


def expand(names: Iterable[str | os.PathLike[str]], recursive: bool = False) -> list[Path]:
    """Replace each folder by the recordings in it and each pattern by what it matches, sorted; keep all else.

    A folder is searched for names that end as recordings do (in any case), and for nameless endings whose content
    begins as a recording does; hidden files are passed over. With ``recursive`` the folders below it are searched
    too, each once, whatever links there are. ``*``, ``?``, ``[...]`` and ``**`` make a pattern, unless a file has
    that very name. What is missing, or a folder without a recording, stays in the list, to fail by itself.
    """
    files: list[Path] = []
    for name in map(Path, names):
        matches = [name]
        if any(mark in str(name) for mark in "*?[") and not os.path.lexists(name):
            matches = [Path(match) for match in sorted(glob.glob(str(name), recursive=True))] or [name]  # noqa: PTH207
        for match in matches:
            files.extend((search(match, recursive) or [match]) if match.is_dir() else [match])
    return files


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
        raise UsageError(f"{name}: is no list, expected the name of a recording on each line")
    lines = content.split(b"\0") if b"\0" in content else content.removeprefix(codecs.BOM_UTF8).splitlines()
    try:
        names = [os.fsdecode(line) for line in lines if line.strip()]
    except UnicodeDecodeError:  # on Windows
        raise UsageError(f"{name}: is no list in UTF-8 or UTF-16") from None
    names = [one for one in names if not one.startswith("#") or b"\0" in content or os.path.lexists(one)]
    if not names:
        raise UsageError(f"{name}: the list is empty, expected the name of a recording on each line")
    return names


def search(folder: Path, recursive: bool) -> list[Path]:
    """Return the recordings in a folder as :func:`expand` does; and the folders below that cannot be read."""
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    unreadable = list[Path]()  # folders that stay in the list, to fail by themselves
    walk = os.walk(folder, followlinks=True, onerror=lambda error: unreadable.append(Path(error.filename)))
    for top, below, names in walk:
        here = Path(top).stat()
        below[:] = sorted(name for name in below if not name.startswith("."))
        if (here.st_dev, here.st_ino) in seen or not recursive:
            below.clear()
        if (here.st_dev, here.st_ino) in seen:  # reached by another way already
            continue
        seen.add((here.st_dev, here.st_ino))
        found.extend(path for name in names if not name.startswith(".") and _is_recording(path := Path(top, name)))
    return sorted(found + unreadable)


def _is_recording(path: Path) -> bool:
    if path.suffix:
        return path.suffix.lower() in AUDIO_SUFFIXES
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(_SIGNATURES) or is_mpeg(head) or head[4:8] == b"ftyp"


def is_mpeg(head: bytes) -> bool:
    """Tell whether a file starts as MP3 or ADTS AAC do: with a tag, or at once with a frame."""
    return head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)
