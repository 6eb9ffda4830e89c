"""One worker, seen from the process that asks."""

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
_START_S = 60.0  # a worker that has not imported its reader by then never will
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from audio_emotion.batch.workers.main import main; main()"
)


class WorkerProcess:
    """One worker process, and the patience with it."""

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
        """Tell the worker what to read with, and wait until it can.

        Raises:
            AudioEmotionError: it cannot; it is closed then.
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
        """Yield a recording's windows, while it keeps within the limits; ``settings`` go before the reader's own."""
        waited_s = heard_s = 0.0
        last = False
        self._send({"path": path, "settings": dict(settings or {})}, path)
        while not last:
            before = time.monotonic()
            header, windows = self._answer(self._limits.decode_s * (1 + heard_s // HOUR_S) - waited_s, path)
            waited_s += time.monotonic() - before
            heard_s, last = header["end_s"], header["last"]
            if heard_s > self._limits.duration_s:
                self.kill()
                raise RecordingFailedError(
                    "limit",
                    f"{display_path(path)}: lasts {heard_s:.0f} s or more, "
                    f"longer than the {self._limits.duration_s:.0f} s allowed; raise the limit",
                )
            yield WindowBatch(item, windows, heard_s, header["note"], last)

    def _send(self, request: Mapping[str, Any], path: str) -> None:
        try:
            send(self._to, request)
        except OSError:
            raise self._crashed(path) from None

    def _answer(self, patience_s: float, path: str) -> tuple[dict[str, Any], FloatArray | None]:
        """Return one message on a recording that is being read."""
        try:
            header, windows = self._receive(patience_s)
        except (EOFError, OSError):
            raise self._crashed(path) from None
        if "failure" in header:
            if header["failure"] == "memory":  # what this worker could not free, the next one has
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

    def _receive(self, patience_s: float) -> tuple[dict[str, Any], FloatArray | None]:
        """Read one message; the pool ends this worker if it has not come in time, and that is an EOFError."""
        with self._lock:
            self._deadline = time.monotonic() + patience_s
        try:
            message = receive(self._from)
        finally:
            with self._lock:
                self._deadline = None
        if self._late:
            raise EOFError
        return message

    def kill_if_timed_out(self) -> None:
        """End the worker if its message is overdue; called from the thread that takes from the shelf."""
        with self._lock:
            if self._deadline is not None and time.monotonic() > self._deadline:
                self._late = True
                self._process.kill()

    def kill(self) -> None:
        """End the worker now."""
        self.ended = True
        self._process.kill()

    def close(self) -> None:
        """End the worker and give back what it held."""
        self.kill()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):  # what was to be flushed has no reader any more
                pipe.close()
        self._process.wait()

    def _fate(self) -> str:
        self.ended = True
        code = self._process.wait()
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
