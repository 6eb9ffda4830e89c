"""Decoded frames of any kind → mono sound at one rate."""

from typing import Any

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import FloatArray, Waveform

MIN_RATE, MAX_RATE = 1_000, 1_000_000
"""Sampling rates in Hz outside which a header is taken for damaged."""

_DECIDED = 2**14  # frames that are mixed alike: less than a second
_HALF_LIFE = 2**14  # frames, about a second, after which sound counts half
_CANCELS, _RECOVERS = 100.0, 25.0  # of energies: 20 dB, and 14 dB for the way back
_INAUDIBLE = 1e-7  # a mean square, -70 dB re full scale: rounding errors have no phase

MAX_SAMPLE = 1e10
"""Samples beyond this, full scale being 1, are taken for damage: float files of 32-bit integers reach 2e9."""


def from_frames(
    frames: npt.NDArray[Any],
    source_rate: int,
    sampling_rate: int,
    part: AudioRegion = FULL,
    name: str = "array",
) -> Waveform:
    """Mix decoded ``frames``, (n_frames,) or (n_frames, n_channels), to mono and resample to ``sampling_rate``.

    Floats have their full scale at ±1, integers at their type's. Raises :class:`AudioError` where there is no
    frame, or one that is not finite; ``name`` is for its message.
    """
    if frames.ndim not in (1, 2) or (frames.ndim == 2 and frames.shape[1] > 1024):
        raise AudioError(f"has the shape {frames.shape}, expected (n_frames,) or (n_frames, n_channels)", subject=name)
    end = len(frames) if part.end is None else round(part.end * source_rate)
    frames = frames[round(part.start * source_rate) : end]
    if not frames.size:
        raise no_samples(name, part)
    resampler = MonoResampler(sampling_rate, part.channel, name)
    samples = np.concatenate([resampler.push(frames, source_rate), resampler.flush()])
    return Waveform(samples, sampling_rate, source_rate, part.start)


def mono(frames: npt.NDArray[Any], channel: int | None, name: str = "array") -> FloatArray:
    """Return one channel, counted from 1, or the mean of all, of (n_frames,) or (n_frames, n_channels).

    Raises :class:`AudioError` where there is no such channel, or a sample is no finite number.
    """
    if frames.dtype.kind not in "fiu":
        raise AudioError(f"contains {frames.dtype} values, expected floats or integers", subject=name)
    if frames.ndim == 1:
        frames = frames[:, None]
    if channel is not None and channel > frames.shape[1]:
        raise AudioError(f"has {frames.shape[1]} channel(s), and channel {channel} was requested", subject=name)
    selected = _as_floats(frames if channel is None else frames[:, channel - 1 : channel])
    with np.errstate(over="ignore", invalid="ignore"):
        samples = selected[:, 0] if selected.shape[1] == 1 else selected.mean(axis=1, dtype=np.float32)
        samples = np.ascontiguousarray(samples, np.float32)
    if len(samples) and not np.abs(samples).max() <= MAX_SAMPLE:  # so that a NaN is refused too
        raise AudioError(
            "contains samples that are NaN, infinite or far too large", subject=name, hint="export it as 16-bit PCM"
        )
    return samples


