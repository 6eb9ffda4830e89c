"""Put a service under load and abuse on the loopback interface.

    python benchmarks/serve.py                              # all phases, about five minutes on a quiet machine
    python benchmarks/serve.py --seconds 20 --minutes 15    # shorter: 20 s of clients, recordings of 15 minutes
    python benchmarks/serve.py mixed --output mixed.json    # one phase; the table stays as it is

It writes benchmarks/serve.json and the table of docs/serve.md. It ends with exit code 1 if a limit is not kept: another
status than 200 and 429, short requests that take more than a second (p95) while long ones are in work, or memory that
is not back within 20 % after a phase. Clients are threads of this process and share the machine's processors with the
service; the throughput of a core is therefore counted by the processor time of the service itself, decode workers
included. Linux only: times and memory come from /proc.
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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "inference" / "samples" / "happy.wav"
RECORD = Path(__file__).with_suffix(".json")
DOCUMENT = ROOT / "docs" / "serve.md"
TABLE = "| load | result | resident memory before, after |"  # the first line of the table in the document
SETTLE_S = 5.0  # from the end of a phase until its memory is read
MAX_SHORT_MS = 1000  # p95 of short requests while long ones are in work
MAX_GROWTH = 1.2  # of memory, from before a phase to after it
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


@dataclass(frozen=True)
class Load:
    """How much each phase does: for how many seconds clients send, and how many minutes a long recording lasts."""

    seconds: float = 60.0
    minutes: float = 60.0

    @property
    def recording(self) -> bytes:
        """A long recording: the clip, over and over, as FLAC."""
        samples, rate = soundfile.read(CLIP, dtype="int16")
        file = io.BytesIO()
        soundfile.write(file, np.resize(samples, round(60 * self.minutes * rate) - 1), rate, format="FLAC")
        return file.getvalue()


@contextlib.contextmanager
def serving(*options: str) -> Iterator[Service]:
    """Run a service with its defaults, but for these options."""
    command = [sys.executable, "-m", "audio_emotion", "serve", "--port", "0", "--device", "cpu", *options]
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


def clients(service: Service, size: Load) -> dict[str, object]:
    """50 clients send a clip of two seconds."""
    cpu_before, _ = usage(service.pid)
    started = time.monotonic()
    responses = load(service.port, 50, size.seconds, CLIP.read_bytes())
    wall_s, n, cpu_s = time.monotonic() - started, responses.statuses["200"], usage(service.pid)[0] - cpu_before
    rates = {"answers_per_s": round(n / wall_s, 1), "answers_per_core_second": round(n / cpu_s, 1)}
    return {**responses.record(), **rates, "service_cpu_s": round(cpu_s, 1), "seconds": size.seconds}


def mixed(service: Service, size: Load) -> dict[str, object]:
    """Four clients send short clips, while four long recordings are predicted over time."""
    content, stop, statuses = size.recording, threading.Event(), []

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
    long_s = round(time.monotonic() - started, 1)
    return {"long": statuses, "long_s": long_s, "short": short[0].record(), "minutes": size.minutes}


def idle_streams(service: Service, size: Load) -> dict[str, object]:
    """500 WebSockets without samples, with the default limit of 8."""
    return open_streams(service)


def many_streams(service: Service, size: Load) -> dict[str, object]:
    """500 WebSockets without samples, all of them open (`--max-streams 500`)."""
    with serving("--max-streams", "500") as other:
        load(other.port, 1, 2.0, CLIP.read_bytes())
        _, before = usage(other.pid)
        result = open_streams(other)
        time.sleep(SETTLE_S)
        _, after = usage(other.pid)
    return {**result, "rss_mib": {"before": round(before, 1), "after": round(after, 1)}}


def open_streams(service: Service) -> dict[str, object]:
    """Open 500 streams; return their statuses, and how long /healthz takes meanwhile."""
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


def half_open(service: Service, size: Load) -> dict[str, object]:
    """1,500 connections with half a head."""
    cpu_before, _ = usage(service.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(1500):
            half = stack.enter_context(service.connect())
            with contextlib.suppress(OSError):
                half.sendall(b"POST /v1/emotions HTTP/1.1\r\nHost: localhost\r\n")
        health_ms = [service.health_ms() for _ in range(5)]
    return {"healthz_ms": max(health_ms), "service_cpu_s": round(usage(service.pid)[0] - cpu_before, 2)}


def slow_bodies(service: Service, size: Load) -> dict[str, object]:
    """60 uploads of a byte every half second, and a clip in the meantime."""
    head = (
        f"POST /v1/emotions HTTP/1.1\r\nHost: localhost\r\nContent-Type: {_MULTIPART}\r\nContent-Length: 99999\r\n\r\n"
    )
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(service.connect()) for _ in range(60)]
        for connection in slow:
            connection.sendall(head.encode())
        until, health_ms = time.monotonic() + size.seconds / 4, 0.0
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


def disconnects(service: Service, size: Load) -> dict[str, object]:
    """Clients that leave in every phase of a request: 20 in each of a short one, 3 in each of a long one."""
    body = _HEAD + CLIP.read_bytes() + _TAIL
    head = _upload_head("/v1/emotions", len(body))
    for part in (b"", head[:30], head, head + body[: len(body) // 2], head + body):
        for _ in range(20):
            with service.connect() as connection:
                connection.sendall(part)
    for _ in range(20):  # as the response begins
        with service.connect() as connection:
            connection.sendall(head + body)
            connection.recv(1)
    body = _HEAD + size.recording + _TAIL
    head = _upload_head("/page/predict", len(body))
    for wait_s in (
        0.2,
        1.0,
        3.0,
    ):  # while it is decoded and predicted, and while progress is sent
        for _ in range(3):
            with service.connect() as connection:
                connection.sendall(head + body)
                time.sleep(wait_s)
    cpu_before, _ = usage(service.pid)
    time.sleep(5)
    idle_cpu_s = usage(service.pid)[0] - cpu_before
    after = load(service.port, 1, 2.0, CLIP.read_bytes())
    return {"idle_cpu_share": round(idle_cpu_s / 5, 2), "afterwards": after.record()}


def _upload_head(path: str, n_bytes: int) -> bytes:
    lines = (f"POST {path}?timeline=true&hop=0.1 HTTP/1.1", "Host: localhost", f"Content-Type: {_MULTIPART}")
    return "\r\n".join((*lines, f"Content-Length: {n_bytes}", "", "")).encode()


PHASES: dict[str, Callable[[Service, Load], dict[str, object]]] = {
    phase.__name__: phase for phase in (clients, mixed, idle_streams, many_streams, half_open, slow_bodies, disconnects)
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


def measure(names: list[str], size: Load) -> dict[str, Any]:
    """Run phases one after the other against one service, and return the record."""
    record: dict[str, Any] = {}
    with serving() as service:
        load(service.port, 8, 5.0, CLIP.read_bytes())  # loads what is loaded once
        upload(
            http.client.HTTPConnection("127.0.0.1", service.port, timeout=600), size.recording, "?timeline=true&hop=2"
        )
        busy = os.getloadavg()[0]
        for name in names:
            time.sleep(SETTLE_S)
            _, before = usage(service.pid)
            result = PHASES[name](service, size)
            time.sleep(SETTLE_S)
            _, after = usage(service.pid)
            memory = {"before": round(before, 1), "after": round(after, 1)}
            record[name] = {"what": PHASES[name].__doc__, "rss_mib": memory, **result}
            print(name, json.dumps(record[name]), file=sys.stderr, flush=True)
    record["machine"] = {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average_before": round(busy, 1),
    }
    return record


def broken_limits(record: Mapping[str, Any]) -> list[str]:
    """Return one line for each limit that the record breaks."""
    lines = []
    for name, result in record.items():
        memory = result.get("rss_mib")
        if memory and memory["after"] > MAX_GROWTH * memory["before"]:
            lines.append(f"{name}: memory grew from {memory['before']} to {memory['after']} MiB")
        statuses = {*result.get("statuses", ()), *result.get("long", ()), *result.get("short", {}).get("statuses", ())}
        if others := sorted(statuses - {"101", "200", "429"}):
            lines.append(f"{name}: statuses {', '.join(others)}")
    short_ms = record.get("mixed", {}).get("short", {}).get("latency_ms", {}).get("p95", 0)
    if short_ms > MAX_SHORT_MS:
        lines.append(f"mixed: short requests took {short_ms} ms (p95), more than {MAX_SHORT_MS}")
    return lines


def table(record: Mapping[str, Any]) -> str:
    """Return the table of docs/serve.md, and the line about the machine below it."""
    rows = [TABLE, "|---|---|---|"]
    for name, result in record.items():
        if name not in PHASES:
            continue
        memory = result["rss_mib"]
        what = result["what"].rstrip(".")
        rows.append(f"| {what} | {_RESULTS[name](result)} | {memory['before']:.0f}, {memory['after']:.0f} MiB |")
    machine = record["machine"]
    about = (
        f"Clients and service shared {machine['cores']} cores ({machine['processor']}, Python {machine['python']}). "
        f"The load average before was {machine['load_average_before']}: other work makes times longer and rates lower."
    )
    return "\n".join([*rows, "", about])


def _clients_result(result: Mapping[str, Any]) -> str:
    return (
        f"for {result.get('seconds', 60):g} s: only {' and '.join(sorted(result['statuses']))}; "
        f"{result['answers_per_s']:.0f} results a second, {result['answers_per_core_second']:.0f} for each second of "
        f"the service's processor time; 95 % within {_seconds(result['latency_ms']['p95'])}"
    )


def _mixed_result(result: Mapping[str, Any]) -> str:
    latency = result["short"]["latency_ms"]
    return (
        f"{4 * result.get('minutes', 60):g} minutes of sound in {result['long_s']:.0f} s; short clips: half within "
        f"{_seconds(latency['p50'])}, 95 % within {_seconds(latency['p95'])}"
    )


def _streams_result(result: Mapping[str, Any]) -> str:
    refused = result["statuses"].get("429", 0)
    more = f", {refused} get 429" if refused else ""
    return f"{result['statuses'].get('101', 0)} open{more}; `/healthz` in {_seconds(result['healthz_ms'])}"


def _half_open_result(result: Mapping[str, Any]) -> str:
    return f"`/healthz` within {_seconds(result['healthz_ms'])}; {result['service_cpu_s']:.1f} s of processor time"


def _slow_bodies_result(result: Mapping[str, Any]) -> str:
    return (
        f"`/healthz` within {_seconds(result['healthz_ms'])}; clips are predicted meanwhile, and afterwards within "
        f"{_seconds(result['afterwards']['latency_ms']['max'])}"
    )


def _disconnects_result(result: Mapping[str, Any]) -> str:
    return (
        f"{100 * result['idle_cpu_share']:.0f} % of a processor five seconds later; the next clip within "
        f"{_seconds(result['afterwards']['latency_ms']['max'])}"
    )


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 100 else f"{milliseconds:.0f} ms"


_RESULTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "clients": _clients_result,
    "mixed": _mixed_result,
    "idle_streams": _streams_result,
    "many_streams": _streams_result,
    "half_open": _half_open_result,
    "slow_bodies": _slow_bodies_result,
    "disconnects": _disconnects_result,
}


def write_table(record: Mapping[str, Any]) -> None:
    """Put the table of a record into docs/serve.md, whose last lines it is."""
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(text[: text.index(TABLE)] + table(record) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("phases", nargs="*", help=f"of: {', '.join(PHASES)}; all if none")
    parser.add_argument("--seconds", type=float, default=Load.seconds, help="for which clients send")
    parser.add_argument("--minutes", type=float, default=Load.minutes, help="that a long recording lasts")
    parser.add_argument("--output", type=Path, default=RECORD)
    arguments = parser.parse_args()
    record = measure(arguments.phases or list(PHASES), Load(arguments.seconds, arguments.minutes))
    arguments.output.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    if arguments.output == RECORD:
        write_table(record)
    broken = broken_limits(record)
    print("\n".join(broken) or "every limit is kept")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
