"""Mixed commands on random inputs, for a while: counts of tracebacks, hangs, leftovers, and growth of memory.

Usage: python benchmarks/soak.py [--seconds 3600] [--seed 0]

Each command runs in a process group and a temporary folder of its own. It must end within two minutes, with exit code
0, 1, 2, 3 or 130, without a traceback, and leave no process, no temporary file and no half-written output. Meanwhile
one long process predicts recordings; its memory at the end is compared with that after a third of the time. Exit
code 1 if anything is found.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parent.parent
_TIMEOUT_S = 120
_GROWTH_MIB = 30
_EXIT_CODES = {0, 1, 2, 3, 130}
_NAMES = ("call.wav", "two words.wav", "ünï.flac", "-dash.wav", "a'b\"c.wav", "no_suffix", "deep/er/x.ogg", "50%.mp3")
_PREDICTOR = """
import sys
from pathlib import Path
from audio_emotion import load_model
from audio_emotion.core.errors import AudioEmotionError
model = load_model()
for line in sys.stdin:
    try:
        model.predict(line.rstrip("\\n"))
    except AudioEmotionError:
        pass
    print(int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024, flush=True)
"""


def sound(rng: np.random.Generator) -> np.ndarray:
    """Return noise, tones, silence or something like syllables, of a random length, (n,) or (n, n_channels)."""
    n_samples = int(rng.choice([1, 100, 16_000, 50_000, 200_000]))
    t = np.arange(n_samples) / 16_000
    kind = rng.integers(4)
    if kind == 0:
        samples = rng.normal(0, 0.1, n_samples)
    elif kind == 1:
        samples = 0.3 * np.sin(2 * np.pi * rng.uniform(50, 3000) * t)
    elif kind == 2:
        samples = np.zeros(n_samples)
    else:
        pitch = np.cumsum(120 + 30 * np.sin(5 * t)) / 16_000
        samples = sum(np.cos(2 * np.pi * k * pitch) / k for k in range(1, 20)) * np.abs(np.sin(9 * t)) * 0.2
    return np.stack([samples, samples[::-1]], 1) if rng.random() < 0.3 else samples


def fill(folder: Path, rng: np.random.Generator) -> None:
    """Put some recordings into a folder, whole ones, damaged ones and files that are none."""
    for name in rng.choice(_NAMES, rng.integers(1, 6), replace=False):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = path.suffix[1:].upper()
        soundfile.write(path, sound(rng), int(rng.choice([8000, 16_000, 44_100])), format=suffix or "WAV")
        if rng.random() < 0.3:
            content = bytearray(path.read_bytes())
            for _ in range(20):
                content[rng.integers(len(content))] = rng.integers(256)
            path.write_bytes(content[: rng.integers(len(content)) + 1])
    if rng.random() < 0.3:
        (folder / "empty.wav").touch()


def labelled(folder: Path, rng: np.random.Generator) -> None:
    """Put recordings into folders of emotions and speakers, and a table next to them."""
    rows = ["file;label;spk"]
    for label in ("happy", "sad"):
        for speaker in ("Ann", "ben", "cyd", "dan"):
            path = folder / label / speaker / "1.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.atleast_1d(sound(rng)), 16_000)
            rows.append(f"{path.relative_to(folder)};{label};{speaker}")
    (folder / "t.csv").write_text("\r\n".join(rows), "utf-8")


def command(folder: Path, rng: np.random.Generator, pick: random.Random) -> list[str]:
    """Make inputs below a folder, and return a command on them."""
    inputs, out = folder / "in", folder / "out"
    inputs.mkdir()
    if pick.random() < 0.35:
        labelled(inputs, rng)
        source = str(pick.choice([inputs, inputs / "t.csv"]))
        return ["data", *pick.choice([
            ["check", source], ["check", source, "--json"], ["prepare", source, "--out", str(out)],
            ["features", source, "--out", str(folder / "f.csv")], ["prepare", source, "--out", str(out), "--audio"],
            ["extract-audio", str(inputs), str(out)], ["check", source, "--labels", "nine"],
        ])]  # fmt: skip
    fill(inputs, rng)
    shape = pick.choice(["text", "json", "jsonl", "csv", "srt", "rttm", "audformat", "xml"])
    (folder / "s.rttm").write_text("SPEAKER call 1 0.0 1.0 <NA> <NA> ann <NA> <NA>\n" * pick.randrange(3))
    one = str(pick.choice(sorted(path for path in inputs.rglob("*") if path.is_file())))
    return pick.choice([
        ["infer", str(inputs), "-r", "-f", shape],
        ["infer", str(inputs), "-r", "-f", shape, "--output-dir", str(out), "--jobs", "1"],
        ["infer", str(inputs), "-r", "--timeline", "--output-dir", str(out), "-f", "json", "-f", shape],
        ["infer", one, "--timeline", "--hop", str(pick.choice([0.1, 1, 0])), "-f", shape],
        ["infer", one, "--segments", str(folder / "s.rttm"), "-f", shape],
        ["infer", one, "--channels", "each", "-f", "jsonl"],
        ["infer", one, "--start", str(pick.choice([0, 1, 99])), "--end", str(pick.choice([2, 0.5, -1]))],
        ["infer", one, "--model", pick.choice(["default", "none"])],
        ["infer", "--files-from", one],
        ["explain", one, "--json"],
        ["models", "list"],
    ])  # fmt: skip


def findings(arguments: list[str], folder: Path, environment: dict[str, str]) -> list[str]:
    """Run a command and return what is wrong with how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "audio_emotion", *arguments], cwd=folder, env=environment, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    found, messages = [], ""
    try:
        _, messages = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        found.append("hang")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
        found.append("process left")
    process.wait()
    if "Traceback" in messages:
        found.append("traceback")
    if process.returncode not in _EXIT_CODES:
        found.append(f"exit code {process.returncode}")
    if list(Path(environment["TMPDIR"]).iterdir()):
        found.append("temporary file left")
    if any(path.is_file() for path in folder.rglob(".*")):
        found.append("half-written output")
    if found:
        print(f"{', '.join(found)}: {' '.join(arguments)}\n{messages[-2000:]}", file=sys.stderr)
    return found


