import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from tests.sounds import RATE, voice

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests half an hour; the others have the five minutes of ``pyproject.toml``."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))


# librosa's compiled functions are cached beside it; two processes that first write there at once leave a cache that
# crashes whoever loads it. So each of the test processes has a cache of its own.
if WORKER := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".pytest_cache" / f"numba-{WORKER}")


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


@pytest.fixture
def make_ravdess() -> Callable[..., Path]:
    """Write a small corpus with RAVDESS's names: ``actors`` with all eight emotions, ``takes`` of each."""

    def make(folder: Path, actors: int = 4, takes: int = 1, seconds: float = 0.6) -> Path:
        for actor in range(1, actors + 1):
            for emotion in range(1, 9):
                for take in range(1, takes + 1):
                    path = folder / f"Actor_{actor:02}" / f"03-01-{emotion:02}-01-01-{take:02}-{actor:02}.wav"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    samples = voice(seconds, seed=100 * actor + 10 * emotion + take, pitch_hz=80.0 + 20 * emotion)
                    soundfile.write(path, samples, RATE)
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
