"""Names in a batch: how inputs are known from one run to the next, and what their output files are called."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from audio_emotion.batch.journal import JOURNAL, Entry, file_stat
from audio_emotion.formats import percent_encode

RESULTS, FAILURES = "results", "failures"
"""Names of the files for all inputs together, without their suffixes."""

_REFUSED = '<>:"|?*\\'  # by some file system or shell
_RESERVED = {RESULTS, FAILURES, Path(JOURNAL).stem}
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"
}
"""Names that Windows keeps for itself, whatever the suffix."""
_PLAIN = re.compile(r"[\w+=@,-]+(\.[\w+=@,-]+)*", re.ASCII)
_LONGEST = 200  # bytes of a name, to which a suffix is added; most file systems allow 255
_SAMPLE = 200  # inputs that are looked up to find out where an archive has moved


def as_named(inputs: Iterable[str | os.PathLike[str]]) -> dict[str, str]:
    """Return each input's absolute path, once, with the name to use in results.

    Names are as given; if some are absolute and some are relative, all are absolute.
    """
    names: dict[str, str] = {}
    for name in inputs:
        names.setdefault(os.path.abspath(name), os.fspath(name))  # noqa: PTH100 (keeps "..", and odd bytes, right)
    if len({os.path.isabs(name) for name in names.values()}) > 1:  # noqa: PTH117
        return {path: path for path in names}
    return names


def common_folder(paths: Sequence[str]) -> str:
    """Return the deepest folder that all absolute paths are in; empty if they are on several drives."""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:
        return ""


def path_below(path: str, root: str) -> str:
    """Return an absolute path relative to ``root``, with ``/``; on another drive, the path itself.

    >>> path_below("/data/calls/may/one.wav", "/data/calls")
    'may/one.wav'
    """
    if os.sep == "/" and root and path.startswith(f"{root}/") and "/." not in path and "//" not in path:
        return path[len(root) + 1 :]  # what follows, for many thousand paths
    try:
        return Path(os.path.relpath(path, root or os.sep)).as_posix()
    except ValueError:
        return Path(path).as_posix()


def find_root(paths: Sequence[str], entries: Mapping[str, Entry], root: str) -> str:
    """Return the folder that a journal's entries are relative to now: ``root``, or the place that it has moved to.

    It has moved if no input is known below ``root``, and files of the same size and time, which ``root`` no longer
    holds, are below another folder; or the same files are, by a link::

        root     /mnt/disk            an entry  may/one.wav
        inputs   /media/usb/may/one.wav
        →        /media/usb
    """
    sample = paths[:: max(1, len(paths) // _SAMPLE)]
    if not entries or any(path_below(path, root) in entries for path in sample):
        return root
    votes: Counter[str] = Counter()
    for path in sample:
        parts = Path(path).parts
        for depth in range(1, len(parts)):
            key = "/".join(parts[depth:])
            entry = entries.get(key)
            if entry and entry.stamp.is_same(file_stat(path)) and not _is_another(Path(root, *parts[depth:]), path):
                votes[str(Path(*parts[:depth]))] += 1
    return votes.most_common(1)[0][0] if votes else root


def _is_another(there: Path, path: str) -> bool:
    """Tell whether there is a file, and it is another one than ``path``."""
    try:
        return not there.samefile(path)
    except OSError:
        return os.path.lexists(there)


def output_name(path: str, root: str) -> str:
    """Return what an input's output files are called, under the output folder and without the format's suffix.

    It is the input's path below ``root``, so that a tree of inputs gives the same tree of outputs; what lies outside
    has ``__`` for each step up. What some file system refuses is escaped as in a URL, the names that Windows keeps
    for itself among it, and a long name is shortened and told apart by a checksum.

    >>> output_name("/data/calls/may/one.wav", "/data/calls"), output_name("/data/aux.wav", "/data")
    ('may/one.wav', '%61ux.wav')
    """
    return name_of_key(path_below(path, root))


def name_of_key(key: str) -> str:
    """Return what :func:`output_name` does, of a path below the root."""
    if _is_plain(key):
        return key
    parts = ["__" if part == os.pardir else _output_part(part) for part in Path(key).parts]
    if len(parts) == 1 and parts[0].casefold() in _RESERVED:
        parts = [_escape_first(parts[0])]
    return "/".join(parts)


def _is_plain(key: str) -> bool:
    """Tell quickly that a path has nothing to escape; False may be wrong."""
    return (
        len(key) <= _LONGEST
        and all(_PLAIN.fullmatch(part) and part.partition(".")[0].lower() not in _DEVICES for part in key.split("/"))
        and key.lower() not in _RESERVED
    )


def folded(name: str) -> str:
    """Return what names share that are one file on Windows or macOS: no case, and composed letters."""
    return unicodedata.normalize("NFC", name).casefold()


def told_apart(name: str, key: str) -> str:
    """Return a name for outputs whose plain name is taken, because inputs differ in case alone."""
    return f"{name}~{hashlib.sha256(os.fsencode(key)).hexdigest()[:16]}"


def _output_part(part: str) -> str:
    word = percent_encode(part, also=_REFUSED)
    if word[-1:] in {".", " "}:  # Windows drops it
        word = f"{word[:-1]}%{ord(word[-1]):02X}"
    if word.partition(".")[0].rstrip().casefold() in _DEVICES:
        word = _escape_first(word)
    if len(word.encode()) <= _LONGEST:
        return word
    digest = hashlib.sha256(os.fsencode(part)).hexdigest()[:16]
    return f"{word.encode()[: _LONGEST - 17].decode(errors='ignore')}~{digest}"


def _escape_first(word: str) -> str:
    return f"%{ord(word[0]):02X}{word[1:]}"
