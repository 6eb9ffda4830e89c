"""Locations on disk. Only this module reads the ``AUDIO_EMOTION_*`` environment variables."""

import glob
import os
import shutil
import socket
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from audio_emotion.core.errors import NoHomeError, StorageError, UsageError, reason

APP = "audio-emotion"
_PACKAGE = Path(__file__).parent.parent
_DAY_S = 86_400
_MOST_NAME_BYTES = 200  # of a name; most file systems allow 255
_MOST_BYTES = 256 * 2**20
_MACHINE = zlib.crc32(socket.gethostname().encode())  # process numbers are a machine's own, a home may be shared


def home() -> Path:
    """Return the folder for models and downloaded corpora: ``AUDIO_EMOTION_HOME``, else the user's data folder.

    Raises:
        NoHomeError: neither is there, as in a container that runs under a user id of its own.
    """
    override = os.environ.get("AUDIO_EMOTION_HOME")
    with _home_errors("AUDIO_EMOTION_HOME"):
        if override:
            return _entered(Path(override).expanduser())
        from platformdirs import user_data_path

        return _entered(user_data_path(APP, appauthor=False))


@contextmanager
def _home_errors(variable: str) -> Iterator[None]:
    """Turn what Python and platformdirs raise where a user has no home directory into one error."""
    try:
        yield
    except (RuntimeError, KeyError) as error:
        raise NoHomeError(
            f"no home directory for this user ({reason(error)})",
            hint=f"set {variable} to a folder that can be written",
        ) from error
    except PermissionError as error:
        raise NoHomeError(
            f"{error.filename} cannot be read ({reason(error)})",
            hint=f"set {variable} to a folder that can be written",
        ) from error


def _entered(folder: Path) -> Path:
    """Return a folder. Raises PermissionError where another user's home is in the way (``HOME=/root``)."""
    with suppress(FileNotFoundError, NotADirectoryError, ValueError):
        folder.stat()
    return folder


def models_dir() -> Path:
    """Return the folder that holds one folder for each trained model."""
    return home() / "models"


def chosen_model_file() -> Path:
    """Return the file with the name of the model to take where none is named; most users have none."""
    return home() / "default-model"


def runs_dir() -> Path:
    """Return the folder that holds one folder of training runs for each set of folds."""
    return home() / "runs"


def corpora_dir() -> Path:
    """Return the folder that downloaded corpora are unpacked into."""
    return home() / "corpora"


def cache_dir() -> Path:
    """Return the folder for decoded recordings: ``AUDIO_EMOTION_CACHE``, else the user's cache folder.

    Raises:
        NoHomeError: neither is there.
    """
    override = os.environ.get("AUDIO_EMOTION_CACHE")
    with _home_errors("AUDIO_EMOTION_CACHE"):
        if override:
            return _entered(Path(override).expanduser())
        from platformdirs import user_cache_path

        return _entered(user_cache_path(APP, appauthor=False) / "decoded")


def corpus_root() -> Path:
    """Return the folder to look for corpora in when none is named: ``AUDIO_EMOTION_DATA``, else the downloads."""
    override = os.environ.get("AUDIO_EMOTION_DATA")
    with _home_errors("AUDIO_EMOTION_DATA"):
        return Path(override).expanduser() if override else corpora_dir()


def bundled_model_dir(name: str = "default") -> Path:
    """Return the folder of a model that comes with the package."""
    return _PACKAGE / "weights" / name


def pretrained_weights(name: str) -> Path:
    """Return the file with pretrained weights that come with the package, for networks that begin with them."""
    return _PACKAGE / "weights" / name / "model.safetensors"


def speaker_encoder() -> Path:
    """Return the graph of the speaker encoder that comes with the package."""
    return _PACKAGE / "weights" / "speaker-encoder" / "model.onnx"


def display_path(name: str | os.PathLike[str]) -> str:
    r"""Return a file name as one printable line, with control characters and undecodable bytes escaped.

    >>> print(display_path("two\nlines.wav"))
    two\nlines.wav
    """
    return "".join(c if c.isprintable() else _escaped(c) for c in os.fspath(name))


def is_address(name: str) -> bool:
    """Whether a name is an address in an object store.

    >>> is_address("s3://bucket/calls/one.wav"), is_address("calls/one.wav")
    (True, False)
    """
    return name.startswith(("s3://", "gs://", "gcs://"))


def encodable(name: str) -> str:
    r"""Return a file name as valid Unicode text: bytes that are not UTF-8 become ``\xNN``.

    Line breaks and other control characters stay.

    >>> encodable("two\nlines, caf\udce9.wav")
    'two\nlines, caf\\xe9.wav'
    """
    return "".join(_escaped(c) if "\ud800" <= c <= "\udfff" else c for c in name)


