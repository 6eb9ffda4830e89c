"""Sounds and files made for tests: nothing here is a recording."""

import io
import struct

import av
import numpy as np
import soundfile
from av.stream import Disposition

RATE = 16_000


def voice(seconds: float, rate: int = RATE, seed: int = 0, pitch_hz: float = 125.0) -> np.ndarray:
    """A buzz whose two resonances and loudness move a few times a second, as in speech; float32, peak 0.3."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    knots = np.arange(0, seconds + 0.4, 0.15)

    def track(low: float, high: float) -> np.ndarray:
        return np.interp(t, knots, rng.uniform(low, high, len(knots)))

    phase = 2 * np.pi * np.cumsum(pitch_hz * track(0.72, 1.28)) / rate
    first, second, loudness = track(250, 900), track(900, 2500), track(0.05, 1)
    sound = sum(
        np.cos(k * phase)
        * (np.exp(-(((k * pitch_hz - first) / 150) ** 2)) + 0.5 * np.exp(-(((k * pitch_hz - second) / 250) ** 2)))
        for k in range(1, 30)
    )
    sound = sound * loudness
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def melody(seconds: float, rate: int = RATE) -> np.ndarray:
    """Notes of 0.4 s with six harmonics each that fade, as of a piano; float32, peak 0.3."""
    t = np.arange(round(0.4 * rate)) / rate
    pitches = 262 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    notes = [sum(np.sin(2 * np.pi * k * f * t) / k for k in range(1, 7)) * np.exp(-t / 0.3) for f in pitches]
    sound = np.resize(np.concatenate(notes), round(seconds * rate))
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def encoded(frames: np.ndarray, rate: int = RATE, file_format: str = "WAV", subtype: str | None = None) -> bytes:
    """What soundfile writes of (n_frames,) or (n_frames, n_channels)."""
    file = io.BytesIO()
    soundfile.write(file, frames, rate, format=file_format, subtype=subtype)
    return file.getvalue()


def contained(
    tracks: list[np.ndarray],
    rate: int = 48_000,
    container: str = "mp4",
    codec: str = "aac",
    picture: bool = False,
    options: dict[str, str] | None = None,
    late_s: float = 0.0,
    hole: tuple[float, float] | None = None,
    default: int | None = None,
) -> bytes:
    """What FFmpeg writes: one mono audio stream for each track, and a moving picture if asked for.

    The sound begins ``late_s`` seconds after the picture. ``hole`` is (seconds of sound before it, its length in
    seconds). ``default`` is the number of the track that is marked as default, from 1.
    """
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options or {}) as out:
        streams = [out.add_stream(codec, rate=rate, layout="mono") for _ in tracks]
        for number, stream in enumerate(streams, start=1):
            if default is not None:
                stream.disposition = Disposition.default if number == default else Disposition(0)
        if picture:
            video = out.add_stream("mpeg4", rate=10)
            video.width = video.height = 32
            for number in range(10):
                image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 20 * number, np.uint8), format="rgb24")
                image.pts = number
                out.mux(video.encode(image))
            out.mux(video.encode(None))
        for stream, track in zip(streams, tracks, strict=True):
            for start in range(0, len(track), 960):
                piece = np.ascontiguousarray(track[None, start : start + 960], np.float32)
                frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
                skipped = late_s + (hole[1] if hole and start >= hole[0] * rate else 0.0)
                frame.sample_rate, frame.pts = rate, start + round(skipped * rate)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return file.getvalue()


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two sounds over what both have."""
    n = min(len(one), len(other))
    return float(np.corrcoef(one[:n], other[:n])[0, 1])


def with_total(flac: bytes, total: int) -> bytes:
    """The same FLAC file, another number of samples in its header."""
    changed = bytearray(flac)
    changed[21] = (changed[21] & 0xF0) | total >> 32
    changed[22:26] = struct.pack(">I", total & 0xFFFFFFFF)
    return bytes(changed)
