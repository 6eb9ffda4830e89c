import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parent.parent
SAMPLING_RATE = 16_000


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; tests that ask for it carry the mark ``realdata``."""
    folder = Path(os.environ.get("AUDIO_EMOTION_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "ravdess-speech").is_dir():
        pytest.skip(f"needs real recordings: {folder} has no ravdess-speech (set AUDIO_EMOTION_DATA)")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of our own: no stored model, no downloaded corpus."""
    folder = tmp_path / "home"
    monkeypatch.setenv("AUDIO_EMOTION_HOME", str(folder))
    monkeypatch.setenv("AUDIO_EMOTION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUDIO_EMOTION_DATA", raising=False)
    return folder


def voice(seconds: float, pitch_hz: float = 150.0, seed: int = 0) -> np.ndarray:
    """Something like speech: a harmonic tone in syllables, with a little noise. (n_samples,) float32."""
    time = np.arange(round(seconds * SAMPLING_RATE)) / SAMPLING_RATE
    vibrato = 1 + 0.03 * np.sin(2 * np.pi * 5 * time)
    phase = 2 * np.pi * np.cumsum(pitch_hz * vibrato) / SAMPLING_RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 2.0 * time), 0, None)
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (0.1 * tone * syllables + 1e-4 * noise).astype(np.float32)


@pytest.fixture
def make_ravdess() -> Callable[..., Path]:
    """Write a small corpus with RAVDESS's names: ``actors`` with all eight emotions, ``takes`` of each."""

    def make(folder: Path, actors: int = 4, takes: int = 1, seconds: float = 0.6) -> Path:
        for actor in range(1, actors + 1):
            for emotion in range(1, 9):
                for take in range(1, takes + 1):
                    path = folder / f"Actor_{actor:02}" / f"03-01-{emotion:02}-01-01-{take:02}-{actor:02}.wav"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    samples = voice(seconds, 80.0 + 30 * emotion + 3 * actor, seed=100 * actor + 10 * emotion + take)
                    soundfile.write(path, samples, SAMPLING_RATE)
        return folder

    return make


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line as a user does, in a process and a folder of its own."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "audio_emotion", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            timeout=300,
            check=False,
        )

    return run
