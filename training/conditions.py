"""What may happen to a recording on its way to the listener: conditions in which models are tested."""

from collections.abc import Callable

import numpy as np

from audio_emotion.augment import Codec, Gain, Noise, Reverberation, Telephone
from audio_emotion.augment.codec import CodecDraw
from audio_emotion.augment.reverberation import RoomDraw
from audio_emotion.core.types import FloatArray

Change = Callable[[FloatArray, int, np.random.Generator], FloatArray]
"""Samples, their rate in Hz, and what is random about it → samples."""

CONDITIONS: dict[str, Change] = {
    "white noise at 20 dB": lambda x, rate, rng: Noise().apply(x, rate, Noise(20, 20).draw(rng)),
    "white noise at 10 dB": lambda x, rate, rng: Noise().apply(x, rate, Noise(10, 10).draw(rng)),
    "telephone band": lambda x, rate, _: Telephone().apply(x, rate),
    "MP3 at 32 kbit/s": lambda x, rate, _: Codec().apply(x, rate, CodecDraw("mp3", 32)),
    "a room of 0.5 s, direct sound 3 dB above": lambda x, rate, rng: Reverberation().apply(
        x, rate, RoomDraw(0.5, 3.0, int(rng.integers(2**32)))
    ),
    "6 dB louder": lambda x, rate, _: Gain().apply(x, rate, 6.0),
    "6 dB softer": lambda x, rate, _: Gain().apply(x, rate, -6.0),
}
