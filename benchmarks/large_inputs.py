"""How soon `infer` answers when there are very many recordings, and how much memory it needs.

    python -m benchmarks.large_inputs [--files 200000] [--names 1000000] [--seconds 20]

Makes a folder of very short recordings (hard links to a few) and a list of names, runs ``infer`` on each for some
seconds, and prints the seconds to the first answer and the peak memory of the process, as JSON.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

RATE = 16_000
LINKS = 10_000  # to one file: file systems allow some tens of thousands


def make_folder(folder: Path, n_files: int) -> None:
    """Fill a folder with recordings of half a second."""
    noise = np.random.default_rng(0).integers(-3000, 3000, RATE // 2).astype("<i2").tobytes()
    for number in range(n_files):
        path = folder / f"recording-{number:07}.wav"
        if number % LINKS == 0:
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, RATE, 0, "NONE", ""))
                file.writeframes(noise)
            original = path
        else:
            os.link(original, path)


def measure(arguments: list[str], seconds: float) -> dict[str, float]:
    """Run ``infer``, stop it after some seconds, and return when it answered first, and its peak memory."""
    began = time.monotonic()
    command = [sys.executable, "-m", "audio_emotion", "infer", *arguments, "--format", "jsonl", "--quiet"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        while not os.fstat(output.fileno()).st_size and process.poll() is None:
            time.sleep(0.02)
        first = time.monotonic() - began
        time.sleep(max(0.0, seconds - first))
        peak_kib = int(Path(f"/proc/{process.pid}/status").read_text().split("VmHWM:")[1].split()[0])
        process.send_signal(signal.SIGINT)
        process.wait()
        output.seek(0)
        n_lines = output.read().count(b"\n")
    return {"first_answer_s": round(first, 2), "peak_mib": round(peak_kib / 1024), "answers": n_lines}


def main() -> None:
    """Measure a folder, and a list of names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=200_000, metavar="N")
    parser.add_argument("--names", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--seconds", type=float, default=20, metavar="S")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "recordings")
        folder.mkdir()
        make_folder(folder, options.files)
        names = Path(temporary, "names.txt")
        with names.open("w") as file:
            file.writelines(f"{folder}/recording-{n % options.files:07}.wav\n" for n in range(options.names))
        results = {
            f"a folder of {options.files} files": measure([str(folder)], options.seconds),
            f"a list of {options.names} names": measure(["--files-from", str(names)], options.seconds),
        }
    results["load average"] = {"1 min": round(os.getloadavg()[0], 2)}
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
