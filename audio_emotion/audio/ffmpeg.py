"""Frames of a file by FFmpeg (PyAV): videos, compressed formats, and what is damaged.

Where a container has time stamps, they are the clock, as in a player: time 0 is where the film begins, and a hole, in
which nothing was recorded, is silence. A subtitle then stands where the voice is, and ``--start`` finds what a timeline
shows at that time.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import FileIO
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.region import Header
from audio_emotion.core.errors import AudioError, reason

HOLE_S = 0.1
"""Seconds by which time stamps may differ from the sound so far: containers round them, and clocks drift."""

MAX_HOLE_S = 3600.0
"""A longer hole is taken for a damaged time stamp, and left out."""

_TRIAL = 32  # packets after which it is clear whether a stream can be decoded
_PIECES = 128  # of a codec's frames, joined to a block
_FFMPEG_CHANNELS = 8  # planes that an FFmpeg frame holds itself; the list of more has no end that PyAV can find
_SILENCE = 4096  # frames of a hole at once
_TIMED = {"mov", "matroska", "mpegts", "mpeg", "asf", "flv", "nut"}  # containers with time stamps that were measured
_INDEXED = {"mov", "matroska", "wav"}  # containers that can be entered in the middle
_COUNTED = {"mov", "matroska", "asf", "avi", "wav", "aiff", "caf", "flac", "ape", "wv", "tta", "w64"}
"""Containers whose header states a duration. That of the others is estimated, from the first bit rate for example."""

_Piece = tuple[int, npt.NDArray[Any]]


class FfmpegDecoder:
    """One audio stream of a file that FFmpeg reads.

    Args:
        file: it stays open.
        name: what messages call it.
        stream: counted from 1; None: the one that is marked as default, else the first.

    Raises:
        AudioError: FFmpeg cannot read it, or it has no such stream.
    """

    def __init__(self, file: BinaryIO | FileIO, name: str, stream: int | None) -> None:
        import av

        self._name = name
        file.seek(0)
        with _errors(name):
            # A playlist must not reach other files or the network: no protocol is allowed but the file object.
            options = {"protocol_whitelist": "none"}
            self._container: Any = av.open(file, "r", options=options, **_lenient(av.__version__))
        try:
            self._number, self._stream = _selected(self._container, name, stream)
            self._is_estimate = not self._kinds() & _COUNTED and not ("mp3" in self._kinds() and _states_frames(file))
        except BaseException:
            self._container.close()
            raise

    def close(self) -> None:
        self._container.close()

    def header(self) -> Header:
        """Return what the file states about itself."""
        stream, container = self._stream, self._container
        ticks = stream.duration * stream.time_base if stream.duration else None
        seconds = ticks if ticks is not None else container.duration and container.duration / 1e6
        seconds = float(seconds) if seconds else None
        counted = None
        if seconds and self._states_sound():
            counted = seconds - max(0.0, float(_origin(container, stream)))
        return Header(
            seconds,
            stream.rate or 0,
            stream.channels,
            counted=counted,
            is_estimate=self._is_estimate,
            stream=self._number,
            n_streams=len(container.streams.audio),
        )

    def frames(self, start: float) -> Iterator[_Piece]:
        """Yield (rate, frames (n_frames, n_channels)) from ``start`` seconds on, packets that are damaged left out.

        To be called once: what was read is not read again.
        """
        with _errors(self._name):
            yield from _joined(self._from(start))

    def _kinds(self) -> set[str]:
        return set(self._container.format.name.split(","))

    def _states_sound(self) -> bool:
        """Tell whether the header states how long the sound is: MP4's does, Matroska's how long all streams are."""
        return "mov" in self._kinds() or ("matroska" in self._kinds() and len(self._container.streams) == 1)

    def _from(self, start: float) -> Iterator[_Piece]:
        is_timed = bool(self._kinds() & _TIMED)
        clock = _Clock(_origin(self._container, self._stream), start if self._enter(start) else 0.0)
        for frame in _frames(self._container, self._stream, self._name):
            rate, samples = frame.sample_rate, _channels_last(frame)
            hole, position = clock.place(frame, self._stream.time_base, is_timed)
            # sound     ======= |      hole      | ======== frame ========
            # frames                             ^ position               ^ position + len(samples)
            # wanted                    ^ first, silence from here on, if it is in the hole
            first = round(start * rate)
            if hole:
                yield from _silence(rate, samples, min(hole, max(0, position - first)))
            if first < position + len(samples):
                yield rate, samples[max(0, first - position) :]

    def _enter(self, start: float) -> bool:
        """Go to a second before ``start`` where the container has an index; tell whether it was done.

        The second is for codecs that need some sound before they are in tune; it is decoded and thrown away.
        """
        import av

        if start < 2 or not self._kinds() & _INDEXED:
            return False
        target = int((_origin(self._container, self._stream) + Fraction(start) - 1) / self._stream.time_base)
        try:
            self._container.seek(target, stream=self._stream)
        except av.FFmpegError:
            return False
        return True


@dataclass
class _Clock:
    """Where frames lie on the recording's clock.

    Attributes:
        origin: the time stamp, in seconds, of the recording's beginning.
        entered: seconds, where the stream was entered; 0: at its beginning.
        rate: Hz, of the last frame.
        position: of the next frame, in frames at that rate since the beginning; None: there was none yet.
    """

    origin: Fraction
    entered: float
    rate: int = 0
    position: int | None = None

    def place(self, frame: Any, time_base: Fraction, is_timed: bool) -> tuple[int, int]:
        """Return how many frames are missing before a frame, and its position, in frames at its rate."""
        rate, at = frame.sample_rate, None
        if self.position is None:
            if frame.pts is not None:  # exact, because it may be where a part begins
                at = int((frame.pts * time_base - self.origin) * rate + Fraction(1, 2))
            entered = round(self.entered * rate)
            expected = entered if at is None else min(entered, max(0, at))
            is_timed = is_timed or bool(self.entered)
        else:
            if frame.pts is not None:
                at = round((frame.pts * float(time_base) - float(self.origin)) * rate)
            expected = self.position if rate == self.rate else round(self.position / self.rate * rate)
        # expected   ======|                  where the frame would follow the last one
        # at                   |hole |=====    where its time stamp puts it
        hole = at - expected if is_timed and at is not None else 0
        if abs(hole) <= HOLE_S * rate:
            hole = 0
        elif hole < 0 or hole > MAX_HOLE_S * rate:  # the time stamps begin again, or are damaged: go on from here
            self.origin += Fraction(hole, rate)
            hole = 0
        self.rate, self.position = rate, expected + hole + frame.samples
        return hole, expected + hole


def _selected(container: Any, name: str, stream: int | None) -> tuple[int, Any]:
    """Return the number and the audio stream that is meant."""
    streams = container.streams.audio
    if not streams:
        raise AudioError("contains no audio", subject=name, hint="expected a recording or a video with an audio track")
    if stream is None:
        defaults = [n for n, item in enumerate(streams, start=1) if "default" in _dispositions(item)]
        stream = defaults[0] if defaults else 1
    if stream > len(streams):
        raise AudioError(f"has {len(streams)} audio stream(s), and stream {stream} was requested", subject=name)
    selected = streams[stream - 1]
    if selected.codec_context is None:
        raise AudioError("its audio codec is unknown", subject=name, hint="convert it to WAV or FLAC")
    return stream, selected


def _dispositions(stream: Any) -> set[str]:
    """Return the names of a stream's flags: default, attached_pic ..."""
    return {flag.name for flag in type(stream.disposition) if flag in stream.disposition and flag.value}


