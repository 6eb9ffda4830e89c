"""How fast an archive is on Ray beside the batch of one machine, and what a million hours would take.

    AUDIO_EMOTION_DATA=DIR python benchmarks/cluster.py             # writes benchmarks/cluster.json
    python benchmarks/cluster.py --reckon --price 0.20 --cores 16   # nodes, hours and cost from that record

Both read the same clips of RAVDESS speech on this machine, in turns, each with a decode worker for each two cores. The
rate is that from the first answers to the last: starting a cluster takes some seconds, once. Processor time is that of
all processes, decode workers and Ray's own included; on a machine that has other work it says more than the wall's.
Linux only: times come from /proc.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ray

from audio_emotion.batch.cluster import engine
from audio_emotion.batch.cluster.actor import Job
from audio_emotion.batch.cluster.partitions import SIZE
from audio_emotion.batch.run import Progress, run_batch
from audio_emotion.inference.backends import cores
from audio_emotion.inference.loading import load_model

RECORD = Path(__file__).with_suffix(".json")
HOURS = 1_000_000
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Watch:
    """Notes how far a batch is, and when."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int, float]] = []

    def __call__(self, progress: Progress) -> None:
        """Take what a batch says of itself."""
        if progress.done:
            self._seen.append((time.perf_counter(), progress.done, progress.sound_s))

    def rates(self) -> tuple[float, float]:
        """Return files and seconds of sound for each second from the first answers to the last."""
        (began, n_first, s_first), (ended, n_last, s_last) = self._seen[0], self._seen[-1]
        return (n_last - n_first) / (ended - began), (s_last - s_first) / (ended - began)


class Meter:
    """Adds up the processor time of this process and all below it, those that end meanwhile included."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._times: dict[int, float] = {}
        self._actors: list[float] = []
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Meter":
        self._before = _times()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._times |= _times()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            times = _times()
            self._times |= times
            if actors := sum(map(_actor_mib, times)):
                self._actors.append(actors)

    def seconds(self) -> float:
        """Return what was used between the block's begin and its end."""
        return sum(time_s - self._before.get(process, 0.0) for process, time_s in self._times.items())

    def actors_mib(self) -> dict[str, float]:
        """Return what Ray's actors held, in MiB: the median in the middle third of the time, and in the last."""
        third = len(self._actors) // 3
        parts = {"actors_middle_MiB": self._actors[third : 2 * third], "actors_end_MiB": self._actors[2 * third :]}
        return {name: statistics.median(part) for name, part in parts.items() if part}


def _actor_mib(process: int) -> float:
    """Return the resident memory of a process if it is an actor of Ray Data, else 0."""
    try:
        folder = Path("/proc") / str(process)
        if not folder.joinpath("cmdline").read_bytes().startswith(b"ray::MapWorker"):
            return 0.0
        return int(folder.joinpath("statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:  # it has ended
        return 0.0


def _times() -> dict[int, float]:
    """Return the processor time so far of this process and each below it, in seconds."""
    parents, times = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(path.parent.name)] = int(fields[1])
        times[int(path.parent.name)] = sum(map(int, fields[11:13])) / _TICKS
    ours = {os.getpid()}
    while more := {one for one, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return {one: times[one] for one in ours}


def measured(work: Callable[..., object]) -> dict[str, float]:
    """Run a batch; return its rates and its processor time."""
    watch, began = Watch(), time.perf_counter()
    with Meter() as meter:
        work(progress=watch)
    files, sound = watch.rates()
    took_s = time.perf_counter() - began
    rates = {"files_per_s": files, "sound_s_per_s": sound, "whole_s": took_s}
    return {**rates, "processor_s": meter.seconds(), **meter.actors_mib()}


def compare(clips: list[str], runs: int, size: int) -> dict[str, Any]:
    """Answer the clips by both engines, in turns; return what was measured."""
    os.environ |= {"RAY_worker_niceness": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    began = time.perf_counter()
    ray.init(num_cpus=max(2, cores()), include_dashboard=False, log_to_driver=False, logging_level="error")
    start_s = time.perf_counter() - began
    model, found = load_model(device="cpu"), dict[str, list[dict[str, float]]](local=[], ray=[])
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            on_one = partial(run_batch, clips, folder, model, per_input=False)
            found["local"].append(measured(on_one))
        with tempfile.TemporaryDirectory() as folder:
            on_ray = partial(engine.run, clips, Job(folder, device="cpu"), size=size)
            found["ray"].append(measured(on_ray))
    ray.shutdown()
    ratios = [r["files_per_s"] / b["files_per_s"] for r, b in zip(found["ray"], found["local"], strict=True)]
    used = [r["processor_s"] / b["processor_s"] for r, b in zip(found["ray"], found["local"], strict=True)]
    return {
        "start_of_ray_s": start_s,
        **found,
        "ratio_of_rates_ray_to_local": statistics.median(ratios),
        "ratio_of_processor_time_ray_to_local": statistics.median(used),
    }


def record(options: argparse.Namespace) -> None:
    """Measure, and write the record."""
    every = sorted((Path(os.environ["AUDIO_EMOTION_DATA"]) / "ravdess-speech").rglob("*.flac"))
    clips = [str(path) for path in every[:: max(1, len(every) // options.files)][: options.files]]
    found = compare(clips, options.runs, options.partition)
    local = found["local"]
    sound_s = statistics.median(one["sound_s_per_s"] / one["files_per_s"] for one in local) * len(clips)
    used_s = statistics.median(one["processor_s"] for one in found["ray"])
    told = {
        "machine": f"{platform.system()} {platform.machine()}, {cores()} cores",
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), "ray": ray.__version__},
        "clips": len(clips),
        "sound_s": sound_s,
        "partition": options.partition,
        **found,
        "sound_s_per_processor_s_of_ray": sound_s / used_s,
    }
    RECORD.write_text(json.dumps(_rounded(told), indent=1) + "\n", "utf-8")
    print(RECORD.read_text("utf-8"))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list) else value


def reckoned(rate: float, node_cores: int, nodes: int, price: float) -> tuple[float, float, float]:
    """Return core hours, hours of wall clock and cost of :data:`HOURS` at ``rate`` seconds of sound a core second."""
    core_hours = HOURS / rate
    hours = core_hours / (node_cores * nodes)
    return core_hours, hours, hours * nodes * price


def reckon(options: argparse.Namespace) -> None:
    """Print what a million hours take, from the record."""
    rate = json.loads(RECORD.read_text("utf-8"))["sound_s_per_processor_s_of_ray"]
    print(f"{HOURS:,} hours of sound at {rate:.0f} s for each second of a core, {options.price:g} for a node and hour:")
    print(f"{'nodes':>8} {'cores':>8} {'hours':>10} {'cost':>12}")
    for nodes in (1, 10, 100):
        core_hours, hours, cost = reckoned(rate, options.cores, nodes, options.price)
        print(f"{nodes:8} {nodes * options.cores:8} {hours:10.1f} {cost:12.2f}")
    print(f"{core_hours:,.0f} core hours in all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1200)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--partition", type=int, default=SIZE)
    parser.add_argument("--reckon", action="store_true", help="print nodes, hours and cost from the record")
    parser.add_argument("--price", type=float, default=1.0, help="of a node for an hour")
    parser.add_argument("--cores", type=int, default=16, help="of a node")
    options = parser.parse_args()
    if options.reckon:
        reckon(options)
    else:
        record(options)


if __name__ == "__main__":
    main()
