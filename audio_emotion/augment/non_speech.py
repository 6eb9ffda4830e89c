"""Sounds without speech, made from nothing: they train a network to decide what is speech.

Noise that comes and goes, tones and chords, tonal music, clicks and knocks, breath-like and cough-like noise, and
babble, the murmur of many voices, which needs recordings of speech to mix. Each sound fills a window, or a part of it,
and peaks at 0.9.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from audio_emotion.core.types import FloatArray

PEAK = 0.9
KINDS = ("noise", "tones", "music", "clicks", "breath", "babble")
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 10, 12)  # semitones above the root
_MAX_VOICES = 12

Samples = npt.NDArray[np.float64]


def non_speech(
    kind: str, n_samples: int, sampling_rate: int, rng: np.random.Generator, voices: Sequence[FloatArray] = ()
) -> FloatArray:
    """Return a sound without speech, (n_samples,) float32.

    Half of the sounds stand in quiet noise; half are short, with silence around them.

    Args:
        kind: one of :data:`KINDS`.
        n_samples: length; a quarter of a second or more.
        sampling_rate: Hz.
        rng: draws everything.
        voices: recordings of speech at this rate, (n,) each, for ``babble``.

    Raises:
        ValueError: no such kind, a length below a quarter of a second, or babble without voices.

    >>> sound = non_speech("music", 48_000, 16_000, np.random.default_rng(0))
    >>> sound.shape, round(float(abs(sound).max()), 2)
    ((48000,), 0.9)
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of sound {kind!r}; expected one of {', '.join(KINDS)}")
    if n_samples < sampling_rate // 4:
        raise ValueError(f"{n_samples} samples are less than a quarter of a second at {sampling_rate} Hz")
    if kind == "babble":
        if not voices:
            raise ValueError("babble needs recordings of speech to mix")
        sound = _babble(n_samples, rng, voices)
    else:
        sound = _MAKERS[kind](n_samples, sampling_rate, rng)
    return _placed(_at_peak(sound), sampling_rate, rng)


def _placed(sound: Samples, rate: int, rng: np.random.Generator) -> FloatArray:
    """Put half of the sounds into noise 5 to 50 dB below, and cut half of them to a part in the middle of silence."""
    n = len(sound)
    if rng.random() < 0.5:
        noise = coloured_noise(n, rng)
        sound = sound + noise * sound.std() * 10 ** (-rng.uniform(5, 50) / 20)
    if rng.random() < 0.5:
        longest = 0.95 * n
        kept = round(rng.uniform(min(0.25 * rate, longest), longest))
        first, before = int(rng.integers(n - kept + 1)), (n - kept) // 2
        sound = np.pad(sound[first : first + kept], (before, n - kept - before))
    return np.asarray(_at_peak(sound), np.float32)


def _at_peak(sound: Samples) -> Samples:
    return sound * (PEAK / max(float(np.abs(sound).max()), 1e-9))