def soak(seconds: float, seed: int, work: Path) -> Counter[str]:
    """Run commands for a while; return the number of commands and of each finding."""
    rng, pick = np.random.default_rng(seed), random.Random(seed)
    counts: Counter[str] = Counter()
    end = time.monotonic() + seconds
    predictor = subprocess.Popen([sys.executable, "-c", _PREDICTOR], cwd=ROOT, text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert predictor.stdin
    assert predictor.stdout
    memory: list[int] = []
    while time.monotonic() < end:
        folder, temporary = work / f"{counts['commands']}", work / "tmp"
        folder.mkdir()
        temporary.mkdir(exist_ok=True)
        environment = os.environ | {"TMPDIR": str(temporary), "AUDIO_EMOTION_HOME": str(work / "home"),
                                    "AUDIO_EMOTION_CACHE": str(work / "cache"), "PYTHONPATH": str(ROOT)}  # fmt: skip
        arguments = command(folder, rng, pick)
        counts["commands"] += 1
        counts[f"command {' '.join(arguments[: 2 if arguments[0] == 'data' else 1])}"] += 1
        counts.update(findings(arguments, folder, environment))
        for path in sorted(path for path in (folder / "in").rglob("*") if path.is_file()):
            predictor.stdin.write(f"{path}\n")
            predictor.stdin.flush()
            memory.append(int(predictor.stdout.readline()))
        shutil.rmtree(folder)
        shutil.rmtree(temporary)
    predictor.stdin.close()
    predictor.wait()
    if memory:
        growth = max(memory[-20:]) - max(memory[: max(1, len(memory) // 3)])
        counts["MiB grown"], counts["predictions"] = growth, len(memory)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as work:
        counts = soak(arguments.seconds, arguments.seed, Path(work))
    for name, count in sorted(counts.items()):
        print(f"{name}: {count}")
    known = {"commands", "predictions", "MiB grown"}
    bad = [name for name in counts if name not in known and not name.startswith("command ")]
    sys.exit(1 if bad or counts["MiB grown"] > _GROWTH_MIB else 0)


if __name__ == "__main__":
    main()
