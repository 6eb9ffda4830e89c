"""Windows without speech, to train the output ``speech`` on: made sounds, babble, and the noises of a folder.

Vocal sounds such as coughs are not among them: they are for tests. Breath-like and cough-like noise is made.
"""

from collections.abc import Callable, Sequence

import numpy as np
import soxr
from scipy.signal import butter, sosfilt

from audio_emotion.audio.windows import pad
from audio_emotion.core.types import FloatArray

RATE, WINDOW = 16_000, 48_000
N_MADE = {"noise": 250, "tones": 200, "music": 350, "clicks": 300, "breath": 500, "babble": 300}
N_OF_EACH_RECORDING = 12


def made(clips: Sequence[FloatArray], rng: np.random.Generator) -> FloatArray:
    """Return windows of every kind, (n, WINDOW); babble is mixed from ``clips`` of speech."""
    kinds: dict[str, Callable[[np.random.Generator], FloatArray]] = {
        "noise": noise, "tones": tones, "music": music, "clicks": clicks, "breath": breath,
        "babble": lambda rng: babble(clips, rng),
    }  # fmt: skip
    return np.stack([finished(kinds[kind](rng), rng) for kind, n in N_MADE.items() for _ in range(n)])


def recorded(recordings: Sequence[FloatArray], rng: np.random.Generator) -> FloatArray:
    """Return windows of recorded noises at several speeds, (n, WINDOW)."""
    return np.stack([finished(piece(x, rng), rng) for x in recordings for _ in range(N_OF_EACH_RECORDING)])


