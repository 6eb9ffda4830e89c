"""Any recording → mono sound at the model's rate.

Decoding is soundfile's (libsndfile), then PyAV's (FFmpeg) for what that cannot read; resampling is soxr's. There is
one way through, :func:`blocks`, which needs little memory however long the recording is; :func:`load` joins its blocks.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from audio_emotion.audio.decoding import decoded, probe
from audio_emotion.audio.region import FULL, AudioRegion, AudioSource
from audio_emotion.audio.resample import Resampler, check_rate, mono, no_samples
from audio_emotion.audio.source import binary, name_of
from audio_emotion.core.types import FloatArray, Waveform


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
    rated = list(_resampled(source, sampling_rate, part, name))
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

    Only what is needed of the file is decoded where its format can be entered in the middle. A file that is
    damaged on its way is given as far as it can be decoded, with what follows the damage where FFmpeg finds it.

    Raises:
        AudioError: the source is absent, no file, unreadable, of an unknown format, encrypted, without sound or
            samples, without the channel or stream asked for, ends before ``part`` starts, or holds samples that are
            no numbers.
    """
    for _, samples in _resampled(source, sampling_rate, part, name):
        yield samples


def channel_numbers(
    source: AudioSource, channels: int | Literal["mix", "each"], stream: int = 1, *, name: str | None = None
) -> tuple[int | None, ...]:
    """Return what :attr:`AudioRegion.channel` is to be, one after the other: ``each`` is every channel by itself."""
    if channels == "each":
        return tuple(range(1, probe(source, stream, name=name).n_channels + 1))
    return (None,) if channels == "mix" else (channels,)


def _resampled(
    source: AudioSource, sampling_rate: int, part: AudioRegion, name: str | None
) -> Iterator[tuple[int, FloatArray]]:
    """Yield the source's rate with each block of mono samples at ``sampling_rate``."""
    name = name_of(source, name)
    wanted = None if part.end is None else max(1, round((part.end - part.start) * sampling_rate))
    n_samples = 0
    for rate, samples in _unbounded(source, sampling_rate, part, name):
        kept = samples if wanted is None else samples[: wanted - n_samples]
        n_samples += len(kept)
        if len(kept):
            yield rate, kept
        if n_samples == wanted:
            return


def _unbounded(
    source: AudioSource, sampling_rate: int, part: AudioRegion, name: str
) -> Iterator[tuple[int, FloatArray]]:
    resampler = None
    with binary(source, name) as file:
        for rate, frames in decoded(file, name, part):
            if resampler is None or rate != resampler.source_rate:  # a new rate on the way begins a new sound
                check_rate(rate, name)
                if resampler is not None:
                    yield resampler.source_rate, resampler.flush()
                resampler = Resampler(rate, sampling_rate)
            yield rate, resampler.push(mono(frames, part.channel, name))
    if resampler is None:
        raise no_samples(name, part)
    yield resampler.source_rate, resampler.flush()
