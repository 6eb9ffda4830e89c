"""Object stores, by pyarrow: ``s3://bucket/key`` and ``gs://bucket/key``.

An address's query holds options of the store, as pyarrow has them: ``s3://bucket/key?endpoint_override=host:port``.
What a URL gives a meaning to (``%``, ``?``, ``#``) is escaped in a key, as in a URL.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import quote, unquote, urlsplit

from audio_emotion.batch.workers.types import RecordingFailedError
from audio_emotion.core.errors import AudioEmotionError, UsageError, reason
from audio_emotion.core.paths import display_path, is_address

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_IN_MEMORY = 64 * 2**20  # of a recording that is fetched; a larger one lies on the disk while it is decoded
_BLOCK = 2**20


def located(address: str) -> "tuple[FileSystem, str]":
    """Return the file system that an address is in, and its path there.

    Raises:
        UsageError: it holds no bucket, or a password, or the store does not know its options.
    """
    parts = urlsplit(address)
    if not parts.netloc or "@" in parts.netloc:
        raise UsageError(
            "expected scheme://bucket/key, with credentials in the environment or the "
            "store's own settings, never in an address",
            subject=display_path(address),
        )
    query = f"?{parts.query}" if parts.query else ""
    return _filesystem(f"{parts.scheme}://{parts.netloc}{query}"), unquote(parts.netloc + parts.path).rstrip("/")


@cache
def _filesystem(root: str) -> "FileSystem":
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem

    try:
        return FileSystem.from_uri(root)[0]
    except (ArrowException, OSError) as error:
        raise UsageError(
            f"no such store ({reason(error)})", subject=display_path(root), hint="check the address and its options"
        ) from None


def place(name: str) -> "tuple[FileSystem, str]":
    """Return the file system of an address or of a file on this machine, and the path there."""
    if is_address(name):
        return located(name)
    from pyarrow.fs import LocalFileSystem

    return LocalFileSystem(), name


def sibling(address: str, path: str) -> str:
    """Return the address of another path, bucket included, in an address's store."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{quote(path)}" + (f"?{parts.query}" if parts.query else "")


@contextmanager
def fetched(address: str, size_bytes: int) -> Iterator[BinaryIO]:
    """Give an object's content as a file that can be rewound; large ones lie on the disk.

    Raises:
        RecordingFailedError: there is no such object, it cannot be read, or it is larger than ``size_bytes``.
    """
    with SpooledTemporaryFile(_IN_MEMORY) as held:
        n_bytes = 0
        try:
            filesystem, path = located(address)
            with filesystem.open_input_stream(path) as stream:
                while block := stream.read(_BLOCK):
                    n_bytes += len(block)
                    if n_bytes > size_bytes:
                        raise RecordingFailedError(
                            "limit",
                            f"{display_path(address)}: has more bytes than the {size_bytes} allowed; raise the limit",
                        )
                    held.write(block)
        except FileNotFoundError:
            raise RecordingFailedError(
                "missing", f"{display_path(address)}: no such object; check the address"
            ) from None
        except (OSError, AudioEmotionError) as error:
            raise RecordingFailedError("unreadable", f"{display_path(address)}: cannot be fetched ({error})") from error
        held.seek(0)
        yield cast(BinaryIO, held)