def coloured_noise(n_samples: int, rng: np.random.Generator) -> Samples:
    """Return noise with a standard deviation of 1 whose power falls with frequency by 0 to 9 dB an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequency = np.arange(len(spectrum))
    frequency[0] = 1
    noise = np.fft.irfft(spectrum * frequency ** -rng.uniform(0, 1.5), n_samples)
    return np.asarray(noise / max(float(noise.std()), 1e-9))


def _envelope(n_samples: int, rate: int, per_second: float, rng: np.random.Generator) -> Samples:
    """Return a gain from 0 to 1 with so many random values a second, joined by straight lines."""
    n_values = max(2, int(n_samples / rate * per_second) + 2)
    return np.interp(np.arange(n_samples), np.linspace(0, n_samples, n_values), rng.random(n_values) ** 2)


def _band(sound: Samples, rate: int, rng: np.random.Generator, lowest: tuple[float, float], width: float) -> Samples:
    """Keep a band that begins within ``lowest``, in Hz, and is 1.3 to ``width`` times as high at its end."""
    from scipy.signal import butter, sosfilt

    nyquist = rate / 2
    low = min(rng.uniform(*lowest), 0.5 * nyquist)
    high = min(0.97 * nyquist, low * rng.uniform(1.3, width))
    filtered = np.asarray(sosfilt(butter(2, [low, high], "band", fs=rate, output="sos"), sound))
    return filtered / max(float(filtered.std()), 1e-9)


def _harmonics(phase: Samples, strengths: Sequence[float]) -> Samples:
    """Return a tone of several harmonics of a phase in radians."""
    tone = np.zeros(len(phase))
    for number, strength in enumerate(strengths, 1):
        tone += strength * np.sin(number * phase)
    return tone


def _noise(n: int, rate: int, rng: np.random.Generator) -> Samples:
    sound = coloured_noise(n, rng)
    if rng.random() < 0.6:  # wind, waves, an engine: it comes and goes
        sound = sound * (0.05 + _envelope(n, rate, rng.uniform(0.5, 12), rng))
    if rng.random() < 0.5:
        sound = _band(sound, rate, rng, (50, 3_000), 6)
    if rng.random() < 0.4:
        second = _band(coloured_noise(n, rng), rate, rng, (50, 3_000), 3)
        sound = sound / max(float(sound.std()), 1e-9)
        sound = sound + rng.uniform(0.2, 1.5) * second * _envelope(n, rate, rng.uniform(1, 10), rng)
    return sound


def _tones(n: int, rate: int, rng: np.random.Generator) -> Samples:
    time = np.arange(n) / rate
    sound = np.zeros(n)
    for _ in range(rng.integers(1, 5)):
        pitch = np.exp(rng.uniform(np.log(60), np.log(min(4_000, 0.4 * rate))))
        glide = 1 + rng.uniform(-0.3, 0.3) * time / time[-1] * (rng.random() < 0.4)
        vibrato = 1 + 0.01 * np.sin(2 * np.pi * rng.uniform(3, 8) * time) * (rng.random() < 0.3)
        phase = 2 * np.pi * np.cumsum(pitch * glide * vibrato) / rate
        n_harmonics = min(int(rng.integers(1, 8)), int(0.45 * rate / (pitch * 1.3)) or 1)
        slope = rng.uniform(0.5, 2)
        tone = _harmonics(phase, [number**-slope for number in range(1, n_harmonics + 1)])
        sound += tone * (_envelope(n, rate, rng.uniform(0.5, 8), rng) if rng.random() < 0.6 else 1)
    if rng.random() < 0.3:  # a pager, an alarm: on and off
        sound *= np.sin(2 * np.pi * rng.uniform(0.5, 10) * time) > 0
    return sound


def _music(n: int, rate: int, rng: np.random.Generator) -> Samples:
    sound = np.zeros(n)
    root = rng.uniform(60, 400)
    scale = _MAJOR if rng.random() < 0.5 else _MINOR
    step = int(rate * rng.uniform(0.1, 0.6))  # samples from one chord to the next
    for start in range(0, n, step):
        for _ in range(rng.integers(1, 4)):
            pitch = root * 2 ** (rng.choice(scale) / 12 + rng.integers(0, 3))
            length = min(n - start, int(step * rng.uniform(0.8, 3)))
            time = np.arange(length) / rate
            attack = np.minimum(1, np.arange(length) / rng.integers(20, 2_000))
            n_harmonics = max(1, min(7, int(0.45 * rate / pitch)))
            strengths = [rng.random() / number for number in range(1, n_harmonics + 1)]
            note = _harmonics(2 * np.pi * pitch * time, strengths)
            sound[start : start + length] += note * attack * np.exp(-time * rng.uniform(0.5, 8))
        if rng.random() < 0.4:  # a drum
            length = min(n - start, int(0.15 * rate))
            decay = np.exp(-np.arange(length) / rate * rng.uniform(15, 60))
            sound[start : start + length] += rng.uniform(0.07, 0.7) * rng.standard_normal(length) * decay
    return sound


def _clicks(n: int, rate: int, rng: np.random.Generator) -> Samples:
    sound = np.zeros(n)
    for _ in range(rng.integers(1, 25)):
        length = min(n, int(rate * np.exp(rng.uniform(np.log(0.004), np.log(0.15)))))
        click = coloured_noise(length, rng) * np.exp(-np.arange(length) / length * rng.uniform(2, 8))
        if rng.random() < 0.6:
            click = _band(click, rate, rng, (200, 4_000), 3)
        start = int(rng.integers(n - length + 1))
        sound[start : start + length] += _at_peak(click) * rng.uniform(0.2, 1)
    return sound


def _breath(n: int, rate: int, rng: np.random.Generator) -> Samples:
    """Bursts of noise with the envelopes of breaths, coughs and sneezes, with pauses between them."""
    sound = np.zeros(n)
    start = 0
    while n - start > 0.03 * rate:
        length = min(n - start, int(rate * rng.uniform(0.15, 1.5)))
        burst = _band(coloured_noise(length, rng), rate, rng, (150, 2_500), 8)
        if rng.random() < 0.5:  # a formant
            burst = burst + rng.uniform(0.3, 2) * _band(coloured_noise(length, rng), rate, rng, (300, 3_000), 1.4)
        if rng.random() < 0.25:  # a cough
            envelope = np.exp(-np.arange(length) / length * rng.uniform(2, 7))
        else:
            rise = np.linspace(0, 1, length) ** rng.uniform(0.3, 2.5)
            envelope = np.maximum(0, np.sin(np.pi * rise)) ** rng.uniform(0.5, 3)
        if rng.random() < 0.3:  # rough, as in a snore
            envelope = envelope * (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(15, 60) * np.arange(length) / rate))
        sound[start : start + length] += burst * envelope * rng.uniform(0.3, 1)
        start += length + int(rate * rng.uniform(0, 0.8))
    return sound


def _babble(n: int, rng: np.random.Generator, voices: Sequence[FloatArray]) -> Samples:
    """Return six or more voices at once, each from a place of its own and at about the same level."""
    sound = np.zeros(n)
    for number in rng.integers(len(voices), size=rng.integers(6, _MAX_VOICES)):
        voice = np.asarray(voices[number], np.float64)
        start = int(rng.integers(len(voice)))
        part = np.resize(np.roll(voice, -start), n)  # it starts again where it ends
        sound += part / max(float(part.std()), 1e-9) * rng.uniform(0.6, 1)
    return sound


_MAKERS: Mapping[str, Callable[[int, int, np.random.Generator], Samples]] = {
    "noise": _noise,
    "tones": _tones,
    "music": _music,
    "clicks": _clicks,
    "breath": _breath,
}