def finished(sound: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Add a little noise to half of the sounds, cut half of them short, and bring all to one peak."""
    sound = sound / (np.abs(sound).max() + 1e-9)
    if rng.random() < 0.5:
        added = coloured(WINDOW, rng)
        sound = sound + added / added.std() * sound.std() * 10 ** (-rng.uniform(5, 50) / 20)
    if rng.random() < 0.5:
        length = int(RATE * rng.uniform(0.3, 2.9))
        start = rng.integers(0, WINDOW - length)
        sound = pad(sound[start : start + length], WINDOW)
    level: FloatArray = (sound / (np.abs(sound).max() + 1e-9) * 0.9).astype(np.float32)
    return level


def coloured(n: int, rng: np.random.Generator) -> FloatArray:
    """Return white, pink or brown noise, (n,)."""
    white = rng.standard_normal(n, np.float32)
    frequencies = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 50)
    filtered = np.fft.irfft(np.fft.rfft(white) * (frequencies / 50) ** (-0.5 * rng.integers(3)), n)
    return filtered.astype(np.float32)


def band(x: FloatArray, rng: np.random.Generator, lowest: float, highest: float, widest: float) -> FloatArray:
    """Return a random band of a sound, of standard deviation 1."""
    low = rng.uniform(lowest, highest)
    edges = [low, min(7_800, low * rng.uniform(1.3, widest))]
    filtered = sosfilt(butter(2, edges, "band", fs=RATE, output="sos"), x)
    return (filtered / (filtered.std() + 1e-6)).astype(np.float32)


def envelope(n: int, rng: np.random.Generator, points_a_second: float) -> FloatArray:
    """Return a smooth random level, (n,)."""
    points = max(2, int(n / RATE * points_a_second) + 2)
    return np.interp(np.arange(n), np.linspace(0, n, points), rng.random(points) ** 2).astype(np.float32)


def noise(rng: np.random.Generator) -> FloatArray:
    """Return noise that may rise and fall, and may be narrow."""
    x = coloured(WINDOW, rng)
    if rng.random() < 0.6:
        x = x * (0.05 + envelope(WINDOW, rng, rng.uniform(0.5, 12)))
    if rng.random() < 0.5:
        x = band(x, rng, 50, 3_000, 6)
    if rng.random() < 0.4:
        second = band(coloured(WINDOW, rng), rng, 50, 3_000, 3) * envelope(WINDOW, rng, rng.uniform(1, 10))
        x = x / (x.std() + 1e-6) + rng.uniform(0.2, 1.5) * second
    return x


def tones(rng: np.random.Generator) -> FloatArray:
    """Return harmonic tones that may glide, tremble and be interrupted."""
    time = np.arange(WINDOW) / RATE
    x = np.zeros(WINDOW, np.float32)
    for _ in range(rng.integers(1, 5)):
        glide = 1 + rng.uniform(-0.3, 0.3) * time * (rng.random() < 0.4)
        vibrato = 1 + 0.01 * np.sin(2 * np.pi * rng.uniform(3, 8) * time) * (rng.random() < 0.3)
        phase = 2 * np.pi * np.cumsum(np.exp(rng.uniform(np.log(60), np.log(4_000))) * glide * vibrato) / RATE
        slope = rng.uniform(0.5, 2)
        tone = sum(np.sin(k * phase) / k**slope for k in range(1, rng.integers(2, 9)))
        x += (tone * (envelope(WINDOW, rng, rng.uniform(0.5, 8)) if rng.random() < 0.6 else 1)).astype(np.float32)
    if rng.random() < 0.3:
        x = x * (np.sin(2 * np.pi * rng.uniform(0.5, 10) * time) > 0)
    return x


def music(rng: np.random.Generator) -> FloatArray:
    """Return chords of a scale with a beat."""
    x = np.zeros(WINDOW, np.float32)
    root = rng.uniform(60, 400)
    scale = (0, 2, 4, 5, 7, 9, 11, 12) if rng.random() < 0.5 else (0, 2, 3, 5, 7, 8, 10, 12)
    step = int(RATE * rng.uniform(0.1, 0.6))
    for start in range(0, WINDOW, step):
        for _ in range(rng.integers(1, 4)):
            pitch = root * 2 ** (rng.choice(scale) / 12 + rng.integers(0, 3))
            n = min(WINDOW - start, int(step * rng.uniform(0.8, 3)))
            time = np.arange(n) / RATE
            level = np.exp(-time * rng.uniform(0.5, 8)) * np.minimum(1, time * RATE / rng.integers(20, 2_000))
            note = sum(np.sin(2 * np.pi * pitch * k * time) * rng.random() / k for k in range(1, 8))
            x[start : start + n] += (note * level).astype(np.float32)
        if rng.random() < 0.4:
            n = min(WINDOW - start, int(RATE * 0.15))
            decay = np.exp(-np.arange(n) / RATE * rng.uniform(15, 60)).astype(np.float32)
            x[start : start + n] += rng.uniform(0.2, 2) * coloured(n, rng) / 3 * decay
    return x


def clicks(rng: np.random.Generator) -> FloatArray:
    """Return bursts of noise of 4 to 150 ms."""
    x = np.zeros(WINDOW, np.float32)
    for _ in range(rng.integers(1, 25)):
        n = int(RATE * np.exp(rng.uniform(np.log(0.004), np.log(0.15))))
        start = rng.integers(0, WINDOW - n)
        burst = coloured(n, rng) * np.exp(-np.arange(n) / n * rng.uniform(2, 8)).astype(np.float32)
        if rng.random() < 0.6:
            burst = band(burst, rng, 200, 4_000, 3)
        x[start : start + n] += burst / (np.abs(burst).max() + 1e-9) * rng.uniform(0.2, 1)
    return x


def breath(rng: np.random.Generator) -> FloatArray:
    """Return noise in bands that swells like breath, is rough like a cleared throat, or bursts like a cough."""
    x = np.zeros(WINDOW, np.float32)
    start = 0
    while WINDOW - start >= 400:
        n = min(int(RATE * rng.uniform(0.15, 1.5)), WINDOW - start)
        air = band(coloured(n, rng), rng, 150, 2_500, 8)
        if rng.random() < 0.5:
            air = air + rng.uniform(0.3, 2) * band(coloured(n, rng), rng, 300, 3_000, 1.5)
        level = np.sin(np.pi * np.linspace(0, 1, n) ** rng.uniform(0.3, 2.5)) ** rng.uniform(0.5, 3)
        if rng.random() < 0.3:
            level = level * (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(15, 60) * np.arange(n) / RATE))
        if rng.random() < 0.25:
            level = np.exp(-np.arange(n) / n * rng.uniform(2, 7))
        x[start : start + n] += (air / (air.std() + 1e-9) * level * rng.uniform(0.3, 1)).astype(np.float32)
        start += n + int(RATE * rng.uniform(0, 0.8))
    return x


def babble(clips: Sequence[FloatArray], rng: np.random.Generator) -> FloatArray:
    """Return six to eleven voices at once."""
    x = np.zeros(WINDOW, np.float32)
    for index in rng.choice(len(clips), rng.integers(6, 12)):
        voice = np.resize(clips[index], max(WINDOW, len(clips[index])))
        start = rng.integers(0, len(voice) - WINDOW + 1)
        x += voice[start : start + WINDOW] / (voice.std() + 1e-6) * np.float32(rng.uniform(0.6, 1))
    return x


def piece(recording: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a window of a recording at a speed of 0.7 to 1.4."""
    if rng.random() < 0.7:
        speed = round(100 * float(np.exp(rng.uniform(np.log(0.7), np.log(1.4)))))
        recording = soxr.resample(recording, speed, 100, quality="MQ")
    if len(recording) > WINDOW:
        start = int(rng.integers(len(recording) - WINDOW + 1))
        recording = recording[start : start + WINDOW]
    return pad(recording, WINDOW)
