"""Any recording → mono sound at the model's rate.

libsndfile decodes what it can; FFmpeg decodes all else. A recording is opened once: :func:`open_recording` gives its
header, its blocks and what there is to note. :func:`load`, :func:`blocks` and :func:`probe` do that for a source by
itself. Memory does not grow with a recording's length, except in :func:`load`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from io import FileIO
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.ffmpeg import FfmpegDecoder
from audio_emotion.audio.pieces import FileView, pieces
from audio_emotion.audio.region import FULL, AudioRegion, AudioSource, Header
from audio_emotion.audio.resample import MonoResampler, no_samples
from audio_emotion.audio.sndfile import SndfileDecoder, errors
from audio_emotion.audio.source import binary
from audio_emotion.audio.tonality import Tonality
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import FloatArray, Waveform

_File = BinaryIO | FileIO | FileView


class Recording:
    """An opened recording; from :func:`open_recording`, which closes it.

    Attributes:
        name: what messages call it.
        notes: what there is to know of its sound, as far as it was decoded; a sentence each.
        measures_tones: whether to measure the tonality of the sound while it is decoded; False at first.
        tonality: of what was last decoded; None if it is not measured.
    """

    def __init__(self, file: BinaryIO | FileIO, name: str, stream: int | None) -> None:
        self.name = name
        self.measures_tones = False
        self.tonality: Tonality | None = None
        self.notes: list[str] = []
        self._file, self._stream = file, stream
        self._fresh: SndfileDecoder | FfmpegDecoder | None = None  # opened for the header, and not read yet

    def __repr__(self) -> str:
        return f"Recording({self.name!r})"

    @cached_property
    def header(self) -> Header:
        """What the recording states about itself; it takes a fraction of a millisecond for most formats.

        Raises:
            AudioError: as :meth:`blocks`, so far as the header shows.
        """
        headers = list[Header]()
        for piece in self._pieces:
            try:
                decoder = self._open(piece)
            except AudioError:
                if headers:  # a later piece that is damaged costs the others nothing
                    continue
                raise
            headers.append(decoder.header())
            if len(self._pieces) == 1:
                self._fresh = decoder
            else:
                decoder.close()
        return headers[0] if len(headers) == 1 else _sum(headers)

    def blocks(self, sampling_rate: int, part: AudioRegion = FULL) -> Iterator[FloatArray]:
        """Yield mono samples at ``sampling_rate`` (Hz), (n_samples,) each; again from the beginning in each call.

        Only what is needed of the file is decoded where its format can be entered in the middle. A file that is
        damaged on its way is given as far as it can be decoded, with what follows the damage where FFmpeg finds it.

        Raises:
            AudioError: the recording is of an unknown format, encrypted, without sound or samples, without the
                requested channel or stream, ends before ``part`` starts, or holds samples that are no numbers.
        """
        for _, samples in self.rated_blocks(sampling_rate, part):
            yield samples

    def rated_blocks(self, sampling_rate: int, part: AudioRegion = FULL) -> Iterator[tuple[int, FloatArray]]:
        """Yield the rate (Hz) that the recording begins with, and a block, for each block."""
        wanted = None if part.end is None else max(1, round((part.end - part.start) * sampling_rate))
        n_samples = 0
        self.tonality = tonality = Tonality(sampling_rate) if self.measures_tones else None
        for rate, samples in self._resampled(sampling_rate, part):
            # blocks   |------|------|------|
            # wanted   |----------------|           the last block is cut where `part` ends
            kept = samples if wanted is None else samples[: wanted - n_samples]
            n_samples += len(kept)
            if len(kept):
                if tonality is not None:
                    tonality.push(kept)
                yield rate, kept
            if n_samples == wanted:
                return

    def close(self) -> None:
        """Close what decodes; the file stays open."""
        if self._fresh is not None:
            self._fresh.close()
            self._fresh = None

    @cached_property
    def _pieces(self) -> list[_File]:
        return [*pieces(self._file)]

    def _resampled(self, sampling_rate: int, part: AudioRegion) -> Iterator[tuple[int, FloatArray]]:
        resampler = MonoResampler(sampling_rate, part.channel, self.name, self.notes)
        for rate, frames in self._frames(part):
            samples = resampler.push(frames, rate)
            yield resampler.source_rate or rate, samples
        if resampler.source_rate is None:
            raise no_samples(self.name, part)
        yield resampler.source_rate, resampler.flush()

    def _frames(self, part: AudioRegion) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield (rate, frames (n_frames, n_channels)) from ``part.start`` seconds on, piece after piece."""
        if part.stream in {None, self._stream}:
            _ = self.header  # the decoder that is opened for it goes on with the frames
        skipped = part.start
        has_frames, problem = False, None
        for number, piece in enumerate(self._pieces):
            # pieces   |---- 0 ----|------ 1 ------|
            # start                     ^            `skipped` counts from the beginning of the present piece
            is_last = number == len(self._pieces) - 1
            duration = 0.0 if is_last or not skipped else self._seconds(piece)
            if duration and duration <= skipped:
                skipped -= duration
                continue
            try:
                for rate, frames in self._piece_frames(piece, skipped, part.stream):
                    has_frames = True
                    yield rate, frames
            except AudioError as error:
                problem = problem or error
            skipped = 0.0
        if problem is not None and not has_frames:
            raise problem

    def _seconds(self, piece: _File) -> float:
        """Return how long a piece states to be; 0 where it does not."""
        try:
            decoder = self._open(piece)
        except AudioError:
            return 0.0
        try:
            return decoder.header().duration or 0.0
        finally:
            decoder.close()

    def _piece_frames(self, piece: _File, start: float, stream: int | None) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield a piece's frames. libsndfile goes first; FFmpeg goes on where that stops in the middle, or fails.

        FFmpeg finds its way behind damage, and past a header that counts too little or too much.
        """
        rate, n_frames = 1, 0
        decoder = self._fresh if self._fresh is not None and stream in {None, self._stream} else None
        self._fresh = None
        if decoder is None:
            decoder = self._open(piece, stream)
        try:
            if isinstance(decoder, SndfileDecoder):
                try:
                    for rate, frames in decoder.frames(start):
                        yield rate, frames
                        n_frames += len(frames)
                    if n_frames:
                        return
                except errors():
                    pass
                decoder.close()
                decoder = FfmpegDecoder(piece, self.name, self._number(stream))  # type: ignore[arg-type]
            # libsndfile                |=========x            stopped by damage, or by a wrong header
            # FFmpeg goes on there                 |=======    `n_frames` after `start`
            yield from decoder.frames(start + n_frames / rate)
        except AudioError:
            if not n_frames:
                raise
        finally:
            decoder.close()

    def _open(self, piece: _File, stream: int | None = None) -> SndfileDecoder | FfmpegDecoder:
        number = self._number(stream)
        if number in {None, 1} and not _is_mpeg(piece):
            try:
                return SndfileDecoder(piece)  # type: ignore[arg-type]
            except errors():
                pass
        return FfmpegDecoder(piece, self.name, number)  # type: ignore[arg-type]

    def _number(self, stream: int | None) -> int | None:
        return self._stream if stream is None else stream


@contextmanager
def open_recording(source: AudioSource, stream: int | None = None, *, name: str | None = None) -> Iterator[Recording]:
    """Open a recording: a path, the bytes of a file, or a file object, which stays open. An opened one is passed on.

    ``stream`` is the audio stream of a container, counted from 1; None: its default. ``name`` stands for a source that
    is not a path in messages.

    Raises:
        AudioError: the source is absent, no file, or unreadable; what it holds is looked at later.

    >>> with open_recording("inference/samples/happy.wav") as recording:
    ...     print(recording.header.sampling_rate, sum(map(len, recording.blocks(8_000))))
    16000 13177
    """
    if isinstance(source, Recording):
        yield source
        return
    with binary(source, name) as (file, shown):
        recording = Recording(file, shown, stream)
        try:
            yield recording
        finally:
            recording.close()


def load(
    source: AudioSource,
    sampling_rate: int,
    part: AudioRegion = FULL,
    *,
    name: str | None = None,
) -> Waveform:
    """Decode a recording of any rate, channel count and sample type to mono at ``sampling_rate`` (Hz).

    ``name`` stands for the source in messages, where it is not a path. Raises :class:`AudioError` as
    :func:`blocks` does. The whole sound is held in memory, 64 kB a second at 16 kHz.
    """
    with open_recording(source, part.stream, name=name) as recording:
        rated = list(recording.rated_blocks(sampling_rate, part))
    samples = np.concatenate([samples for _, samples in rated])
    return Waveform(samples, sampling_rate, source_rate=rated[0][0], start=part.start)


def blocks(
    source: AudioSource,
    sampling_rate: int,
    part: AudioRegion = FULL,
    *,
    name: str | None = None,
) -> Iterator[FloatArray]:
    """Decode a recording as :func:`load` does, and yield its samples block by block, (n_samples,) each.

    Raises:
        AudioError: as :func:`open_recording` and :meth:`Recording.blocks`.
    """
    with open_recording(source, part.stream, name=name) as recording:
        yield from recording.blocks(sampling_rate, part)


def probe(source: AudioSource, stream: int | None = None, *, name: str | None = None) -> Header:
    """Return the header of a recording. Raises :class:`AudioError` as :func:`blocks`, as far as it shows."""
    with open_recording(source, stream, name=name) as recording:
        return recording.header


def channel_numbers(
    source: AudioSource, channels: int | Literal["mix", "each"], stream: int | None = None, *, name: str | None = None
) -> tuple[int | None, ...]:
    """Return what :attr:`AudioRegion.channel` is to be, one after the other: ``each`` is every channel by itself."""
    if channels == "each":
        return tuple(range(1, probe(source, stream, name=name).n_channels + 1))
    return (None,) if channels == "mix" else (channels,)


def _is_mpeg(file: _File) -> bool:
    """Tell whether a file starts as MP3 or ADTS AAC do: with a tag, or at once with a frame."""
    file.seek(0)
    head = file.read(3) or b""
    file.seek(0)
    return head == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)


def _sum(headers: list[Header]) -> Header:
    """Return the header of several recordings in one file: the first one's, with the durations of all."""
    durations = [header.duration for header in headers]
    counted = [header.counted for header in headers]
    return Header(
        None if None in durations else sum(filter(None, durations)),
        headers[0].sampling_rate,
        headers[0].n_channels,
        sum(header.missing for header in headers),
        None if None in counted else sum(filter(None, counted)),
        any(header.is_estimate for header in headers),
        headers[0].stream,
        headers[0].n_streams,
    )
