"""One worker process, as the main process sees it."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import IO, Any

from audio_emotion.batch.workers.ipc import receive, send
from audio_emotion.batch.workers.types import HOUR_S, Limits, Reader, RecordingFailedError, WindowBatch
from audio_emotion.core.errors import AudioEmotionError
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import FloatArray

_PIPE_BYTES = 2**20  # room for a few windows, so that a worker need not wait for its reader (Linux)
_START_S = 60.0  # in which a worker must import its reader
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from audio_emotion.batch.workers.main import main; main()"
)


class WorkerProcess:
    """One worker process, with its time limits."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        self._lock = threading.Lock()
        self._deadline: float | None = None
        self._late = False
        self.ended = False
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | single,
            pipesize=_PIPE_BYTES,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout

    def handshake(self) -> None:
        """Send the worker its reader and limits, and wait until it is ready.

        Raises:
            AudioEmotionError: it cannot start; it is closed then.
        """
        hello = {
            "reader": self._reader.function,
            "settings": dict(self._reader.settings),
            "memory_bytes": self._limits.memory_bytes,
        }
        try:
            send(self._to, hello)
            header, _ = self._receive(_START_S)
        except (EOFError, OSError):
            header = {"broken": f"it {self._fate()} before it was ready"}
        if "broken" in header:
            self.close()
            raise AudioEmotionError(f"a decode worker cannot start: {header['broken']}; check the installation")

    def read(self, item: int, path: str, settings: Mapping[str, Any] | None = None) -> Iterator[WindowBatch]:
        """Yield a recording's windows, within the limits; ``settings`` override the reader's own."""
        waited_s = read_s = 0.0
        last = False
        self._send({"path": path, "settings": dict(settings or {})}, path)
        while not last:
            before = time.monotonic()
            # seconds of sound read   0 ....... 3600 ....... 7200
            # allowed                 | decode_s | 2 decode_s |       grows with each hour that was started
            # Time that the caller spends on the windows does not count, only time that it waits for them.
            header, windows = self._answer(self._limits.decode_s * (1 + read_s // HOUR_S) - waited_s, path)
            waited_s += time.monotonic() - before
            read_s, last = header["end_s"], header["last"]
            if read_s > self._limits.duration_s:
                self.kill()
                raise RecordingFailedError(
                    "limit",
                    f"{display_path(path)}: lasts {read_s:.0f} s or more, "
                    f"longer than the {self._limits.duration_s:.0f} s allowed; raise the limit",
                )
            yield WindowBatch(item, windows, read_s, header["note"], last)

    def _send(self, request: Mapping[str, Any], path: str) -> None:
        try:
            send(self._to, request)
        except OSError:
            raise self._crashed(path) from None

    def _answer(self, timeout_s: float, path: str) -> tuple[dict[str, Any], FloatArray | None]:
        """Return the next message about the recording that is being read."""
        try:
            header, windows = self._receive(timeout_s)
        except (EOFError, OSError):
            raise self._crashed(path) from None
        if "failure" in header:
            if header["failure"] == "memory":  # a new worker has the memory that this one cannot free
                self.kill()
            raise RecordingFailedError(header["failure"], header["reason"])
        return header, windows

    def _crashed(self, path: str) -> RecordingFailedError:
        fate = self._fate()
        if self._late:
            allowed = f"{self._limits.decode_s:g} s for each hour of sound"
            return RecordingFailedError(
                "time", f"{display_path(path)}: decoding takes longer than {allowed}; raise the limit"
            )
        return RecordingFailedError("crash", f"{display_path(path)}: its decoder {fate}; the file is probably damaged")

    def _receive(self, timeout_s: float) -> tuple[dict[str, Any], FloatArray | None]:
        """Read one message; if it does not come in time, the worker is killed, which is an EOFError."""
        with self._lock:
            self._deadline = time.monotonic() + timeout_s
        try:
            message = receive(self._from)
        finally:
            with self._lock:
                self._deadline = None
        if self._late:
            # The message may have arrived in the moment in which the worker was killed: it is not to be trusted.
            raise EOFError
        return message

    def kill_if_timed_out(self) -> None:
        """Kill the worker if its message is overdue; called from another thread than the one that reads."""
        with self._lock:
            if self._deadline is not None and time.monotonic() > self._deadline:
                self._late = True
                self._process.kill()

    def kill(self) -> None:
        """End the worker now."""
        self.ended = True
        self._process.kill()

    def close(self) -> None:
        """End the worker and release its resources."""
        self.kill()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):  # the worker no longer reads
                pipe.close()
        self._process.wait()

    def _fate(self) -> str:
        self.ended = True
        code = self._process.wait()
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
