"""Try what the package is for on made sounds, in a scratch folder: `python smoke_test.py`. Needs the package alone."""

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
SPEAKERS, LABELS, TAKES = ("anna", "ben", "carla", "dora"), ("neutral", "happy", "angry"), 2
SHOWN = ("torch", "numpy", "onnxruntime", "onnx", "onnxscript", "librosa", "scikit-learn", "accelerate", "typer", "av")


def main() -> None:
    """Run one command after the other; the first that fails ends it."""
    print(", ".join(f"{name} {version(name)}" for name in SHOWN))
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        os.environ |= {"AUDIO_EMOTION_HOME": str(Path(scratch) / "home"), "AUDIO_EMOTION_CACHE": scratch}
        rng = np.random.default_rng(0)
        for label in LABELS:
            for speaker in SPEAKERS:
                for take in range(TAKES):
                    path = Path("recordings", label, speaker, f"{take}.wav")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    soundfile.write(path, _sound(rng, 100 + 50 * LABELS.index(label)), RATE)
        soundfile.write("new.flac", _sound(rng, 150), RATE)
        answer = json.loads(_run("infer", "new.flac", "--json", "--device", "cpu"))
        assert len(answer["scores"]) == 8, answer
        _run("infer", "new.flac", "--timeline", "--format", "srt", "--plot", "new.png")
        _run("infer", "recordings", "--recursive", "--output-dir", "out", "--format", "csv")
        _run("data", "check", "recordings")
        _run("train", "--data", "recordings", "--labels", ",".join(LABELS), "--name", "mine", "--epochs", "2")
        _run("infer", "new.flac", "--model", "mine", "--backend", "torch")
        _run("evaluate", "recordings", "--model", "mine", "--html", "report.html")
    print("all good")


def _sound(rng: np.random.Generator, pitch_hz: float) -> np.ndarray:
    """Return two seconds that pass for a voice: harmonics whose level comes and goes."""
    t = np.arange(2 * RATE) / RATE
    voiced = sum(np.sin(2 * np.pi * k * pitch_hz * t) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, 1)
    return 0.1 * syllables * voiced + 0.001 * rng.standard_normal(len(t))


def _run(*arguments: str) -> str:
    print("$ audio-emotion", *arguments, flush=True)
    command = [sys.executable, "-m", "audio_emotion", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"exit code {result.returncode}\n{result.stderr}")
    return result.stdout


if __name__ == "__main__":
    main()
