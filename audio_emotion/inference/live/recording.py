"""Files that grow during a session and can be read at any time, also after a crash."""

import struct
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from audio_emotion.core.errors import StorageError
from audio_emotion.core.paths import display_path
from audio_emotion.inference.live.devices import Form, Int16Array

_MOST = 2**32 - 1  # bytes, what a WAV header can say
_HEADER = 44


class GrowingFile:
    """A file that is appended to, each piece handed to the system at once.

    Raises:
        StorageError: it is there already, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = FileIO(path, "xb")
        except FileExistsError:
            raise StorageError(
                "already exists and would be overwritten",
                subject=display_path(path),
                hint="remove it, or use another name",
            ) from None
        except OSError as error:
            raise self._problem(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _append(self, content: bytes) -> None:
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._problem(error) from error

    def _problem(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot write {display_path(self._path)} ({error.strerror}); free space there, or name another file"
        )


class LineFile(GrowingFile):
    """Lines of UTF-8 text."""

    def write(self, line: str) -> None:
        """Append a line, its line end included."""
        self._append(line.encode("utf-8"))


class WavFile(GrowingFile):
    """A WAV file with 16-bit PCM. The header is updated with each block, so a crash loses the last block at most.

    The header can count to 4 GiB, 12 hours of one channel at 48 kHz. What follows is in the file, but only the length
    of the file shows it. (The standard library's ``wave`` raises an error there.)
    """

    def __init__(self, path: Path, form: Form) -> None:
        super().__init__(path)
        self._form, self._n_bytes = form, 0
        self._append(wav_header(form, 0))

    def write(self, frames: Int16Array) -> None:
        """Append frames, (n_frames,) or (n_frames, n_channels)."""
        content = frames.astype("<i2").tobytes()
        self._append(content)
        self._n_bytes += len(content)
        self._file.seek(0)
        self._append(wav_header(self._form, self._n_bytes))
        self._file.seek(0, 2)

    def write_silence(self, n_frames: int) -> None:
        """Append silence."""
        second = self._form.sampling_rate
        for start in range(0, n_frames, second):
            self.write(np.zeros((min(second, n_frames - start), self._form.n_channels), np.int16))


def wav_header(form: Form, n_bytes: int) -> bytes:
    """Return the 44 bytes before ``n_bytes`` of 16-bit PCM."""
    frame = 2 * form.n_channels
    sizes = min(_MOST, n_bytes + _HEADER - 8), min(_MOST, n_bytes)
    how = struct.pack("<IHHIIHH", 16, 1, form.n_channels, form.sampling_rate, form.sampling_rate * frame, frame, 16)
    return b"RIFF" + struct.pack("<I", sizes[0]) + b"WAVEfmt " + how + b"data" + struct.pack("<I", sizes[1])
