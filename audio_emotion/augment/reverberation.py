"""A room."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from audio_emotion.core.schema import number
from audio_emotion.core.types import FloatArray

_GAP_S = 0.0025  # from the direct sound to the first reflection, as in the usual measurement of the ratio


class RoomDraw(NamedTuple):
    """A reverberation time in s, a direct-to-reverberant ratio in dB, and the seed of the reflections."""

    rt60_s: float
    drr_db: float
    seed: int


@dataclass(frozen=True)
class Reverberation:
    """A room whose sound decays by 60 dB in ``min_rt60_s`` to ``max_rt60_s``, near or far from the speaker.

    Near or far is the direct-to-reverberant ratio, ``min_drr_db`` to ``max_drr_db``. The response is the direct
    sound and, after it, white noise that decays exponentially (Polack 1988), so no room's shape is assumed. The
    result is longer by the reverberation time; its direct sound stands where it stood, and its energy is about
    the input's.
    """

    min_rt60_s: float = number(0.2, 0.05, 5.0, "s", at_most="max_rt60_s")
    max_rt60_s: float = number(0.8, 0.05, 5.0, "s")
    min_drr_db: float = number(-3.0, -20.0, 60.0, "dB", at_most="max_drr_db")
    max_drr_db: float = number(12.0, -20.0, 60.0, "dB")

    def draw(self, rng: np.random.Generator) -> RoomDraw:
        rt60_s = float(rng.uniform(self.min_rt60_s, self.max_rt60_s))
        return RoomDraw(rt60_s, float(rng.uniform(self.min_drr_db, self.max_drr_db)), int(rng.integers(2**32)))

    def apply(self, samples: FloatArray, sampling_rate: int, drawn: RoomDraw) -> FloatArray:
        from scipy.signal import oaconvolve

        reverberant: FloatArray = oaconvolve(samples, room_response(sampling_rate, drawn))
        return reverberant

    def tell(self, drawn: RoomDraw) -> str:
        return f"RT60 {drawn.rt60_s:.2f} s, direct to reverberant {drawn.drr_db:.1f} dB"


def room_response(sampling_rate: int, drawn: RoomDraw) -> FloatArray:
    """Return the impulse response of a drawn room, (n_samples,), of energy 1; the direct sound comes first."""
    gap = max(1, round(_GAP_S * sampling_rate))
    n_samples = max(gap + 1, round(drawn.rt60_s * sampling_rate))
    response = np.random.default_rng(drawn.seed).standard_normal(n_samples, np.float32)
    # 0.001 is -60 dB of amplitude, reached at the end of the response.
    response *= np.float32(0.001) ** (np.arange(n_samples, dtype=np.float32) / np.float32(n_samples))
    # direct sound  |
    #               1 0 0 0 ~~~~~~~~~~~~----------..      gap, then noise that decays
    response[:gap] = 0
    response /= np.sqrt(np.square(response).sum() * np.float32(10 ** (drawn.drr_db / 10)))
    response[0] = 1
    response /= np.sqrt(np.square(response).sum())
    return response
