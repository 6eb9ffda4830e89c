"""How long one answer takes from a cold start, beside the seeds' way; writes benchmarks/cold_start.json.

    python benchmarks/cold_start.py

Whole processes, run in turn, so that a change of the machine's speed meets both; medians and the ratio pair by pair.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "inference" / "samples" / "happy.wav"
RUNS = 11
COMMANDS = {
    "infer": [sys.executable, "-m", "audio_emotion", "infer", str(SAMPLE), "--device", "cpu"],
    "seed_way": [sys.executable, str(ROOT / "benchmarks" / "seed_way.py"), str(SAMPLE)],
    "help": [sys.executable, "-m", "audio_emotion", "--help"],
}


def measure(command: list[str]) -> tuple[float, float]:
    """Return wall seconds and peak MiB of one process."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT.parent
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return time.perf_counter() - began, usage.ru_maxrss / unit


def main() -> None:
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for turn in range(RUNS + 1):
        for name, command in COMMANDS.items():
            result = measure(command)
            if turn:  # the first turn warms the disk cache
                runs[name].append(result)
    record: dict[str, object] = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "runs": RUNS,
    }
    for name, results in runs.items():
        record[name] = {
            "median_s": round(statistics.median(seconds for seconds, _ in results), 3),
            "min_s": round(min(seconds for seconds, _ in results), 3),
            "max_s": round(max(seconds for seconds, _ in results), 3),
            "peak_MiB": round(max(mib for _, mib in results)),
        }
    pairs = zip(runs["seed_way"], runs["infer"], strict=True)
    record["ratio_seed_way_to_infer"] = round(statistics.median(a[0] / b[0] for a, b in pairs), 1)
    text = json.dumps(record, indent=1)
    (ROOT / "benchmarks" / "cold_start.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
