"""Any recording → mono :class:`Waveform` → the fixed windows that a model reads.

The same functions serve training and use, so that a clip meets the network in one form only. Decoding is
soundfile's (libsndfile), then PyAV's (FFmpeg) for what that cannot read; resampling is soxr's.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_emotion.errors import AudioError
from audio_emotion.records import FloatArray, Waveform

MIN_RATE, MAX_RATE = 1_000, 1_000_000
"""Sampling rates in Hz outside which a header is taken for damaged."""

TRIM_DB = 40.0
"""Frames this far below the loudest one, at either end of a recording, are not part of the utterance."""

SILENCE_DBFS = -60.0
"""A window whose loudest frame is below this level holds no speech."""

_FRAME, _HOP = 512, 256  # samples, for levels

AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".m4a", ".aac"}
    | {".wma", ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi"}
)
"""What counts as a recording when a folder is searched; a file named outright is judged by its content."""


def expand(names: Iterable[Path]) -> list[Path]:
    """Replace each folder by the recordings in it, sorted; leave everything else as it is.

    Raises:
        AudioError: a folder without a recording.
    """
    files: list[Path] = []
    for name in names:
        if not name.is_dir():
            files.append(name)
            continue
        found = sorted(p for p in name.iterdir() if p.suffix.lower() in AUDIO_SUFFIXES and p.is_file())
        if not found:
            raise AudioError(f"{name}: this folder holds no recording; expected files such as *.wav, *.flac or *.mp3")
        files.extend(found)
    return files


def load(path: str | os.PathLike[str], sampling_rate: int) -> Waveform:
    """Decode a recording of any rate, channel count and sample type to mono at ``sampling_rate`` (Hz).

    Channels are averaged. Raises :class:`AudioError` where the file is absent, unreadable, of an unknown
    format, without samples, or holds samples that are not finite.
    """
    path = Path(path)
    _check_readable(path)
    frames, source_rate = _decode(path)
    if not MIN_RATE <= source_rate <= MAX_RATE:
        raise AudioError(
            f"{path}: its header gives a sampling rate of {source_rate} Hz, expected {MIN_RATE} to {MAX_RATE} Hz; "
            "the file is probably damaged"
        )
    return from_frames(frames, source_rate, sampling_rate, name=str(path))


def from_frames(frames: npt.NDArray[Any], source_rate: int, sampling_rate: int, name: str = "array") -> Waveform:
    """Mix decoded ``frames``, (n_frames,) or (n_frames, n_channels), to mono and resample to ``sampling_rate``.

    Raises :class:`AudioError` where there is no frame, or one that is not finite; ``name`` is for its message.
    """
    if not frames.size:
        raise AudioError(f"{name}: holds no samples; expected at least one")
    mono = frames.astype(np.float32, copy=False) if frames.ndim == 1 else frames.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise AudioError(f"{name}: holds samples that are NaN or infinite; export it again as 16-bit PCM")
    if source_rate != sampling_rate:
        import soxr

        mono = soxr.resample(mono, source_rate, sampling_rate, quality="VHQ")
        if not mono.size:  # fewer source samples than one sample of ours: pass on the little there is
            mono = np.zeros(1, np.float32)
    return Waveform(np.ascontiguousarray(mono, np.float32), sampling_rate, source_rate)


def _check_readable(path: Path) -> None:
    try:
        if path.is_dir():
            raise AudioError(f"{path}: is a folder, expected a recording")
        if not path.stat().st_size and path.is_file():
            raise AudioError(f"{path}: is empty (0 bytes), expected a recording")
        if not os.access(path, os.R_OK):
            raise AudioError(f"{path}: permission denied; make it readable")
    except FileNotFoundError:
        raise AudioError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror})") from error


def _decode(path: Path) -> tuple[FloatArray, int]:
    """Return (n_frames, n_channels) float32 and the rate in Hz."""
    import soundfile

    try:
        with path.open("rb") as file:
            frames, rate = soundfile.read(file, dtype="float32", always_2d=True)
        return frames, int(rate)
    except (
        soundfile.SoundFileError,
        RuntimeError,
        ValueError,
        TypeError,
    ):  # unknown to libsndfile, or damaged
        return _decode_av(path)
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror})") from error


def _decode_av(path: Path) -> tuple[FloatArray, int]:
    import av

    try:
        with path.open("rb") as file, av.open(file, "r") as container:
            if not container.streams.audio:
                raise AudioError(f"{path}: holds no sound; expected a recording or a video with an audio track")
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="fltp")
            blocks = [
                block.to_ndarray().T for frame in container.decode(audio=0) for block in resampler.resample(frame)
            ]
            rate = int(stream.rate or 0)
    except (av.FFmpegError, OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(
            f"{path}: cannot be decoded ({reason}); expected WAV, FLAC, OGG, MP3 or another audio or video file"
        ) from error
    return (np.concatenate(blocks) if blocks else np.empty((0, 1), np.float32)), rate


def frame_levels(samples: FloatArray) -> npt.NDArray[np.float64]:
    """Return the level of each frame (512 samples every 256, centred, zeros outside) in dB re full scale (RMS)."""
    squares = np.concatenate([np.zeros(_FRAME // 2 + 1), samples.astype(np.float64) ** 2, np.zeros(_FRAME // 2)])
    sums = np.cumsum(squares)
    power = np.maximum(sums[_FRAME::_HOP] - sums[:-_FRAME:_HOP], 0.0) / _FRAME
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)))


def trim(samples: FloatArray) -> tuple[int, int]:
    """Return (start, end), in samples, of what is left without the quiet at both ends.

    The rule is that of ``librosa.effects.trim`` with ``top_db`` 40, frames of 512 and a hop of 256.
    """
    levels = frame_levels(samples)
    loud = np.flatnonzero(levels > levels.max() - TRIM_DB)
    return int(loud[0]) * _HOP, min(len(samples), (int(loud[-1]) + 1) * _HOP)


def is_silent(samples: FloatArray) -> bool:
    """Tell whether no frame reaches -60 dB re full scale."""
    return bool(frame_levels(samples).max() < SILENCE_DBFS)


def windows(samples: FloatArray, window_samples: int) -> FloatArray:
    """Cut an utterance into (n_windows, window_samples), each half a window after the last.

    The quiet at both ends is trimmed. What is shorter than a window stands in its middle with zeros around
    it; the last window of what is longer ends where the utterance ends.
    """
    start, end = trim(samples)
    speech = samples[start:end]
    if len(speech) <= window_samples:
        before = (window_samples - len(speech)) // 2
        return np.pad(speech, (before, window_samples - len(speech) - before))[None]
    last = len(speech) - window_samples
    starts = np.unique(np.append(np.arange(0, last, window_samples // 2), last))
    return np.stack([speech[start : start + window_samples] for start in starts])
