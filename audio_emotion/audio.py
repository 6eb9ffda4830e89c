"""Any recording → mono sound at the model's rate.

Decoding is soundfile's (libsndfile), then PyAV's (FFmpeg) for what that cannot read; resampling is soxr's. There is
one way through, :func:`blocks`, which needs little memory however long the recording is; :func:`load` joins its blocks.
"""

import io
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from audio_emotion.errors import AudioError, UsageError, reason
from audio_emotion.inputs import expand, is_mpeg
from audio_emotion.paths import shown
from audio_emotion.records import FloatArray, Waveform

Source = str | os.PathLike[str] | bytes | BinaryIO
"""A recording: its path, its bytes, or a file object open for reading that can be rewound."""

MIN_RATE, MAX_RATE = 1_000, 1_000_000
"""Sampling rates in Hz outside which a header is taken for damaged."""

MAX_SAMPLE = 1e10
"""Samples beyond this, full scale being 1, are taken for damage: float files of 32-bit integers reach 2e9."""

_BLOCK = 1 << 19  # values decoded at once, all channels together
_TRIAL = 32  # packets after which it is clear whether a stream can be decoded
_PIECES = 128  # of a codec's frames, joined to a block


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a recording is meant.

    Attributes:
        start: seconds from its beginning.
        end: seconds from its beginning; None: to its end.
        channel: counted from 1; None: the mean of all channels.
        stream: which of a container's audio streams, counted from 1.

    Raises:
        UsageError: a value that no recording has.
    """

    start: float = 0.0
    end: float | None = None
    channel: int | None = None
    stream: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.start < float("inf"):
            raise UsageError(f"the start is {self.start:g} s, expected 0 or more")
        if self.end is not None and not self.start < self.end < float("inf"):
            raise UsageError(f"the end is {self.end:g} s, expected more than the start, {self.start:g} s")
        for name, number in (("channel", self.channel), ("stream", self.stream)):
            if number is not None and number < 1:
                raise UsageError(f"the {name} is {number}; they are counted from 1")


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording says of itself, before anything is decoded; a damaged one may say what is not so.

    Attributes:
        duration: seconds; None where it is not stated.
        sampling_rate: Hz.
        n_channels: of the stream asked for.
        n_streams: audio streams in the container.
    """

    duration: float | None
    sampling_rate: int
    n_channels: int
    n_streams: int


def load(
    source: Source,
    sampling_rate: int,
    part: Part = WHOLE,
    *,
    name: str | None = None,
    max_duration_s: float | None = None,
) -> Waveform:
    """Decode a recording of any rate, channel count and sample type to mono at ``sampling_rate`` (Hz).

    ``name`` stands for the source in messages, where it is not a path. Raises :class:`AudioError` as
    :func:`blocks` does. The whole sound is held in memory, 64 kB a second at 16 kHz: ``max_duration_s`` refuses
    what is longer.
    """
    decoded = list(_resampled(source, sampling_rate, part, name, max_duration_s))
    samples = np.concatenate([samples for _, samples in decoded])
    return Waveform(samples, sampling_rate, source_rate=decoded[0][0], start=part.start)


def blocks(
    source: Source,
    sampling_rate: int,
    part: Part = WHOLE,
    *,
    name: str | None = None,
    max_duration_s: float | None = None,
) -> Iterator[FloatArray]:
    """Decode a recording as :func:`load` does, and yield its samples block by block, (n_samples,) each.

    Only what is needed of the file is decoded where its format can be entered in the middle. A file that is
    damaged on its way is given as far as it can be decoded, with what follows the damage where FFmpeg finds it.

    Raises:
        AudioError: the source is absent, no file, unreadable, of an unknown format, encrypted, without sound or
            samples, without the channel or stream asked for, ends before ``part`` starts, lasts longer than
            ``max_duration_s``, or holds samples that are no numbers.
    """
    for _, samples in _resampled(source, sampling_rate, part, name, max_duration_s):
        yield samples


def probe(source: Source, stream: int = 1, *, name: str | None = None) -> Header:
    """Read what a recording says of itself; a fraction of a millisecond for most formats.

    Raises :class:`AudioError` as :func:`blocks` does, so far as the header tells.
    """
    name = name_of(source, name)
    with _binary(source, name) as file:
        if stream == 1 and not is_mpeg(_head(file)):
            import soundfile

            try:
                with soundfile.SoundFile(_Steady(file)) as sound:
                    stated = sound.frames / sound.samplerate if 0 < sound.frames < 2**62 else None
                    return Header(stated, sound.samplerate, sound.channels, 1)
            except _soundfile_errors():
                file.seek(0)
        with _container(file, name, stream) as (container, chosen):
            ticks = chosen.duration * chosen.time_base if chosen.duration else None
            seconds = ticks if ticks is not None else container.duration and container.duration / 1e6
            n_streams = len(container.streams.audio)
            return Header(float(seconds) if seconds else None, chosen.rate or 0, chosen.channels, n_streams)