def _escaped(character: str) -> str:
    """Return the escape of a character; for a surrogate escape (PEP 383), that of its byte."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def content(path: Path, expected: str) -> bytes:
    """Return the content of a list, a table or a config.

    ``expected`` describes the file in error messages.

    Raises:
        StorageError: it cannot be read.
        UsageError: it is larger than 256 MiB, or a device without an end.
    """
    try:
        with path.open("rb") as file:
            found = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise StorageError(
            f"cannot be read ({reason(error)})", subject=display_path(path), hint=f"expected {expected}"
        ) from error
    if len(found) > _MOST_BYTES:
        raise UsageError(
            f"is larger than {_MOST_BYTES // 2**20} MiB", subject=display_path(path), hint=f"expected {expected}"
        )
    return found


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """Yield a temporary folder next to ``target`` that replaces it when the block succeeds.

    An existing folder is replaced as a whole. After an error, an interrupt or a crash the old one is still there.

    Raises:
        StorageError: the parent folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(target)
        # In the same folder, because only there a rename is one step; named by machine and process, so that
        # another run can tell whether its maker is still alive.
        sibling = Path(tempfile.mkdtemp(prefix=f".{target.name}.{_MACHINE}.{os.getpid()}.", dir=target.parent))
    except OSError as error:
        raise StorageError(
            f"cannot write to {target.parent} ({error.strerror}); make it writable, or set AUDIO_EMOTION_HOME"
        ) from error
    try:
        yield sibling
        sibling.chmod(0o755)
        _replace(sibling, target)
    except OSError as error:
        raise StorageError(f"cannot write {target} ({error.strerror}); nothing was changed") from error
    finally:
        shutil.rmtree(sibling, ignore_errors=True)


@contextmanager
def writing_file(target: Path) -> Iterator[Path]:
    """Yield the path of a temporary file next to ``target`` that replaces it when the block succeeds.

    After an error, an interrupt or a crash the old file is still there.

    Raises:
        StorageError: ``target`` is a folder, its name is too long, or its parent folder is not writable.
    """
    try:
        is_folder = target.is_dir()
    except OSError as error:  # the name is too long, or a folder above may not be searched
        raise StorageError(f"cannot write {target} ({error.strerror}); nothing was changed") from error
    if is_folder:
        raise StorageError("is a folder, expected the name of a file to write", subject=str(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{_short(target.name)}.", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise StorageError(f"cannot write to {target.parent} ({error.strerror}); make it writable") from error
    sibling = Path(name)
    try:
        yield sibling
        sibling.chmod(0o644)
        sibling.replace(target)
    except OSError as error:
        raise StorageError(f"cannot write {target} ({error.strerror}); nothing was changed") from error
    finally:
        sibling.unlink(missing_ok=True)


@contextmanager
def writing_text(target: Path) -> Iterator[IO[str]]:
    """Yield an open UTF-8 file with LF line ends that replaces ``target`` when the block succeeds.

    The temporary name is always the same, so a crash leaves at most one file, which the next attempt overwrites.

    Raises:
        StorageError: it cannot be written; an existing ``target`` is unchanged.
    """
    sibling = target.with_name(f".{_short(target.name)}.part")
    try:
        with sibling.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        sibling.replace(target)
    except BaseException as error:
        with suppress(OSError):
            sibling.unlink()
        if not isinstance(error, OSError):
            raise
        raise StorageError(
            f"cannot write {target} ({error.strerror}); free space there or make it writable, and run again"
        ) from error


def _short(name: str) -> str:
    """Return a name short enough for a temporary file; a long name is cut and gets a checksum."""
    content = os.fsencode(name)
    if len(content) <= _MOST_NAME_BYTES:
        return name
    return f"{content[: _MOST_NAME_BYTES - 9].decode(errors='ignore')}~{zlib.crc32(content):08x}"


def remove(file: Path) -> None:
    """Remove a file if it is there.

    Raises:
        StorageError: it cannot be removed.
    """
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot remove {file} ({error.strerror}); make its folder writable") from error


def remove_folder(folder: Path) -> None:
    """Remove a folder and its content, atomically.

    Raises:
        StorageError: it cannot be removed.
    """
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.{_MACHINE}.{os.getpid()}.", dir=folder.parent))
        folder.rename(aside / folder.name)
    except OSError as error:
        raise StorageError(f"cannot remove {folder} ({error.strerror}); make its folder writable") from error
    shutil.rmtree(aside, ignore_errors=True)


def clear_old_leftovers(folder: Path) -> None:
    """Remove temporary folders of :func:`writing` in ``folder`` that are older than a day."""
    for left in folder.glob(f".*.{_MACHINE}.*.*"):
        name = left.name[1:].partition(f".{_MACHINE}.")[0]
        if is_old(left):
            _clear_leftovers(folder / name)


def is_old(path: Path) -> bool:
    """Whether a file or folder exists and has not changed for a day, so no process is writing it."""
    try:
        return time.time() - path.stat().st_mtime > _DAY_S
    except OSError:  # another process was faster
        return False


def _clear_leftovers(target: Path) -> None:
    """Remove temporary folders of :func:`writing` next to ``target`` whose process on this machine was killed."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.{_MACHINE}.*.*"):
        process, kind = left.name.removeprefix(f".{target.name}.{_MACHINE}.").split(".")[:2]
        is_the_last_one = kind == "old" and not target.exists()  # killed in the middle of the exchange
        if process.isdigit() and not _is_running(int(process)) and not is_the_last_one:
            shutil.rmtree(left, ignore_errors=True)


def _is_running(process: int) -> bool:
    """Whether a process is running; always True on Windows, where os.kill would end it."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def _replace(sibling: Path, target: Path) -> None:
    """Move ``sibling`` to ``target``; an existing folder is moved aside first, because rename cannot replace it."""
    if not target.exists():
        sibling.rename(target)
        return
    aside = (
        Path(tempfile.mkdtemp(prefix=f".{target.name}.{_MACHINE}.{os.getpid()}.old.", dir=target.parent)) / target.name
    )
    target.rename(aside)
    try:
        sibling.rename(target)
    except OSError:
        aside.rename(target)
        raise
    finally:
        shutil.rmtree(aside.parent, ignore_errors=True)
