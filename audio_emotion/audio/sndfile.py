"""Frames of a file by libsndfile, which is fast, exact and fussy: at damage it stops, and FFmpeg goes on."""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from io import FileIO
from typing import Any, BinaryIO

import numpy.typing as npt

from audio_emotion.audio.region import Header
from audio_emotion.audio.wav_header import SampleBytes, sample_bytes

BLOCK = 1 << 19
"""Values decoded at once, over all channels."""

_RIFF = {"WAV", "WAVEX"}  # as libsndfile calls them


class SndfileDecoder:
    """A file that libsndfile reads.

    Raises:
        Exception: one of :func:`errors`, where libsndfile does not know the format.
    """

    def __init__(self, file: BinaryIO | FileIO) -> None:
        import soundfile

        self._file = file
        file.seek(0)
        # a file on disk is read by its descriptor, without Python in between
        readable: Any = file.fileno() if isinstance(file, FileIO) else _SafeFile(file)
        self._sound = soundfile.SoundFile(readable, closefd=False)

    def close(self) -> None:
        self._sound.close()

    def header(self) -> Header:
        """Return what the file states about itself."""
        sound = self._sound
        stated = sound.frames / sound.samplerate if 0 < sound.frames < 2**62 else None
        missing = 0.0
        if stated and self._wav is not None and self._wav.held:
            # Seconds by the share of bytes: stated / held = all seconds / seconds that are there.
            missing = stated * (self._wav.stated - self._wav.held) / self._wav.held
        counted = stated if sound.format == "FLAC" else None
        return Header(stated, sound.samplerate, sound.channels, missing, counted)

    def frames(self, start: float) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield (rate, frames (n_frames, n_channels)) from ``start`` seconds on.

        Raises:
            Exception: one of :func:`errors`, where the file is damaged or holds more than its header can count.
        """
        sound = self._sound
        if start:
            sound.seek(round(start * sound.samplerate))
        while len(frames := sound.read(max(1, BLOCK // sound.channels), "float32", always_2d=True)):
            yield sound.samplerate, frames
        if self._wav is not None and self._wav.has_more:
            raise EOFError("libsndfile goes by the header, and stops before the samples do")

    @cached_property
    def _wav(self) -> SampleBytes | None:
        """The bytes of samples in a WAV file; None for other formats."""
        if self._sound.format not in _RIFF:
            return None
        place = self._file.tell()  # libsndfile reads from where the file stands
        try:
            return sample_bytes(self._file)
        finally:
            self._file.seek(place)


def errors() -> tuple[type[Exception], ...]:
    """Return what soundfile raises for a file that it does not know (a TypeError for one that is called ``.raw``)."""
    import soundfile

    return (soundfile.SoundFileError, RuntimeError, ValueError, TypeError, EOFError)


class _SafeFile:
    """A file object for libsndfile, which damage may send to places that do not exist: it then stays where it is.

    An exception in here could only be printed. An error of the disk counts as the end of the file; FFmpeg, which is
    tried next, meets it again and can report it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.tell = file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        with suppress(OSError, ValueError):
            self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        try:
            return int(self._file.readinto(buffer))  # type: ignore[attr-defined]
        except AttributeError:  # a caller's file object need not have it
            content = self._file.read(len(buffer))
            buffer[: len(content)] = content
            return len(content)
        except OSError:
            return 0
