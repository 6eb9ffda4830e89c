"""How many uploads a service answers, how long each takes, and what memory does; writes benchmarks/serve.json.

    python benchmarks/serve.py                 # 50 clients for 60 s on the loopback interface

Clients send one clip over and over, each on a connection of its own, and wait as long as `Retry-After` says where
they are refused. They are threads of this process and share the machine's processors with the service; what counts for
the throughput of a core is therefore the processor time that the service itself took, its decode workers included.
Linux only: times and memory come from /proc.
"""

import argparse
import http.client
import json
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "inference" / "samples" / "happy.wav"
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass
class Told:
    """What clients were told: how often each status, and how long each answer took, in seconds."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


def load(port: int, n_clients: int, seconds: float, content: bytes) -> Told:
    """Let clients ask for a while; return what they were told."""
    told, lock, until = Told(), threading.Lock(), time.monotonic() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                status, wait_s = upload(connection, content)
            except (OSError, http.client.HTTPException) as error:
                status, wait_s = type(error).__name__, 0.1
                connection.close()
            with lock:
                told.statuses[status] += 1
                if status == "200":
                    told.seconds.append(time.monotonic() - began)
            time.sleep(wait_s)

    threads = [threading.Thread(target=client) for _ in range(n_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def upload(connection: http.client.HTTPConnection, content: bytes) -> tuple[str, float]:
    """Send a clip; return the status, and for how many seconds to wait."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", "/v1/emotions", head + content + b"\r\n--x--\r\n", headers)
    response = connection.getresponse()
    response.read()
    return str(response.status), float(response.headers.get("Retry-After", 0))


def usage(pid: int) -> tuple[float, float]:
    """Return processor seconds and resident MiB of a process and its children."""
    cpu, memory = 0.0, 0.0
    for process in (pid, *children(pid)):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / _TICKS
        memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return cpu, memory


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(n_clients: int, seconds: float) -> dict[str, object]:
    """Serve in a process of its own, warm it up, and let clients ask; return the record."""
    content = CLIP.read_bytes()
    command = [sys.executable, "-m", "audio_emotion", "serve", "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stderr is not None
            found = re.search(r":(\d+)/", process.stderr.readline())
            assert found
            port = int(found[1])
            load(port, n_clients, 3.0, content)
            busy = os.getloadavg()[0]
            cpu_before, memory_before = usage(process.pid)
            began = time.monotonic()
            told = load(port, n_clients, seconds, content)
            wall_s = time.monotonic() - began
            cpu_after, memory_after = usage(process.pid)
        finally:
            process.terminate()
    answered, cpu_s = told.statuses["200"], cpu_after - cpu_before
    return {
        "clients": n_clients,
        "seconds": round(wall_s, 1),
        "statuses": dict(told.statuses),
        "answers_per_s": round(answered / wall_s, 1),
        "answers_per_core_second": round(answered / cpu_s, 1),
        "service_cpu_s": round(cpu_s, 1),
        "latency_ms": {f"p{100 * share:g}": round(1000 * quantile(told.seconds, share)) for share in (0.5, 0.95, 0.99)},
        "rss_mib": {"before": round(memory_before, 1), "after": round(memory_after, 1)},
        "exit_code": process.returncode,
        "clip": f"{CLIP.relative_to(ROOT)} ({len(content)} bytes)",
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_average_before": round(busy, 1),
            "note": "shared with other work all the while: wall times and latencies are upper bounds",
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    record = measure(arguments.clients, arguments.seconds)
    arguments.output.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
