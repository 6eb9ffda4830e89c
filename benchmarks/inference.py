"""How fast recordings are answered, beside the seeds' way, and what bounds it; writes benchmarks/inference.json.

    AUDIO_EMOTION_DATA=DIR python benchmarks/inference.py             # everything but the longest, some ten minutes
    AUDIO_EMOTION_DATA=DIR python benchmarks/inference.py --full      # 10,000 files and 10 hours too

The recordings are RAVDESS speech (1,200 clips in 20 folders). Both ways are loaded before the clock starts and take
turns, a tenth of the clips at a time, so that a change of the machine's speed meets both. Timings of the parts are
CPU seconds of one thread; everything else is wall time with the machine's own number of threads.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import seed_way
import soundfile
import torch

import audio_emotion
from audio_emotion import audio
from audio_emotion.audio import vad
from audio_emotion.audio.windows import BATCH, windows_of
from audio_emotion.inference.model import Model

ROOT = Path(__file__).parent.parent
RATE = 16_000


def clips() -> list[Path]:
    folder = Path(os.environ["AUDIO_EMOTION_DATA"]) / "ravdess-speech"
    return sorted(folder.glob("Actor_*/*.flac"))


def beside_the_seeds(model: Model, files: Sequence[Path]) -> dict[str, object]:
    """Answer every clip in both ways, in turns."""
    network, config = seed_way.load()
    ours, theirs = [], []
    for part in range(10):
        some = files[part::10]
        time.sleep(0.5)  # torch's threads spin for a while after their last work
        began = time.perf_counter()
        said = [(path, answer) for path, answer in model.predict_files(some)]
        assert len(said) == len(some)
        ours.append((time.perf_counter() - began) / len(some))
        began = time.perf_counter()
        with torch.no_grad():
            for path in some:
                batch = torch.from_numpy(seed_way.features(seed_way.window(str(path), config), config)[None])
                network.network(network.network.normalise(batch))
        theirs.append((time.perf_counter() - began) / len(some))
    return {
        "clips": len(files),
        "ours_ms": round(1e3 * statistics.median(ours), 2),
        "seed_way_ms": round(1e3 * statistics.median(theirs), 2),
        "ratio": round(statistics.median(a / b for a, b in zip(theirs, ours, strict=True)), 1),
        "times_real_time": round(seconds_of(files) / len(files) / statistics.median(ours)),
    }


def seconds_of(files: Sequence[Path]) -> float:
    return sum(soundfile.info(path).duration for path in files)


def parts(model: Model, files: Sequence[Path]) -> dict[str, float]:
    """CPU milliseconds a clip of each part of the way, one after the other."""

    def each(function: Callable[[], object]) -> float:
        began = time.process_time()
        function()
        return round(1e3 * (time.process_time() - began) / len(files), 3)

    found: dict[str, float] = {}
    sounds = []
    found["decode"] = each(lambda: sounds.extend(audio.load(path, RATE).samples for path in files))
    windows = []
    found["trim_and_cut"] = each(lambda: windows.extend(windows_of(samples, 3 * RATE) for samples in sounds))
    stacked = np.concatenate(windows)
    found["gate"] = each(lambda: vad.speech_mask(stacked, RATE))
    found["network"] = each(
        lambda: [model.runtime.logits(stacked[i : i + BATCH]) for i in range(0, len(stacked), BATCH)]
    )
    found["windows_a_clip"] = round(len(stacked) / len(files), 2)
    return found


def recording(path: Path, files: Sequence[Path], seconds: float) -> Path:
    """Write a recording as long as asked, clips one after another with a pause between."""
    pause = np.zeros(RATE // 2, np.float32)
    with soundfile.SoundFile(path, "w", RATE, 1, format="FLAC") as file:
        left = round(seconds * RATE)
        for clip in itertools.cycle(files):
            samples = np.concatenate([soundfile.read(clip, dtype="float32")[0], pause])[:left]
            file.write(samples)
            left -= len(samples)
            if not left:
                return path
    raise AssertionError


# A process's peak begins at that of the one it is forked from, so a small one starts it and looks.
WATCH = """
import resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
seconds = time.perf_counter() - began
print(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))
"""


def command(*arguments: str) -> dict[str, float]:
    """Run the command line in a process of its own; return its wall seconds and peak MiB."""
    infer = [sys.executable, "-m", "audio_emotion", "infer", *arguments, "--device", "cpu"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", WATCH, *infer], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    seconds, peak = map(float, told.stdout.split())
    return {"seconds": round(seconds, 2), "peak_MiB": round(peak)}


def timelines(files: Sequence[Path], hours: Sequence[float]) -> dict[str, dict[str, float]]:
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for length in hours:
            path = recording(Path(folder) / "long.flac", files, 3600 * length)
            measured[f"{60 * length:g} min"] = command(str(path), "--timeline", "--format", "jsonl")
    return measured


def batches(files: Sequence[Path], sizes: Sequence[int]) -> dict[str, dict[str, float]]:
    """Score folders of links to the clips."""
    measured = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            inputs = Path(folder, "in")
            inputs.mkdir()
            for number, clip in zip(range(size), itertools.cycle(files), strict=False):
                (inputs / f"{number:05}{clip.suffix}").symlink_to(clip)
            measured[str(size)] = command(str(inputs), "--output-dir", str(Path(folder, "out")))
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    full = parser.parse_args().full
    torch.set_num_threads(os.cpu_count() or 1)
    model, files = audio_emotion.load_model(device="cpu"), clips()
    record: dict[str, object] = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "model": model.config.name,
        "clips": beside_the_seeds(model, files),
        "cpu_ms_a_clip": parts(model, files[::4]),
        "timeline": timelines(files, [1 / 60, 1 / 6, 1, *([10] if full else [])]),
        "batch": batches(files, [10, 100, 1_000, *([10_000] if full else [])]),
        "peak_MiB_of_this_process": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10),
    }
    text = json.dumps(record, indent=1)
    (ROOT / "benchmarks" / "inference.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
