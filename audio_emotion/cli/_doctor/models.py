"""Checks of models: checksums, and a prediction from a cold start."""

import json
import os
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audio_emotion.cli._doctor.findings import Finding
from audio_emotion.core import paths
from audio_emotion.core.errors import AudioEmotionError, ModelError, NoHomeError
from audio_emotion.models import checkpoint

REINSTALL = "pip install --force-reinstall --no-deps audio-emotion"

_RATE = 16_000
_COLD_LIMIT_S = 120.0
_SLOW_S = 5.0


def examine_models() -> Iterator[Finding]:
    """Read every available model as ``infer`` does."""
    try:
        default = checkpoint.default_model()
    except ModelError as error:
        default = checkpoint.DEFAULT
        fix = "audio-emotion models default default"
        yield Finding("models", "chosen", "fail", str(error), fix, needed=True)
    for name in checkpoint.stored():
        yield _model(name, needed=name == default)
    try:
        folder = paths.models_dir()
    except NoHomeError:  # what examines folders reports it
        return
    strange = sorted(set(_names(folder)) - set(checkpoint.stored()))
    if strange:
        message = f"in {paths.display_path(folder)}, not models: {', '.join(map(paths.display_path, strange))}"
        yield Finding("models", "others", "note", message, "move or remove them")


def _model(name: str, needed: bool) -> Finding:
    folder = checkpoint.find(name)
    taken = ", the default model" if needed else ""
    try:
        config = checkpoint.read(folder)
    except ModelError as error:
        again = "train or pull it again, or run: audio-emotion models remove " + name
        fix = REINSTALL if name in checkpoint.BUNDLED else again
        return Finding("models", name, "fail", f"{name}: {error}{taken}", fix, needed)
    size = sum((folder / file).stat().st_size for file in config.weight_files) / 2**20
    message = f"{name}: {config.architecture}, {size:.1f} MiB, checksums match{taken}"
    return Finding("models", name, "ok", message, needed=needed)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []


# --- the self-test ----------------------------------------------------------------------------------------------------


def self_test() -> tuple[list[Finding], dict[str, float]]:
    """Predict a synthetic recording in a new process and in this one; return the findings and the seconds."""
    try:
        temporary = tempfile.TemporaryDirectory()
    except OSError:
        message = "skipped, because there is no folder for temporary files"
        return [Finding("self-test", "infer", "note", message, "mount a writable /tmp, or set TMPDIR")], {}
    with temporary as folder:
        sound = Path(folder) / "doctor.wav"
        write_voice(sound)
        try:
            cold_s, cold = _cold(sound)
            warm_s, warm = _warm(sound)
        except (AudioEmotionError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            message = f"a synthetic recording could not be predicted: {' '.join(str(error).split())}"
            return [_failed(message)], {}
    difference = max(abs(cold[label] - warm.get(label, 9.0)) for label in cold)
    if difference > 1e-3 or abs(sum(cold.values()) - 1) > 1e-3:
        message = f"predictions of one synthetic recording differ: {cold}, then {warm}"
        return [_failed(message)], {}
    label = max(cold, key=lambda name: cold[name])
    message = (
        f"predicted a synthetic recording ({label}): {cold_s:.2f} s from a cold start, {1000 * warm_s:.0f} ms loaded"
    )
    timings = {"cold": round(cold_s, 3), "warm": round(warm_s, 4)}
    if cold_s > _SLOW_S:
        fix = "check whether the machine is busy or its disk is slow; audio-emotion infer FILE -v shows the times"
        return [Finding("self-test", "infer", "note", message, fix, needed=True)], timings
    return [Finding("self-test", "infer", "ok", message, needed=True)], timings


def _failed(message: str) -> Finding:
    fix = f"fix what failed above, if anything did; else {REINSTALL}"
    return Finding("self-test", "infer", "fail", message, fix, needed=True)


def _cold(sound: Path) -> tuple[float, dict[str, float]]:
    """Run ``infer`` as a command; return seconds and scores."""
    here = str(Path(__file__).parents[2])
    search = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    began = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-m", "audio_emotion", "infer", str(sound), "--json", "--quiet"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": search},
        timeout=_COLD_LIMIT_S,
        check=False,
    )
    seconds = time.monotonic() - began
    if process.returncode:
        lines = process.stderr.strip().splitlines() or ["no message"]
        raise ValueError(f"infer exited with {process.returncode}: {lines[-1]}")
    answer: dict[str, Any] = json.loads(process.stdout)
    return seconds, answer["scores"]


def _warm(sound: Path) -> tuple[float, dict[str, float]]:
    """Return the seconds and scores of the second prediction of a loaded model."""
    from audio_emotion.inference.loading import load_model

    model = load_model(checkpoint.default_model())
    model.predict(sound)
    began = time.monotonic()
    prediction = model.predict(sound)
    return time.monotonic() - began, dict(prediction.scores)


def write_voice(path: Path, seconds: float = 2.0) -> None:
    """Write a buzz whose pitch, two resonances and loudness vary like a voice, so that the level gate accepts it."""
    import numpy as np

    t = np.arange(round(seconds * _RATE)) / _RATE
    phase = np.cumsum(2 * np.pi * 125 * (1 + 0.2 * np.sin(2 * np.pi * 2.3 * t)) / _RATE)
    first, second = 550 + 300 * np.sin(2 * np.pi * 3.1 * t), 1700 + 700 * np.sin(2 * np.pi * 2.1 * t)
    sound = np.zeros_like(t)
    for k in range(1, 30):
        weight = np.exp(-(((125 * k - first) / 150) ** 2)) + 0.5 * np.exp(-(((125 * k - second) / 250) ** 2))
        sound += weight * np.cos(k * phase)
    sound *= np.sin(2 * np.pi * 1.7 * t) ** 2
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes((0.3 * 32767 * sound / np.abs(sound).max()).astype("<i2").tobytes())