def channel_numbers(
    source: Source, channels: int | Literal["mix", "each"], stream: int = 1, *, name: str | None = None
) -> tuple[int | None, ...]:
    """Return what :attr:`Part.channel` is to be, one after the other: ``each`` is every channel by itself."""
    if channels == "each":
        return tuple(range(1, probe(source, stream, name=name).n_channels + 1))
    return (None,) if channels == "mix" else (channels,)


def from_frames(
    frames: npt.NDArray[Any],
    source_rate: int,
    sampling_rate: int,
    part: Part = WHOLE,
    name: str = "array",
) -> Waveform:
    """Mix decoded ``frames``, (n_frames,) or (n_frames, n_channels), to mono and resample to ``sampling_rate``.

    Floats have their full scale at ±1, integers at their type's. Raises :class:`AudioError` where there is no
    frame, or one that is not finite; ``name`` is for its message.
    """
    _check_rate(source_rate, name)
    if frames.ndim not in (1, 2) or (frames.ndim == 2 and frames.shape[1] > 1024):
        raise AudioError(f"{name}: has the shape {frames.shape}, expected (n_frames,) or (n_frames, n_channels)")
    end = len(frames) if part.end is None else round(part.end * source_rate)
    frames = frames[round(part.start * source_rate) : end]
    if not frames.size:
        raise _no_samples(name, part)
    resampler = Resampler(source_rate, sampling_rate)
    samples = np.concatenate([resampler.push(mono(frames, part.channel, name)), resampler.flush()])
    return Waveform(samples, sampling_rate, source_rate, part.start)


def mono(frames: npt.NDArray[Any], channel: int | None, name: str = "array") -> FloatArray:
    """Return one channel, counted from 1, or the mean of all, of (n_frames,) or (n_frames, n_channels).

    Raises :class:`AudioError` where there is no such channel, or a sample is no finite number.
    """
    if frames.dtype.kind not in "fiu":
        raise AudioError(f"{name}: holds {frames.dtype} values, expected floats or integers")
    if frames.ndim == 1:
        frames = frames[:, None]
    if channel is not None and channel > frames.shape[1]:
        raise AudioError(f"{name}: has {frames.shape[1]} channel(s), and channel {channel} was asked for")
    chosen = frames if channel is None else frames[:, channel - 1 : channel]
    if frames.dtype.kind in "iu":
        scale = 2.0 ** (8 * frames.dtype.itemsize - 1)
        chosen = (chosen - (scale if frames.dtype.kind == "u" else 0.0)) / scale
    with np.errstate(over="ignore", invalid="ignore"):
        samples = chosen[:, 0] if chosen.shape[1] == 1 else chosen.mean(axis=1, dtype=np.float32)
        samples = np.ascontiguousarray(samples, np.float32)
    if len(samples) and not np.abs(samples).max() <= MAX_SAMPLE:  # so that a NaN is refused too
        raise AudioError(f"{name}: holds samples that are NaN, infinite or beyond all scale; export it as 16-bit PCM")
    return samples


class Resampler:
    """Mono sound at one rate, in chunks of any size → the same at another, as if resampled in one piece (VHQ)."""

    def __init__(self, source_rate: int, sampling_rate: int) -> None:
        self.source_rate = source_rate
        self._n_samples = 0
        self._stream = None
        if source_rate != sampling_rate:
            import soxr

            self._stream = soxr.ResampleStream(source_rate, sampling_rate, 1, dtype="float32", quality="VHQ")

    def push(self, samples: FloatArray) -> FloatArray:
        """Return what is ready once ``samples`` (n_samples,) came; maybe nothing."""
        return self._given(samples if self._stream is None else self._stream.resample_chunk(samples))

    def flush(self) -> FloatArray:
        """Return the rest; at least one sample came out in all, even of a source shorter than one."""
        rest = np.empty(0, np.float32)
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest, last=True)
        return self._given(rest) if len(rest) or self._n_samples else np.zeros(1, np.float32)

    def _given(self, samples: FloatArray) -> FloatArray:
        self._n_samples += len(samples)
        return samples


def _resampled(
    source: Source, sampling_rate: int, part: Part, name: str | None, max_duration_s: float | None
) -> Iterator[tuple[int, FloatArray]]:
    """Yield the source's rate with each block of mono samples at ``sampling_rate``."""
    name = name_of(source, name)
    wanted = None if part.end is None else max(1, round((part.end - part.start) * sampling_rate))
    allowed = float("inf") if max_duration_s is None else max_duration_s * sampling_rate
    n_samples = 0
    for rate, samples in _unbounded(source, sampling_rate, part, name):
        kept = samples if wanted is None else samples[: wanted - n_samples]
        n_samples += len(kept)
        if n_samples > allowed:
            raise AudioError(f"{name}: lasts longer than {max_duration_s:g} s, the limit that was set")
        if len(kept):
            yield rate, kept
        if n_samples == wanted:
            return


