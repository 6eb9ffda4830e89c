"""Kill a batch over real clips again and again, continue it, and see that nothing was lost, repeated or changed.

    AUDIO_EMOTION_DATA=DIR python benchmarks/batch_kill.py --files 10000

The inputs are links to the clips of RAVDESS speech, one in a hundred replaced by a damaged file. The batch runs as a
process of its own and is killed (SIGKILL) at random moments, then run to its end. Every clip's answer is compared to
that of scoring it alone.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from audio_emotion.batch.journal import JOURNAL
from audio_emotion.batch.run import BatchResult, run_batch
from audio_emotion.batch.scoring import default_jobs
from audio_emotion.inference.loading import load_model

TOLERANCE = 1e-5  # of a probability: a network's last bits depend on how many windows it is given at once


def damage(clip: bytes, rng: random.Random) -> bytes:
    """Return something that is no recording, in one of the ways that files go bad."""
    ways: list[Callable[[], bytes]] = [
        lambda: b"",
        lambda: clip[: rng.randrange(4, 40)],
        lambda: b"<html><title>404 Not Found</title></html>\n" * 50,
        lambda: rng.randbytes(len(clip)),
        lambda: clip[:4] + rng.randbytes(len(clip) - 4),
    ]
    return rng.choice(ways)()


def lay_out(folder: Path, clips: list[Path], n_files: int, n_bad: int, rng: random.Random) -> dict[str, Path | None]:
    """Fill ``folder`` with links and damaged files; return each one's clip, None for the damaged."""
    folder.mkdir()
    bad = set(rng.sample(range(n_files), n_bad))
    inputs: dict[str, Path | None] = {}
    for number in range(n_files):
        clip = clips[number % len(clips)]
        path = folder / f"{number:06}.flac"
        if number in bad:
            path.write_bytes(damage(clip.read_bytes(), rng))
        else:
            path.symlink_to(clip)
        inputs[str(path)] = None if number in bad else clip
    return inputs


def work(folder: Path, jobs: int) -> BatchResult:
    """Run the batch, or continue it."""
    files = sorted((folder / "in").iterdir())
    return run_batch(files, folder / "out", load_model(device="cpu"), formats=("json", "csv"), jobs=jobs)


def killed(folder: Path, jobs: int, enough: int) -> tuple[int, float]:
    """Run the batch until its journal has ``enough`` lines, kill it; return the lines and the seconds it had."""
    command = [sys.executable, __file__, "--continue", str(folder), "--jobs", str(jobs)]
    begun = time.perf_counter()
    process = subprocess.Popen(command)
    journal = folder / "out" / JOURNAL
    while process.poll() is None and n_lines(journal) < enough:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise SystemExit("the batch ended before it could be killed; use more files")
    return n_lines(journal), time.perf_counter() - begun


def n_lines(journal: Path) -> int:
    """Return how many inputs a journal holds."""
    whole = journal.read_bytes().split(b"\n")[:-1] if journal.is_file() else []
    return sum(line.startswith(b'{"path"') for line in whole)


def check(folder: Path, inputs: dict[str, Path | None]) -> tuple[list[str], float]:
    """Return what is wrong with a finished batch, and the largest difference of a score from that of the clip alone."""
    held = [json.loads(line) for line in (folder / "out" / JOURNAL).read_text("ascii").splitlines()]
    root = [line["root"] for line in held if "root" in line][-1]  # the journal's paths are below it
    lines = [line | {"path": str(Path(root, line["path"]))} for line in held if "path" in line]
    answers = {line["path"]: line["answer"] for line in lines if "answer" in line}
    times = Counter(line["path"] for line in lines)
    good = {path for path, clip in inputs.items() if clip is not None}
    failures = [json.loads(line) for line in (folder / "out" / "failures.jsonl").read_text("utf-8").splitlines()]
    results = json.loads((folder / "out" / "results.json").read_text("utf-8"))
    problems = [f"{path}: {n} lines in the journal" for path, n in times.items() if n != 1]
    problems += [f"{path}: no answer" for path in good - answers.keys()]
    problems += [f"{path}: an answer for a damaged file" for path in answers.keys() - good]
    if {failure["file"] for failure in failures} != inputs.keys() - good or len(failures) != len(inputs) - len(good):
        problems.append("failures.jsonl does not name the damaged files, each once")
    if [result["file"] for result in results] != [path for path in inputs if path in good]:
        problems.append("results.json does not hold every good file once, in order")
    problems += [f"{path}: no output" for path in good if not (folder / "out" / f"{Path(path).name}.json").is_file()]
    model, worst = load_model(device="cpu"), 0.0
    alone = {clip: model.predict(clip).scores for clip in {inputs[path] for path in good} if clip is not None}
    for path in good & answers.keys():
        scores = alone[inputs[path]]
        worst = max(
            worst, *(abs(score - scores[label]) for label, score in answers[path]["prediction"]["scores"].items())
        )
    if worst > TOLERANCE:
        problems.append(f"a score differs by {worst:.2g} from that of the clip alone")
    return problems, worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=default_jobs())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--continue", type=Path, dest="folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        work(options.folder, options.jobs)
        return
    rng = random.Random(options.seed)
    clips = sorted((Path(os.environ["AUDIO_EMOTION_DATA"]) / "ravdess-speech").rglob("*.flac"))
    folder = Path(tempfile.mkdtemp(prefix="batch-kill-"))
    try:
        inputs = lay_out(folder / "in", clips, options.files, options.files // 100, rng)
        seconds, before = 0.0, 0
        for enough in sorted(rng.randrange(options.files * 9 // 10) for _ in range(options.kills)):
            n, took_s = killed(folder, options.jobs, enough)
            print(f"killed after {took_s:.1f} s with {n} of {options.files} files in the journal", flush=True)
            if n < before:
                raise SystemExit(f"the journal lost {before - n} files")
            seconds, before = seconds + took_s, n
        begun = time.perf_counter()
        result = work(folder, options.jobs)
        took_s = time.perf_counter() - begun
        problems, worst = check(folder, inputs)
    finally:
        shutil.rmtree(folder)
    print(f"finished in {took_s:.1f} s: {result.done} done, {result.skipped} skipped, {len(result.failed)} failed")
    print(f"{result.done / took_s:.0f} files/s in the last run, start included; {seconds + took_s:.0f} s in all runs")
    print(f"largest difference of a score from that of the clip alone: {worst:.2g}")
    if problems:
        raise SystemExit("\n".join(problems))
    print(f"every good file scored once, every bad one named ({options.files}, {options.kills} kills)")


if __name__ == "__main__":
    main()
