"""Put a service under load and abuse on the loopback interface; writes benchmarks/serve.json.

    python benchmarks/serve.py                 # all phases, about ten minutes
    python benchmarks/serve.py clients         # one of them

Clients are threads of this process and share the machine's processors with the service; the throughput of a core is
therefore counted by the processor time of the service itself, decode workers included. Linux only: times and memory
come from /proc.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import platform
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "inference" / "samples" / "happy.wav"
SETTLE_S = 5.0  # from the end of a phase until its memory is read
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n\r\n'
_TAIL = b"\r\n--x--\r\n"
_MULTIPART = "multipart/form-data; boundary=x"


@dataclass
class Responses:
    """How often each status came, and how long each result took, in seconds."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def record(self) -> dict[str, object]:
        """Return the statuses and the quantiles of the latency."""
        if not self.seconds:
            return {"statuses": dict(self.statuses)}
        quantiles = {f"p{100 * q:g}": round(1000 * quantile(self.seconds, q)) for q in (0.5, 0.95, 0.99)}
        return {"statuses": dict(self.statuses), "latency_ms": {**quantiles, "max": round(1000 * max(self.seconds))}}


@dataclass(frozen=True)
class Service:
    """A service in a process of its own."""

    pid: int
    port: int

    def connect(self, timeout: float = 120.0) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def health_ms(self) -> float:
        """Return how long /healthz takes on a new connection."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
        return round(1000 * (time.monotonic() - started))


@contextlib.contextmanager
def serving() -> Iterator[Service]:
    """Run a service with its defaults."""
    command = [sys.executable, "-m", "audio_emotion", "serve", "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stderr is not None
            match = re.search(r":(\d+)/", process.stderr.readline())
            assert match
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield Service(process.pid, int(match[1]))
        finally:
            process.terminate()


def load(port: int, n_clients: int, seconds: float, content: bytes, stop: threading.Event | None = None) -> Responses:
    """Let clients send a clip over and over, for so many seconds or until ``stop``; return what they got."""
    responses, lock, until = Responses(), threading.Lock(), time.monotonic() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while time.monotonic() < until and not (stop and stop.is_set()):
            started = time.monotonic()
            try:
                status, wait_s = upload(connection, content)
            except (OSError, http.client.HTTPException) as error:
                status, wait_s = type(error).__name__, 0.1
                connection.close()
            with lock:
                responses.statuses[status] += 1
                if status == "200":
                    responses.seconds.append(time.monotonic() - started)
            time.sleep(wait_s)

    threads = [threading.Thread(target=client) for _ in range(n_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return responses


def upload(connection: http.client.HTTPConnection, content: bytes, query: str = "") -> tuple[str, float]:
    """Send a recording; return the status, and for how many seconds to wait."""
    connection.request("POST", f"/v1/emotions{query}", _HEAD + content + _TAIL, {"Content-Type": _MULTIPART})
    response = connection.getresponse()
    response.read()
    return str(response.status), float(response.headers.get("Retry-After", 0))


# --- phases -----------------------------------------------------------------------------------------------------------


def clients(service: Service) -> dict[str, object]:
    """50 clients for 60 s."""
    cpu_before, _ = usage(service.pid)
    started = time.monotonic()
    responses = load(service.port, 50, 60.0, CLIP.read_bytes())
    wall_s, n, cpu_s = time.monotonic() - started, responses.statuses["200"], usage(service.pid)[0] - cpu_before
    rates = {"answers_per_s": round(n / wall_s, 1), "answers_per_core_second": round(n / cpu_s, 1)}
    return {**responses.record(), **rates, "service_cpu_s": round(cpu_s, 1)}


def mixed(service: Service) -> dict[str, object]:
    """Four clients with short clips, while four recordings of an hour are predicted over time."""
    content, stop, statuses = hour(), threading.Event(), []

    def long_request() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=600)
        statuses.append(upload(connection, content, "?timeline=true&hop=1")[0])

    threads = [threading.Thread(target=long_request) for _ in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    short: list[Responses] = []
    asking = threading.Thread(target=lambda: short.append(load(service.port, 4, 600.0, CLIP.read_bytes(), stop)))
    asking.start()
    for thread in threads:
        thread.join()
    stop.set()
    asking.join()
    return {"long": statuses, "long_s": round(time.monotonic() - started, 1), "short": short[0].record()}


def hour() -> bytes:
    """Return an hour of the clip, over and over, as FLAC."""
    samples, rate = soundfile.read(CLIP, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, np.resize(samples, 3600 * rate - 1), rate, format="FLAC")
    return file.getvalue()


def idle_streams(service: Service) -> dict[str, object]:
    """500 WebSockets without samples."""
    key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    request = f"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n{key}Sec-WebSocket-Version: 13\r\n\r\n".encode()
    statuses: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            stream = stack.enter_context(service.connect())
            stream.sendall(request)
            statuses[stream.recv(200).split(b" ")[1].decode()] += 1
        health_ms = service.health_ms()
    return {"statuses": dict(statuses), "healthz_ms": health_ms}


def half_open(service: Service) -> dict[str, object]:
    """1,500 connections with half a head."""
    cpu_before, _ = usage(service.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(1500):
            half = stack.enter_context(service.connect())
            with contextlib.suppress(OSError):
                half.sendall(b"POST /v1/emotions HTTP/1.1\r\nHost: localhost\r\n")
        health_ms = [service.health_ms() for _ in range(5)]
    return {"healthz_ms": max(health_ms), "service_cpu_s": round(usage(service.pid)[0] - cpu_before, 2)}


def slow_bodies(service: Service) -> dict[str, object]:
    """60 uploads of a byte every half second, for 15 s; a clip in the meantime and one afterwards."""
    head = (
        f"POST /v1/emotions HTTP/1.1\r\nHost: localhost\r\nContent-Type: {_MULTIPART}\r\nContent-Length: 99999\r\n\r\n"
    )
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(service.connect()) for _ in range(60)]
        for connection in slow:
            connection.sendall(head.encode())
        until, health_ms = time.monotonic() + 15, 0.0
        while time.monotonic() < until:
            for connection in slow:
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")
            health_ms = max(health_ms, service.health_ms())
            time.sleep(0.5)
        meanwhile = load(service.port, 1, 1.0, CLIP.read_bytes())
    time.sleep(1)
    after = load(service.port, 1, 1.0, CLIP.read_bytes())
    return {"healthz_ms": health_ms, "meanwhile": dict(meanwhile.statuses), "afterwards": after.record()}


def disconnects(service: Service) -> dict[str, object]:
    """Clients that leave in every phase of a request, 20 in each; a clip afterwards."""
    content = CLIP.read_bytes()
    body = _HEAD + content + _TAIL
    head = (
        f"POST /v1/emotions?timeline=true&hop=0.1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: {_MULTIPART}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    parts = (b"", head[:30], head, head + body[: len(body) // 2], head + body)
    for part in parts:
        for _ in range(20):
            with service.connect() as connection:
                connection.sendall(part)
    long_body = _HEAD + hour() + _TAIL
    long_head = head.replace(str(len(body)).encode(), str(len(long_body)).encode())
    for _ in range(3):  # in the middle of a long prediction
        with service.connect() as connection:
            connection.sendall(long_head + long_body)
            time.sleep(1)
    cpu_before, _ = usage(service.pid)
    time.sleep(5)
    idle_cpu_s = usage(service.pid)[0] - cpu_before
    after = load(service.port, 1, 2.0, content)
    return {"idle_cpu_share": round(idle_cpu_s / 5, 2), "afterwards": after.record()}


PHASES: dict[str, Callable[[Service], dict[str, object]]] = {
    phase.__name__: phase for phase in (clients, mixed, idle_streams, half_open, slow_bodies, disconnects)
}


def usage(pid: int) -> tuple[float, float]:
    """Return processor seconds and resident MiB of a process and its children."""
    cpu, memory = 0.0, 0.0
    for process in (pid, *children(pid)):
        with contextlib.suppress(OSError):  # a decode worker may just have ended
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            cpu += (int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])) / _TICKS
            memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return cpu, memory


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(names: list[str]) -> dict[str, object]:
    """Run phases one after the other against one service, and return the record."""
    record: dict[str, object] = {}
    with serving() as service:
        load(service.port, 8, 5.0, CLIP.read_bytes())  # loads what is loaded once
        upload(http.client.HTTPConnection("127.0.0.1", service.port, timeout=600), hour(), "?timeline=true&hop=2")
        busy = os.getloadavg()[0]
        for name in names:
            time.sleep(SETTLE_S)
            _, before = usage(service.pid)
            result = PHASES[name](service)
            time.sleep(SETTLE_S)
            _, after = usage(service.pid)
            memory = {"before": round(before, 1), "after": round(after, 1)}
            record[name] = {"what": PHASES[name].__doc__, **result, "rss_mib": memory}
            print(name, json.dumps(record[name]), flush=True)
    record["machine"] = {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average_before": round(busy, 1),
        "note": "shared with other work all the while: wall times and latencies are upper bounds",
    }
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("phases", nargs="*", help=f"of: {', '.join(PHASES)}; all if none")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    record = measure(arguments.phases or list(PHASES))
    arguments.output.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
