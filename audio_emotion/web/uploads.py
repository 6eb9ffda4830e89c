"""Uploads on their way to a file: the body of a request, and the folder that it goes to."""

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect, Request

from audio_emotion.batch.journal import lock
from audio_emotion.core.errors import StorageError, reason
from audio_emotion.web.errors import CLIENT_CLOSED, RequestError

FIELD = "file"
"""The part of a multipart body that holds the recording."""

TRANSCRIPT, ADAPTATION = "segments", "adaptation"
"""Parts that may come with it: a transcript or label file, and what the model is to be adapted to."""

PARAMETERS = frozenset(
    {
        "adapt",
        "channel",
        "channels",
        "end",
        "format",
        "gate",
        "hop",
        "merge",
        "min_confidence",
        "min_duration",
        "model",
        "smooth",
        "speakers",
        "start",
        "stream",
        "timeline",
        "vad",
        "window",
    }
)
"""Query parameters; a part of this name is refused, because it would have no effect."""

_SMALL_BYTES = 8 * 2**20  # of such a part

_PREFIX = "audio-emotion-serve-"
_LOCK = "lock"
_MAX_NAME = 200
_MAX_PARTS = 100
_BARE = ("audio/", "video/", "application/octet-stream", "application/ogg")
_EXPECTED = (
    f"expected a multipart/form-data body with one part called '{FIELD}', or the recording itself as the body "
    "with a Content-Type such as audio/wav"
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived.

    Attributes:
        path: where it is.
        name: what its sender calls it, fit to be shown.
        parts: what came with it, by the name of the part: :data:`TRANSCRIPT`, :data:`ADAPTATION`.
    """

    path: Path
    name: str
    parts: "Mapping[str, Upload]" = field(default_factory=dict)

    def remove(self) -> None:
        """Remove all its files."""
        for each in (self, *self.parts.values()):
            each.path.unlink(missing_ok=True)


class UploadFolder:
    """A private folder (mode 0700) for uploads, removed at the end; what a killed server left is removed at the start.

    Raises:
        StorageError: there is no folder for temporary files.
    """

    def __init__(self) -> None:
        try:
            _remove_leftovers(Path(tempfile.gettempdir()))
            self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self._lock = (self._folder / _LOCK).open("wb")
        except OSError as error:
            raise StorageError(
                f"no folder for uploads ({reason(error)}); mount a writable /tmp, or set TMPDIR"
            ) from error
        lock(self._lock.fileno())  # tells other servers that this folder is in use

    def new_path(self) -> Path:
        """Return a path for an upload that cannot be guessed."""
        return self._folder / secrets.token_hex(16)

    def close(self) -> None:
        """Remove the folder."""
        self._lock.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def create(path: Path) -> BinaryIO:
    """Open a new file that only this user can read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders of servers that ended without doing so: nobody holds their locks."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / _LOCK).open("r+b") as file:
            lock(file.fileno())
            shutil.rmtree(folder, ignore_errors=True)


async def receive_upload(request: Request, folder: UploadFolder) -> Upload:
    """Write the recording of a request to a file as it comes, and so the parts that come with it.

    Raises:
        RequestError: there is no recording in it, no space for it, or the client has left.
    """
    content_type, _, parameters = request.headers.get("content-type", "").partition(";")
    content_type = content_type.strip().lower()
    files = _Files(folder)
    try:
        with files:
            if content_type == "multipart/form-data":
                await _receive_multipart(request, files, parameters)
            elif content_type.startswith(_BARE):
                await _receive_bare(request, files)
            else:
                shown = f"a body of {content_type[:100]!r}" if content_type else "no Content-Type"
                raise RequestError(422, f"{FIELD}: {shown}, {_EXPECTED}")
    except ClientDisconnect as error:
        files.remove()
        raise RequestError(CLIENT_CLOSED, "the client left before the upload had arrived") from error
    except OSError as error:
        files.remove()
        raise RequestError(
            507, f"no space for the upload on the server ({reason(error)}); try again later, or send a smaller file"
        ) from error
    except BaseException:
        files.remove()
        raise
    return replace(files.uploads.pop(FIELD), parts=files.uploads)


class _Files(contextlib.ExitStack):
    """Files that are being received, by the name of their part; they are closed at the end of the block."""

    def __init__(self, folder: UploadFolder) -> None:
        super().__init__()
        self._folder = folder
        self.uploads: dict[str, Upload] = {}

    def open(self, part: str, name: str) -> BinaryIO:
        """Open the file of a part.

        Raises:
            RequestError: this part has come already.
        """
        if part in self.uploads:
            raise RequestError(422, f"{part}: two parts have this name; send one recording in a request")
        upload = self.uploads[part] = Upload(self._folder.new_path(), name)
        return self.enter_context(create(upload.path))

    def remove(self) -> None:
        for upload in self.uploads.values():
            upload.remove()


async def _receive_bare(request: Request, files: _Files) -> None:
    _, parameters = _parameters(request.headers.get("content-disposition", ""))
    file = files.open(FIELD, _name(parameters))
    async for chunk in request.stream():
        file.write(chunk)


@dataclass(slots=True)
class _Parts:
    """What a multipart parser calls back: it writes the parts with known names, and passes over the others."""

    files: _Files
    n_parts: int = 0
    part: str = ""
    n_bytes: int = 0
    file: BinaryIO | None = None  # of the part, if its name is known
    header: bytes = b""
    value: bytes = b""
    disposition: str = ""

    def callbacks(self) -> dict[str, Callable[..., None]]:
        names = ("part_begin", "part_data", "header_field", "header_value", "header_end", "headers_finished")
        return {f"on_{name}": getattr(self, f"on_{name}") for name in names}

    def on_part_begin(self) -> None:
        self.n_parts += 1
        self.file, self.n_bytes, self.disposition = None, 0, ""
        if self.n_parts > _MAX_PARTS:
            raise RequestError(400, f"the body has more than {_MAX_PARTS} parts; {_EXPECTED}")

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def on_header_end(self) -> None:
        if self.header.lower() == b"content-disposition":
            self.disposition = self.value.decode("utf-8", "replace")
        self.header = self.value = b""

    def on_headers_finished(self) -> None:
        _, parameters = _parameters(self.disposition)
        self.part = parameters.get("name", "")
        if self.part in {FIELD, TRANSCRIPT, ADAPTATION}:
            self.file = self.files.open(self.part, _name(parameters))
        elif self.part in PARAMETERS:
            raise RequestError(
                422, f"{self.part}: is a part of the body, expected in the query, as in /v1/emotions?{self.part}=..."
            )

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self.file is None:
            return
        self.n_bytes += end - start
        if self.part != FIELD and self.n_bytes > _SMALL_BYTES:
            allowed = f"the {_SMALL_BYTES // 2**20} MiB allowed"
            raise RequestError(413, f"{self.part}: larger than {allowed}; send a part of the recording with its own")
        self.file.write(data[start:end])


async def _receive_multipart(request: Request, files: _Files, parameters: str) -> None:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser

    boundary = _parameters(f"multipart/form-data;{parameters}")[1].get("boundary", "")
    try:
        if not boundary:
            raise RequestError(400, f"the Content-Type names no boundary; {_EXPECTED}")
        parts = _Parts(files)
        parser = MultipartParser(boundary.encode("latin-1", "replace"), parts.callbacks())  # type: ignore[arg-type]
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise RequestError(400, f"the multipart body cannot be read ({error}); {_EXPECTED}") from error
    if FIELD not in files.uploads:
        raise RequestError(422, f"{FIELD}: no part has this name; {_EXPECTED}")


def _parameters(header: str) -> tuple[str, dict[str, str]]:
    r"""Split a header's value from its parameters, the extended ones of RFC 8187 decoded.

    >>> _parameters('form-data; name="file"; filename="a;b.wav"')
    ('form-data', {'name': 'file', 'filename': 'a;b.wav'})
    >>> _parameters("attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe.wav")[1]
    {'filename*': 'Größe.wav'}
    """
    value, *pairs = _split(header)
    parameters = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        key, text = key.strip().lower(), text.strip()
        if text.startswith('"'):
            text = text[1:].removesuffix('"').replace('\\"', '"')
        if key.endswith("*") and text.count("'") >= 2:
            charset, _, encoded = text.split("'", 2)
            try:
                text = unquote_to_bytes(encoded).decode(charset or "utf-8", "replace")
            except LookupError:
                text = encoded
        parameters[key] = text
    return value.strip().lower(), parameters


def _split(header: str) -> list[str]:
    r"""Split at semicolons that are not within quotes.

    >>> _split('a; b="1;2"; c="x\\"; y"')
    ['a', ' b="1;2"', ' c="x\\"; y"']
    """
    return [part for part in re.findall(r'(?:[^;"]|"(?:\\.|[^"\\])*"?)+', header) if part.strip()] or [""]


def _name(parameters: dict[str, str]) -> str:
    """Return what an upload is called: browsers send ``%22`` for a quote, and some clients only ``filename*``."""
    if "filename*" in parameters:
        return display_name(parameters["filename*"])
    name = parameters.get("filename", "")
    for encoded, character in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        name = name.replace(encoded, character)
    return display_name(name)


def display_name(name: str) -> str:
    r"""Return what an upload is called in its result: printable, and without the folders that a client may name.

    >>> display_name("../../etc/two\nlines.wav"), display_name("C:\\calls\\one.wav"), display_name("/")
    ('two_lines.wav', 'one.wav', 'upload')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c if c.isprintable() else "_" for c in last)[-_MAX_NAME:] or "upload"
