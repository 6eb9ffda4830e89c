"""Lossy codecs."""

import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from audio_emotion import audio
from audio_emotion.core.schema import choices, number
from audio_emotion.core.types import FloatArray

_WAYS = {  # container, encoder, sample format, and options that make the encoder quicker
    "mp3": ("mp3", "libmp3lame", "fltp", {"compression_level": "9"}),
    "opus": ("ogg", "libopus", "flt", {"compression_level": "4", "vbr": "constrained"}),
}
_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # Opus's; MP3 has them too
_MP3_KBPS = np.array([8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160])  # MPEG-2, 16 to 24 kHz
_MU = 255.0


class CodecDraw(NamedTuple):
    """A codec and its bit rate in kbit/s; mu-law has a fixed one."""

    kind: str
    kbps: float


@dataclass(frozen=True)
class Codec:
    """The utterance encoded and decoded again in memory, by one of ``kinds``; as long as before, and in its place.

    MP3 and Opus (FFmpeg's LAME and libopus) at ``min_kbps`` to ``max_kbps``, equally likely on a logarithmic scale,
    MP3 at the nearest rate that it has; mu-law is eight bits a sample at the sound's own rate (ITU-T G.711's curve).
    What is beyond ±1 is clipped.
    """

    kinds: tuple[str, ...] = choices("mp3", "opus", "mu-law")
    min_kbps: float = number(8.0, 6.0, 128.0, "kbit/s", at_most="max_kbps")
    max_kbps: float = number(48.0, 6.0, 128.0, "kbit/s")

    def draw(self, rng: np.random.Generator) -> CodecDraw:
        kind = self.kinds[int(rng.integers(len(self.kinds)))]
        kbps = float(np.exp(rng.uniform(np.log(self.min_kbps), np.log(self.max_kbps))))
        if kind == "mp3":
            kbps = float(_MP3_KBPS[np.abs(np.log(_MP3_KBPS / kbps)).argmin()])
        return CodecDraw(kind, kbps)

    def apply(self, samples: FloatArray, sampling_rate: int, drawn: CodecDraw) -> FloatArray:
        clipped = samples.clip(-1, 1)
        if drawn.kind == "mu-law":
            return _mu_law(clipped)
        import soxr

        rate = next((rate for rate in _RATES if rate >= sampling_rate), _RATES[-1])
        sent = clipped if rate == sampling_rate else soxr.resample(clipped, sampling_rate, rate, quality="HQ")
        # What comes back may be a few samples longer or shorter.
        decoded = audio.load(_encode(sent, rate, drawn), sampling_rate).samples[: len(samples)]
        return np.pad(decoded, (0, len(samples) - len(decoded)))

    def tell(self, drawn: CodecDraw) -> str:
        return "mu-law" if drawn.kind == "mu-law" else f"{drawn.kind} {drawn.kbps:.0f} kbps"


def _mu_law(samples: FloatArray) -> FloatArray:
    companded = np.sign(samples) * np.log1p(_MU * np.abs(samples)) / np.log1p(_MU)
    steps = np.round(companded * 127) / 127
    return np.asarray(np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(_MU)) / _MU, np.float32)


def _encode(samples: FloatArray, sampling_rate: int, drawn: CodecDraw) -> bytes:
    import av

    container, codec, sample_format, options = _WAYS[drawn.kind]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=sampling_rate, layout="mono", format=sample_format, options=options)
        stream.bit_rate = round(1000 * drawn.kbps)
        stream.codec_context.open()
        step = stream.codec_context.frame_size
        for start in range(0, len(samples), step):
            piece = np.ascontiguousarray(samples[None, start : start + step])
            frame = av.AudioFrame.from_ndarray(piece, format=sample_format, layout="mono")
            frame.sample_rate, frame.pts = sampling_rate, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()