def _as_floats(frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return floats as they are, and integers with their type's full scale at ±1."""
    if frames.dtype.kind == "f":
        return frames
    # Unsigned samples have their zero in the middle of the range: 128 of 0 to 255.
    scale = 2.0 ** (8 * frames.dtype.itemsize - 1)
    return np.asarray((frames - (scale if frames.dtype.kind == "u" else 0.0)) / scale)


class MonoResampler:
    """Frames of any kind and rate, in blocks of any size → mono sound at one rate, as if it had come in one piece.

    Args:
        sampling_rate: Hz, of the sound that comes out.
        channel: counted from 1; None: the mean of all, as by :class:`Downmix`.
        name: what messages call the source.
        notes: the list that a note on the sound is added to, one sentence; None: a new one.

    Attributes:
        source_rate: Hz, of the first frames; None before them.
        notes: one sentence each.
    """

    def __init__(
        self, sampling_rate: int, channel: int | None = None, name: str = "array", notes: list[str] | None = None
    ) -> None:
        self.source_rate: int | None = None
        self.notes = notes if notes is not None else []
        self._sampling_rate, self._name = sampling_rate, name
        self._downmix = Downmix(channel, name)
        self._resampler: Resampler | None = None

    def push(self, frames: npt.NDArray[Any], source_rate: int) -> FloatArray:
        """Return what is ready, (n_samples,), once frames, (n_frames,) or (n_frames, n_channels), came; maybe nothing.

        Raises:
            AudioError: the channel is absent, a sample is not finite, or no recording has that rate.
        """
        samples = self._downmix.push(frames)
        if self._downmix.note is not None and self._downmix.note not in self.notes:
            self.notes.append(self._downmix.note)
        if self._resampler is not None and source_rate == self._resampler.source_rate:
            return self._resampler.push(samples)
        _check_rate(source_rate, self._name)
        rest = self.flush()  # a new rate on the way begins a new sound
        self._resampler = Resampler(source_rate, self._sampling_rate)
        self.source_rate = self.source_rate or source_rate
        return np.concatenate([rest, self._resampler.push(samples)])

    def flush(self) -> FloatArray:
        """Return the rest of the sound, (n_samples,); nothing if no frames came."""
        return np.empty(0, np.float32) if self._resampler is None else self._resampler.flush()


class Downmix:
    """Frames of any kind, in blocks → mono: one channel, or the mean of all.

    Channels of opposite phase, as those of a cable that is wired wrongly, cancel each other in the mean. Where the mean
    is 20 dB and more below a channel, the loudest channel is used instead.

    Attributes:
        used: the channel, counted from 1, that was last used instead of the mean; None: none was.
    """

    def __init__(self, channel: int | None, name: str = "array") -> None:
        self._channel, self._name = channel, name
        self._instead: int | None = None  # at present
        self._mix = 0.0  # energies, which older blocks add less to
        self._channels = np.zeros(1)
        self.used: int | None = None

    @property
    def note(self) -> str | None:
        """A sentence for people about the channel that was used instead of the mean; None: there is nothing to say."""
        if self.used is None:
            return None
        return f"the channels are out of phase, so channel {self.used} was used instead of their mix"

    def push(self, frames: npt.NDArray[Any]) -> FloatArray:
        """Return the next samples, (n_frames,). Raises :class:`AudioError` as :func:`mono` does."""
        if self._channel is not None or frames.ndim == 1 or frames.shape[1] == 1 or not len(frames):
            return mono(frames, self._channel, self._name)
        return np.concatenate([self._mixed(frames[at : at + _DECIDED]) for at in range(0, len(frames), _DECIDED)])

    def _mixed(self, frames: npt.NDArray[Any]) -> FloatArray:
        samples = mono(frames, None, self._name)
        self._measure(frames, samples)
        if self._instead is None:
            return samples
        self.used = self._instead
        return mono(frames, self._instead, self._name)

    def _measure(self, frames: npt.NDArray[Any], samples: FloatArray) -> None:
        """Decide about the mean from the energies of this block and of the last seconds."""
        n_channels = frames.shape[1]
        if len(self._channels) != n_channels:
            self._mix, self._channels, self._instead = 0.0, np.zeros(n_channels), None
        floats = _as_floats(frames)
        # Older sound counts less and less: after one half-life its energy counts half.
        kept = 0.5 ** (len(samples) / _HALF_LIFE)
        self._mix = self._mix * kept + float(np.einsum("i,i->", samples, samples, dtype=np.float64))
        self._channels = self._channels * kept + np.einsum("ij,ij->j", floats, floats, dtype=np.float64)
        loudest = int(self._channels.argmax())
        energy = float(self._channels[loudest])
        if energy < _INAUDIBLE * min(len(samples), _HALF_LIFE):
            return
        # Hysteresis: the mean is given up at 20 dB below the loudest channel, and used again at 14 dB,
        # so that sound near the limit does not switch back and forth.
        if self._mix * (_CANCELS if self._instead is None else _RECOVERS) > energy:
            self._instead = None
        elif self._instead is None or self._channels[self._instead - 1] * 4 < energy:  # no change between equals
            self._instead = loudest + 1


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
        # A source shorter than one output sample would give nothing, and every later step expects a sample.
        return self._given(rest) if len(rest) or self._n_samples else np.zeros(1, np.float32)

    def _given(self, samples: FloatArray) -> FloatArray:
        self._n_samples += len(samples)
        return samples


def no_samples(name: str, part: AudioRegion) -> AudioError:
    """Return the error of a part in which there is nothing."""
    where = f" after {part.start:g} s, where it was to start" if part.start else "; expected at least one"
    return AudioError(f"contains no samples{where}", subject=name)


def _check_rate(rate: int, name: str) -> None:
    """Refuse a sampling rate that no recording has."""
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(
            f"states a sampling rate of {rate} Hz, expected {MIN_RATE} to {MAX_RATE} Hz",
            subject=name,
            hint="its header is probably damaged",
        )