def _origin(container: Any, stream: Any) -> Fraction:
    """Return the time stamp, in seconds, where the recording begins: with its picture, if the sound begins later.

        picture   |=====================
        sound             |=============     0 is where the picture begins, silence follows
        picture    |====================
        sound     |=====================     0 is where the sound begins

    A cover picture has no time.
    """
    began = _start(stream)
    if began is None:
        return Fraction(container.start_time or 0, 1_000_000)
    others = [
        time
        for other in (*container.streams.video, *container.streams.audio)
        if "attached_pic" not in _dispositions(other) and (time := _start(other)) is not None
    ]
    first = min([began, *others])
    return first if HOLE_S < began - first <= MAX_HOLE_S else began


def _start(stream: Any) -> Fraction | None:
    return None if stream.start_time is None or not stream.time_base else stream.start_time * stream.time_base


def _silence(rate: int, like: npt.NDArray[Any], n_frames: int) -> Iterator[_Piece]:
    """Yield silence with the type and channels of ``like``, a bit at a time."""
    level = 2 ** (8 * like.dtype.itemsize - 1) if like.dtype.kind == "u" else 0
    for first in range(0, n_frames, _SILENCE):
        yield rate, np.full((min(_SILENCE, n_frames - first), like.shape[1]), level, like.dtype)