def _unbounded(source: Source, sampling_rate: int, part: Part, name: str) -> Iterator[tuple[int, FloatArray]]:
    resampler = None
    with _binary(source, name) as file:
        for rate, frames in _decoded(file, name, part):
            if resampler is None or rate != resampler.source_rate:  # a new rate on the way begins a new sound
                _check_rate(rate, name)
                if resampler is not None:
                    yield resampler.source_rate, resampler.flush()
                resampler = Resampler(rate, sampling_rate)
            yield rate, resampler.push(mono(frames, part.channel, name))
    if resampler is None:
        raise _no_samples(name, part)
    yield resampler.source_rate, resampler.flush()


def _no_samples(name: str, part: Part) -> AudioError:
    where = f" after {part.start:g} s, where it was to start" if part.start else "; expected at least one"
    return AudioError(f"{name}: holds no samples{where}")


def _check_rate(rate: int, name: str) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(
            f"{name}: states a sampling rate of {rate} Hz, expected {MIN_RATE} to {MAX_RATE} Hz; "
            "its header is probably damaged"
        )


def name_of(source: object, name: str | None = None) -> str:
    """Return what messages call a source: ``name``, else its path, made one printable line."""
    if name is not None:
        return shown(name)
    if isinstance(source, str | os.PathLike):
        return shown(source)
    return shown(str(getattr(source, "name", type(source).__name__)))


@contextmanager
def _binary(source: Source, name: str) -> Iterator[BinaryIO]:
    """Open a source from its beginning; a file object of the caller's stays open."""
    if isinstance(source, str | os.PathLike):
        _check_is_file(source, name)
        try:
            opened = Path(source).open("rb")  # noqa: SIM115
        except OSError as error:
            raise AudioError(f"{name}: cannot be opened ({reason(error)})") from error
        with opened:
            yield opened
        return
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
    except OSError as error:
        raise AudioError(f"{name}: cannot be rewound; read it and pass its bytes") from error
    if not size:
        raise AudioError(f"{name}: is empty (0 bytes), expected a recording")
    yield file


_NO_FILES: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a named pipe, expected a file; send its content to standard input instead, with the name -"),
    (stat.S_ISSOCK, "a socket, expected a file"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "a device, expected a file"),
)


def _check_is_file(path: str | os.PathLike[str], name: str) -> None:
    """Refuse what is no file before it is opened: opening a pipe waits, and a device may have no end."""
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        raise AudioError(f"{name}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise AudioError(f"{name}: cannot be read ({reason(error)})") from error
    if stat.S_ISDIR(found.st_mode):
        raise AudioError(f"{name}: is {_folder(path)}")
    for is_kind, kind in _NO_FILES:
        if is_kind(found.st_mode):
            raise AudioError(f"{name}: is {kind}")
    if not found.st_size:
        raise AudioError(f"{name}: is empty (0 bytes), expected a recording")


def _folder(path: str | os.PathLike[str]) -> str:
    if expand([path]) != [Path(path)]:
        return "a folder, expected a recording"
    return (
        "a folder in which no file is named as recordings are (*.wav, *.mp3, *.mp4 ...); "
        "infer --recursive searches those below it too"
    )


def _soundfile_errors() -> tuple[type[Exception], ...]:
    """What soundfile raises at what it does not know (a TypeError at a file that is called ``.raw``)."""
    import soundfile

    return (soundfile.SoundFileError, RuntimeError, ValueError, TypeError)


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


def _head(file: BinaryIO) -> bytes:
    head = file.read(3)
    file.seek(0)
    return head


def _decoded(file: BinaryIO, name: str, part: Part) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield (rate, frames (n_frames, n_channels)) from ``part.start`` on.

    libsndfile goes first. Where it stops in the middle, or finds nothing, FFmpeg goes on from there: it finds its
    way behind damage, and past a header that claims too little or too much. MPEG sound is FFmpeg's from the first,
    since libsndfile's decoder reads the whole file before it starts, gives up at damage, and writes to stderr.
    """
    rate, n_frames = 1, 0
    if part.stream == 1 and not is_mpeg(_head(file)):
        import soundfile

        try:
            with soundfile.SoundFile(_Steady(file)) as sound:
                rate = sound.samplerate
                if part.start:
                    sound.seek(round(part.start * rate))
                while len(frames := sound.read(max(1, _BLOCK // sound.channels), "float32", always_2d=True)):
                    yield rate, frames
                    n_frames += len(frames)
                # a RIFF header can count no further than 4 GiB, and libsndfile goes by it
                short = sound.format in {"WAV", "WAVEX"} and file.seek(0, os.SEEK_END) > 2**32
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


@contextmanager
def _container(file: BinaryIO, name: str, stream: int) -> Iterator[tuple[Any, Any]]:
    """Open a file with FFmpeg; yield its container and the audio stream asked for."""
    import av

    try:
        # A playlist must not reach other files or the network: no protocol is allowed but the file object.
        with av.open(file, "r", options={"protocol_whitelist": "none"}, metadata_errors="replace") as container:
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


def _decoded_by_ffmpeg(file: BinaryIO, name: str, part: Part, start: float) -> Iterator[tuple[int, npt.NDArray[Any]]]:
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
