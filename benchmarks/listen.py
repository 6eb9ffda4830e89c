"""How soon `listen` answers, what it costs, and whether it loses sound; writes benchmarks/listen.json.

    PYTHONPATH=. python benchmarks/listen.py --seconds 75      # each of two runs; 600 for ten minutes

PulseAudio runs without a sound card: its microphone is a pipe into which the samples of `inference/samples` are
written, block by block when they would have been spoken, and `listen` hears them through PortAudio. Two runs: the
lines of `--jsonl`, timed from outside, from when the end of a window was written to when its line can be read; and
the view in a terminal of its own, timed by itself until the bars are drawn.
"""

import argparse
import json
import os
import platform
import pty
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import soundfile

from tests import pulse

ROOT = Path(__file__).parent.parent
RATE = 16_000
BLOCK = RATE // 50
BEHIND_S = 1.25  # of a window of 3 s, behind its segment, at a hop of 0.5 s
COMMAND = [sys.executable, "-m", "audio_emotion", "listen", "--device", "cpu"]
MICROPHONE = """load-module module-pipe-source source_name=mic file={pipe} rate=16000 channels=1 format=s16le
set-default-source mic"""


def speech(seconds: float) -> np.ndarray:
    """The samples one after the other with pauses of half a second, again and again, after a burst of noise."""
    clips = [soundfile.read(path, dtype="int16")[0] for path in sorted((ROOT / "inference/samples").glob("*.wav"))]
    pause = np.zeros(RATE // 2, np.int16)
    once = np.concatenate([part for clip in clips for part in (clip, pause)])
    burst = np.random.default_rng(0).integers(-20_000, 20_000, RATE // 10).astype(np.int16)
    return np.concatenate([burst, pause, np.resize(once, round(seconds * RATE))])


class Speaker:
    """Writes into the microphone's pipe, 20 ms when they are over: silence, or what it is to say."""

    def __init__(self, pipe: Path) -> None:
        self._pipe, self._done = pipe, threading.Event()
        self._sounds: SimpleQueue[np.ndarray] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def say(self, sound: np.ndarray) -> float:
        """Return when the first sample sounded, once all is said."""
        self._done.clear()
        self._sounds.put(sound)
        self._done.wait()
        return self._began

    def _run(self) -> None:
        due = time.monotonic()
        with suppress(BrokenPipeError), self._pipe.open("wb", buffering=0) as pipe:
            while True:
                sound = np.empty(0, np.int16) if self._sounds.empty() else self._sounds.get()
                if len(sound):
                    self._began = due
                for start in range(0, max(1, len(sound)), BLOCK):
                    due += BLOCK / RATE
                    time.sleep(max(0.0, due - time.monotonic()))
                    pipe.write(sound[start : start + BLOCK].tobytes().ljust(2 * BLOCK, b"\0"))
                if len(sound):
                    self._done.set()


def percentiles(seconds: list[float]) -> dict[str, float]:
    in_order = sorted(1000 * value for value in seconds)
    return {
        "median_ms": round(statistics.median(in_order)),
        "max_ms": round(in_order[-1]),
        "p95_ms": round(in_order[int(0.95 * len(in_order))]),
    }


def told(text: str) -> dict[str, object]:
    """What the summary says."""
    latency = re.search(
        r"answer (\d+) ms beyond the hop \(95% within (\d+) ms\); (no|\d+) overflows?, ([\d.]+) s lost", text
    )
    heard = re.search(r"([\d.]+) s heard, (\d+) answers", text)
    assert latency, text
    assert heard, text
    return {
        "heard_s": float(heard[1]),
        "answers": int(heard[2]),
        "told_median_ms": int(latency[1]),
        "told_p95_ms": int(latency[2]),
        "overflows": 0 if latency[3] == "no" else int(latency[3]),
        "lost_s": float(latency[4]),
    }


def end(process: subprocess.Popen[bytes], began: float) -> dict[str, float]:
    """End a process as Ctrl-C does; return its share of one core, its start included, and its memory."""
    status = Path(f"/proc/{process.pid}/status").read_text()  # what wait4 says of memory may be the parent's
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak
    process.send_signal(signal.SIGINT)
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    assert process.returncode == 0, f"ended with {process.returncode}"
    cpu = (usage.ru_utime + usage.ru_stime) / (time.monotonic() - began)
    return {"cpu_of_one_core": round(cpu, 3), "peak_MiB": round(int(peak[1]) / 1024)}


def as_lines(speaker: Speaker, seconds: float, folder: Path, environment: dict[str, str]) -> dict[str, object]:
    """Time the lines of ``--jsonl`` against the sound that they are about."""
    recording, errors = folder / "session.wav", folder / "errors"
    began, arrived = time.monotonic(), []
    with errors.open("wb") as stderr:
        command = [*COMMAND, "--jsonl", "--record", str(recording)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment)
    while b"listening" not in errors.read_bytes():
        time.sleep(0.05)

    def read() -> None:
        assert process.stdout is not None
        arrived.extend((json.loads(line)["end"], time.monotonic()) for line in process.stdout)

    reader = threading.Thread(target=read)
    reader.start()
    spoken = speaker.say(speech(seconds))
    cost = end(process, began)
    reader.join()
    sound, rate = soundfile.read(recording)
    onset = int(np.flatnonzero(np.abs(sound) > 0.1)[0]) / rate  # the burst, which was spoken first
    late = [at - (spoken + end + BEHIND_S - onset) for end, at in arrived[:-1] if end + BEHIND_S > onset]
    return {"sound_to_line": percentiles(late), **told(errors.read_text("utf-8")), **cost}


def as_view(speaker: Speaker, seconds: float, environment: dict[str, str]) -> dict[str, object]:
    """Let the view draw into a terminal, and take what it says of itself at the end."""
    ours, theirs = pty.openpty()
    began, shown = time.monotonic(), []
    process = subprocess.Popen(
        COMMAND,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "xterm-256color", "COLUMNS": "90"},
    )
    os.close(theirs)

    def read() -> None:
        try:
            while content := os.read(ours, 65_536):
                shown.append(content)
                del shown[:-100]
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    time.sleep(5.0)  # until it listens
    speaker.say(speech(seconds))
    cost = end(process, began)
    reader.join()
    return {**told(b"".join(shown).decode("utf-8", "replace")), **cost}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=75.0)
    parser.add_argument("--only", choices=["lines", "view"], help="one of the two runs; the other's figures stay")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "listen.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, pipe = Path(name), Path(name) / "pipe"
        found: dict[str, object] = {}
        with pulse.server(folder, MICROPHONE.format(pipe=pipe)) as places:
            environment, speaker = places | {"PYTHONPATH": str(ROOT)}, Speaker(pipe)
            for run in [given.only] if given.only else ["lines", "view"]:
                before = os.getloadavg()[0]
                if run == "lines":
                    result = as_lines(speaker, given.seconds, folder, environment)
                else:
                    result = as_view(speaker, given.seconds, environment)
                found[run] = result | {"load_average": [round(before, 1), round(os.getloadavg()[0], 1)]}
    record = json.loads(given.output.read_text("utf-8")) if given.output.exists() else {}
    record |= {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, busy with other work",
        "python": platform.python_version(),
        **found,
    }
    text = json.dumps(record, indent=1)
    given.output.write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