@contextmanager
def _errors(name: str) -> Iterator[None]:
    """Turn what PyAV raises into an :class:`AudioError`."""
    import av

    try:
        yield
    except (av.FFmpegError, OSError, ValueError, EOFError) as error:
        raise AudioError(
            f"cannot be decoded ({reason(error)})",
            subject=name,
            hint="expected WAV, FLAC, OGG, MP3 or another audio or video file",
        ) from error


def _lenient(version: str) -> dict[str, Any]:
    """Return what makes PyAV accept tags in an unknown encoding: from version 19 on it does so by default."""
    return {"metadata_errors": "replace"} if int(version.partition(".")[0]) < 19 else {}


def _states_frames(file: BinaryIO | FileIO) -> bool:
    """Tell whether an MP3 file begins with a frame that counts the others: Xing's, LAME's (Info) or Fraunhofer's."""
    place = file.tell()
    file.seek(0)
    head = file.read(10)
    if head[:3] == b"ID3" and len(head) == 10:
        file.seek(10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]))
    else:
        file.seek(0)
    first = file.read(4096)
    file.seek(place)
    start = first.find(b"\xff")
    # the frame's head has 4 bytes, side information 9 to 32; VBRI stands 32 bytes behind the head
    return start >= 0 and any(tag in first[start : start + 64] for tag in (b"Xing", b"Info", b"VBRI"))


def _joined(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """Join small pieces of one rate and channel count to blocks: a codec's frame is some 20 ms."""
    for (rate, _, _), alike in itertools.groupby(pieces, lambda piece: (piece[0], piece[1].shape[1], piece[1].dtype)):
        while block := [frames for _, frames in itertools.islice(alike, _PIECES)]:
            yield rate, np.concatenate(block)


def _frames(container: Any, stream: Any, name: str) -> Iterator[Any]:
    import av

    held: list[Any] = []  # until enough packets have been seen
    n_frames = n_damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):  # the end, or that of a file that was cut off: use what there is
            break
        try:
            for frame in packet.decode():
                n_frames += 1
                held.append(frame)
        except av.FFmpegError:
            n_damaged += 1
        # Until then nothing is returned, so that an encrypted stream is refused as a whole.
        if n_frames + n_damaged >= _TRIAL:
            _check_sound(n_frames, n_damaged, name)
            yield from held
            held.clear()
    _check_sound(n_frames, n_damaged, name)
    yield from held


def _check_sound(n_frames: int, n_damaged: int, name: str) -> None:
    """Refuse a stream of which next to nothing can be decoded: a chance frame of an encrypted one is no sound."""
    if n_damaged > 5 * n_frames and n_frames + n_damaged <= 2 * _TRIAL:
        raise AudioError("almost none of its audio can be decoded", subject=name, hint="it is damaged or encrypted")


def _channels_last(frame: Any) -> npt.NDArray[Any]:
    n_channels = frame.layout.nb_channels
    if frame.format.is_planar and n_channels > _FFMPEG_CHANNELS:
        from av.audio.frame import format_dtypes

        # PyAV's own conversion reads past the end of FFmpeg's list of planes here, and crashes
        dtype = format_dtypes[frame.format.name]
        planes = frame.planes[:n_channels]
        return np.stack([np.frombuffer(plane, dtype, frame.samples) for plane in planes], axis=1)
    samples: npt.NDArray[Any] = frame.to_ndarray()  # (n_channels, n) if planar, else (1, n * n_channels)
    return samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
