"""Files → frames as they were recorded: libsndfile first, FFmpeg for what that cannot read."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from io import FileIO
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.find import is_mpeg
from audio_emotion.audio.region import AudioRegion, AudioSource, Header
from audio_emotion.audio.source import binary, name_of
from audio_emotion.audio.wav_header import counts_too_little, sample_bytes
from audio_emotion.core.errors import AudioError, reason

_BLOCK = 1 << 19  # values decoded at once, all channels together
_TRIAL = 32  # packets after which it is clear whether a stream can be decoded
_PIECES = 128  # of a codec's frames, joined to a block
_RIFF = {"WAV", "WAVEX"}  # as libsndfile calls them


def probe(source: AudioSource, stream: int = 1, *, name: str | None = None) -> Header:
    """Read what a recording says of itself; a fraction of a millisecond for most formats.

    Raises :class:`AudioError` as :func:`blocks` does, so far as the header tells.
    """
    name = name_of(source, name)
    with binary(source, name) as file:
        if stream == 1 and not is_mpeg(_head(file)):
            import soundfile

            try:
                with soundfile.SoundFile(_for_libsndfile(file), closefd=False) as sound:
                    stated = sound.frames / sound.samplerate if 0 < sound.frames < 2**62 else None
                    missing = _missing(file, stated) if sound.format in _RIFF else 0.0
                    counted = stated if sound.format == "FLAC" else None
                    return Header(stated, sound.samplerate, sound.channels, missing, counted)
            except _soundfile_errors():
                file.seek(0)
        with _container(file, name, stream) as (container, chosen):
            ticks = chosen.duration * chosen.time_base if chosen.duration else None
            seconds = ticks if ticks is not None else container.duration and container.duration / 1e6
            seconds = float(seconds) if seconds else None
            counted = seconds - _late(container, chosen) if seconds and _counts(container) else None
            return Header(seconds, chosen.rate or 0, chosen.channels, counted=counted)


def decoded(file: BinaryIO | FileIO, name: str, part: AudioRegion) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield (rate, frames (n_frames, n_channels)) from ``part.start`` on.

    libsndfile goes first. Where it stops in the middle, or finds nothing, FFmpeg goes on from there: it finds its
    way behind damage, and past a header that claims too little or too much. MPEG sound is FFmpeg's from the first,
    since libsndfile's decoder reads the whole file before it starts, gives up at damage, and writes to stderr.
    """
    rate, n_frames = 1, 0
    if part.stream == 1 and not is_mpeg(_head(file)):
        import soundfile

        try:
            with soundfile.SoundFile(_for_libsndfile(file), closefd=False) as sound:
                rate = sound.samplerate
                if part.start:
                    sound.seek(round(part.start * rate))
                while len(frames := sound.read(max(1, _BLOCK // sound.channels), "float32", always_2d=True)):
                    yield rate, frames
                    n_frames += len(frames)
                short = sound.format in _RIFF and counts_too_little(file)  # libsndfile goes by the header
            if n_frames and not short:
                return
        except _soundfile_errors():
            pass
        file.seek(0)
    try:
        yield from _decoded_by_ffmpeg(file, name, part, part.start + n_frames / rate)
    except AudioError:
        if not n_frames:
            raise


def _counts(container: Any) -> bool:
    """Tell whether a container states how long its sound is: MP4 does, Matroska how long all together is."""
    kinds = set(container.format.name.split(","))
    return "mov" in kinds or ("matroska" in kinds and len(container.streams) == 1)


def _late(container: Any, stream: Any) -> float:
    """Return the seconds before a container's first sound: a piece of a longer one counts from that one's beginning."""
    start = stream.start_time * stream.time_base if stream.start_time else (container.start_time or 0) / 1e6
    return max(0.0, float(start))


def _missing(file: BinaryIO | FileIO, duration: float | None) -> float:
    """Return how many seconds a WAV file of this duration lacks of what its header counts."""
    held, stated = sample_bytes(file)
    return duration * (stated - held) / held if duration and held else 0.0


def _soundfile_errors() -> tuple[type[Exception], ...]:
    """What soundfile raises at what it does not know (a TypeError at a file that is called ``.raw``)."""
    import soundfile

    return (soundfile.SoundFileError, RuntimeError, ValueError, TypeError)


def _for_libsndfile(file: BinaryIO | FileIO) -> Any:
    """Return what libsndfile reads: a file on disk by its descriptor, without Python in between, else an object."""
    return file.fileno() if isinstance(file, FileIO) else _Steady(file)


class _Steady:
    """A file for libsndfile, which damage may send to places that are not there: it then stays where it is.

    Errors in here would have no way out but to be printed. One of the disk's is the file's end; FFmpeg, which is asked
    next, meets it again and can tell.
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


def _head(file: BinaryIO | FileIO) -> bytes:
    head = file.read(3)
    file.seek(0)
    return head


@contextmanager
def _container(file: BinaryIO | FileIO, name: str, stream: int) -> Iterator[tuple[Any, Any]]:
    """Open a file with FFmpeg; yield its container and the audio stream asked for."""
    import av

    try:
        # A playlist must not reach other files or the network: no protocol is allowed but the file object.
        with av.open(file, "r", options={"protocol_whitelist": "none"}, **_lenient(av.__version__)) as container:
            streams = container.streams.audio
            if not streams:
                raise AudioError(f"{name}: holds no sound; expected a recording or a video with an audio track")
            if stream > len(streams):
                raise AudioError(f"{name}: has {len(streams)} audio stream(s), and stream {stream} was asked for")
            chosen = streams[stream - 1]
            if chosen.codec_context is None:
                raise AudioError(f"{name}: its sound is in a code that is not known here; convert it to WAV or FLAC")
            yield container, chosen
    except (av.FFmpegError, OSError, ValueError, EOFError) as error:
        raise AudioError(
            f"{name}: cannot be decoded ({reason(error)}); expected WAV, FLAC, OGG, MP3 or another audio or video file"
        ) from error


def _lenient(version: str) -> dict[str, Any]:
    """Return what has PyAV take tags in an unknown encoding: it does so by itself from version 19 on."""
    return {"metadata_errors": "replace"} if int(version.partition(".")[0]) < 19 else {}


def _decoded_by_ffmpeg(
    file: BinaryIO | FileIO, name: str, part: AudioRegion, start: float
) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield (rate, frames (n_frames, n_channels)) from ``start`` seconds on, packets that are damaged left out."""
    with _container(file, name, part.stream) as (container, stream):
        yield from _joined(_from_position(container, stream, start, name))


def _from_position(container: Any, stream: Any, start: float, name: str) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    entered = _enter(container, stream, start)
    position = None  # of the next frame, in frames since the recording's beginning
    for frame in _frames(container, stream, name):
        if position is None:
            position = _position(frame, stream) if entered else 0
        skipped = round(start * frame.sample_rate) - position
        position += frame.samples
        if skipped < frame.samples:
            yield frame.sample_rate, _channels_last(frame)[max(0, skipped) :]


def _joined(pieces: Iterator[tuple[int, npt.NDArray[Any]]]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Join small pieces of one rate and channel count to blocks: a codec's frame is some 20 ms."""
    for (rate, _, _), alike in itertools.groupby(pieces, lambda piece: (piece[0], piece[1].shape[1], piece[1].dtype)):
        while held := [frames for _, frames in itertools.islice(alike, _PIECES)]:
            yield rate, np.concatenate(held)


def _enter(container: Any, stream: Any, start: float) -> bool:
    """Go to a second before ``start`` where the container has an index; tell whether it was done.

    The second is for codecs that need some sound before they are in tune; it is decoded and thrown away.
    """
    import av

    if start < 2 or not {"mov", "matroska", "wav"} & set(container.format.name.split(",")):
        return False
    try:
        container.seek((stream.start_time or 0) + int((start - 1) / stream.time_base), stream=stream)
    except av.FFmpegError:
        return False
    return True


def _position(frame: Any, stream: Any) -> int:
    return int((frame.pts - (stream.start_time or 0)) * stream.time_base * frame.sample_rate + Fraction(1, 2))


def _frames(container: Any, stream: Any, name: str) -> Iterator[Any]:
    import av

    held: list[Any] = []  # until enough packets have been seen
    n_frames = n_damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):  # the end, or a cut file's; what came so far is answered
            break
        try:
            for frame in packet.decode():
                n_frames += 1
                held.append(frame)
        except av.FFmpegError:
            n_damaged += 1
        if n_frames + n_damaged >= _TRIAL:
            _check_sound(n_frames, n_damaged, name)
            yield from held
            held.clear()
    _check_sound(n_frames, n_damaged, name)
    yield from held


def _check_sound(n_frames: int, n_damaged: int, name: str) -> None:
    """Refuse a stream of which next to nothing can be decoded: a chance frame of an encrypted one is no sound."""
    if n_damaged > 5 * n_frames and n_frames + n_damaged <= 2 * _TRIAL:
        raise AudioError(f"{name}: next to none of its sound can be decoded; it is damaged or encrypted")


def _channels_last(frame: Any) -> npt.NDArray[Any]:
    samples: npt.NDArray[Any] = frame.to_ndarray()  # (n_channels, n) if planar, else (1, n * n_channels)
    return samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
