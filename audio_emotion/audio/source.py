"""A source opened, and called by a name that messages can show; what is no file is refused before it is opened."""

import glob
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from audio_emotion.audio.find import expand, other_form
from audio_emotion.core.errors import AudioError, reason
from audio_emotion.core.paths import display_path


def name_of(source: object, name: str | None = None) -> str:
    """Return what messages call a source: ``name``, else its path, made one printable line."""
    if name is not None:
        return display_path(name)
    if isinstance(source, str | os.PathLike):
        return display_path(source)
    return display_path(str(getattr(source, "name", type(source).__name__)))


FileSource = str | os.PathLike[str] | bytes | BinaryIO
"""A file: its path, its bytes, or a file object open for reading that can be rewound."""


@contextmanager
def binary(source: FileSource, name: str | None = None) -> Iterator[tuple[BinaryIO | FileIO, str]]:
    """Open a source from its beginning, and yield it with its name; a file object of the caller's stays open."""
    name = name_of(source, name)
    if isinstance(source, str | os.PathLike):
        source = other_form(os.fspath(source))
        _check_is_file(source, name)
        try:
            opened = Path(source).open("rb", buffering=0)  # noqa: SIM115 (libsndfile reads by the descriptor)
        except OSError as error:
            raise AudioError(f"cannot be opened ({reason(error)})", subject=name) from error
        with opened:
            yield opened, name
        return
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
    except OSError as error:
        raise AudioError("cannot be rewound", subject=name, hint="read it and pass its bytes") from error
    if not size:
        raise AudioError("is empty (0 bytes), expected a recording", subject=name)
    yield file, name


_NO_FILES: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a named pipe, expected a file; send its content to standard input instead, with the name -"),
    (stat.S_ISSOCK, "a socket, expected a file"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "a device, expected a file"),
)


def _check_is_file(path: str | os.PathLike[str], name: str) -> None:
    """Refuse what is no file before it is opened: opening a pipe waits, and a device may have no end."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise AudioError("no such file or folder", subject=name, hint="check the path") from None
    except (OSError, ValueError) as error:
        raise AudioError(f"cannot be read ({reason(error)})", subject=name) from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(f"is {_folder(path)}", subject=name)
    for is_kind, kind in _NO_FILES:
        if is_kind(status.st_mode):
            raise AudioError(f"is {kind}", subject=name)
    if not status.st_size:
        raise AudioError("is empty (0 bytes), expected a recording", subject=name)


def _folder(path: str | os.PathLike[str]) -> str:
    if expand([path]) != [Path(path)]:
        return "a folder, expected a recording"
    below = glob.glob(os.path.join(glob.escape(os.fspath(path)), "*", ""))  # noqa: PTH118, PTH207
    hint = "; infer --recursive also searches its subfolders" if below else ""
    return f"a folder without recordings (*.wav, *.mp3, *.mp4 ...){hint}"
