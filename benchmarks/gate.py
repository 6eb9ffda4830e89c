"""How many recordings of speech the gate lets pass, how many windows of noise, hum and tones, and what it costs.

Usage: python benchmarks/gate.py FOLDER [EVERY]   (every recording below FOLDER, or every EVERYth)
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from audio_emotion import audio
from audio_emotion.audio import vad
from audio_emotion.audio.find import expand
from audio_emotion.audio.windows import windows_of
from audio_emotion.core.types import FloatArray

RATE, WINDOW = 16_000, 48_000


def renderings(samples: FloatArray, rng: np.random.Generator) -> Iterator[tuple[str, FloatArray]]:
    power, noise = float(np.square(samples).mean()), rng.standard_normal(len(samples), np.float32)
    yield "as recorded", samples
    yield "+6 dB, clipped at full scale", np.clip(2 * samples, -1, 1)
    yield "-6 dB", samples / 2
    yield "quiet: peak at -50 dBFS, 16-bit", np.round(samples * (0.00316 / np.abs(samples).max()) * 32768) / 32768
    for snr_db in (20, 10, 5, 0):
        yield f"white noise at {snr_db} dB", samples + noise * np.float32(np.sqrt(power / 10 ** (snr_db / 10)))
    yield "pink noise at 10 dB", samples + coloured(rng, len(samples), 0.5) * np.float32(np.sqrt(power / 10))


def coloured(rng: np.random.Generator, n_samples: int, slope: float) -> FloatArray:
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    spectrum /= np.maximum(np.fft.rfftfreq(n_samples, 1 / RATE), 20) ** slope
    noise = np.fft.irfft(spectrum, n_samples)
    return np.asarray(noise / noise.std(), np.float32)


def no_speech(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    n = int(RATE * rng.choice([0.3, 0.5, 1, 2, 3, 5, 10]))
    t, level = np.arange(n) / RATE, 10 ** rng.uniform(-3, -0.5)
    yield "digital silence", np.zeros(n)
    yield "16-bit dither", np.round(rng.uniform(-1, 1, n)) / 32768
    for name, slope in (("white", 0.0), ("pink", 0.5), ("brown", 1.0)):
        yield f"{name} noise", level * coloured(rng, n, slope)
    yield "white noise, 16-bit", np.round(level * rng.standard_normal(n) * 32768) / 32768
    yield "noise after silence", np.concatenate([np.zeros(n), level * rng.standard_normal(n)])
    yield "noise fading in", np.linspace(0, 1, n) * level * rng.standard_normal(n)
    f0 = rng.choice([50, 60]) * rng.uniform(0.998, 1.002)
    hum = sum(np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6)) * rng.uniform(0, 1) / k for k in range(1, 16))
    yield "hum", level * hum
    yield "hum, pure", level * np.sin(2 * np.pi * f0 * t)
    yield "hum in noise", level * hum + 10 ** rng.uniform(-2, -0.5) * level * rng.standard_normal(n)
    f = rng.uniform(80, 4000)
    yield "tone", level * np.sin(2 * np.pi * f * t)
    yield "tone in noise", level * (np.sin(2 * np.pi * f * t) + 10 ** rng.uniform(-3, 0) * rng.standard_normal(n))
    yield "tone, beginning and ending", level * np.sin(2 * np.pi * f * t) * (np.abs(t - t[n // 2]) < t[-1] / 4)
    yield "three tones", level * sum(np.sin(2 * np.pi * rng.uniform(80, 4000) * t) for _ in range(3))
    yield "sawtooth", level * (f * t % 1 - 0.5)


def main() -> None:
    folder, every = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    rng = np.random.default_rng(0)
    asked, passed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for path in expand([folder], recursive=True)[::every]:
        samples = audio.load(path, RATE).samples
        for rendering, sound in renderings(samples, rng):
            key = (rendering, path.relative_to(folder).parts[0])
            asked[key] += 1
            passed[key] += bool(vad.speech_mask(windows_of(sound, WINDOW), RATE).any())
    for key in sorted(asked):
        print(f"speech\t{key[0]}\t{key[1]}\t{passed[key]} of {asked[key]}\t{100 * passed[key] / asked[key]:.2f} %")
    for _ in range(300):
        for name, sound in no_speech(rng):
            windows = windows_of(np.asarray(sound, np.float32), WINDOW)
            asked["none", name] += len(windows)
            passed["none", name] += int(vad.speech_mask(windows, RATE).sum())
    for key in [key for key in asked if key[0] == "none"]:
        print(f"no speech\t{key[1]}\t{passed[key]} of {asked[key]} windows let pass")
    window = windows_of(0.1 * coloured(rng, 10 * RATE, 0.5), WINDOW)[:1]
    began = time.perf_counter()
    for _ in range(500):
        vad.speech_mask(window, RATE)
    print(f"cost\t{(time.perf_counter() - began) * 2:.3f} ms for a window of 3 s")


if __name__ == "__main__":
    main()
