"""A pool of workers from which any thread can have one recording read."""

import os
import queue
import stat
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from audio_emotion.batch.workers.process import WorkerProcess
from audio_emotion.batch.workers.types import Failure, Limits, Reader, RecordingFailedError, WindowBatch
from audio_emotion.core.errors import AudioEmotionError, reason
from audio_emotion.core.paths import display_path, is_address

_WATCH_S = 0.2


class WorkerPool:
    """Decode workers for any number of threads; each reads one recording at a time, and is replaced when it ends.

    A worker starts when a recording needs it. Leaving a ``with`` block closes the pool.

    Attributes:
        jobs: how many workers there are at most.
    """

    def __init__(self, reader: Reader, jobs: int, limits: Limits) -> None:
        self.jobs = jobs
        self._reader, self._limits = reader, limits
        self._lock = threading.Lock()
        self._workers: set[WorkerProcess] = set()
        self._idle: queue.LifoQueue[WorkerProcess | None] = queue.LifoQueue()  # None: a worker that is not started yet
        for _ in range(jobs):
            self._idle.put(None)
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._kill_timed_out, daemon=True)
        self._watch.start()

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start one worker.

        Raises:
            AudioEmotionError: it cannot be started.
        """
        worker = self._idle.get()
        try:
            worker = worker or self._new()
        finally:
            self._idle.put(worker)

    def read(
        self, path: str, settings: Mapping[str, Any] | None = None, item: int = 0
    ) -> Generator[WindowBatch | Failure, None, None]:
        """Wait for an idle worker and yield the reader's output for a recording, in order; a failure is the last.

        ``settings`` override the reader's own, and ``item`` is the number that the output bears. If a worker that has
        read others ends before any output for this recording, another recording may be to blame: this one is tried
        again in a new worker.

        Raises:
            AudioEmotionError: no worker can be started, or the pool is closed.
        """
        worker = self._idle.get()
        try:
            check(path, self._limits)
            used, has_output = worker is not None, False
            while True:
                worker = worker or self._new()
                try:
                    for windows in worker.read(item, path, settings):
                        has_output = True
                        yield windows
                    return
                except RecordingFailedError as failure:
                    worker = self._kept(worker)
                    # Memory or a crash may be due to what the worker read before. If a new worker fails too, it is
                    # this file. A recording whose first windows are already used cannot start again.
                    if not (used and not has_output and failure.kind in {"crash", "memory"}):
                        raise
                    used = False
        except RecordingFailedError as failure:
            yield Failure(item, failure.kind, " ".join(failure.reason.split()))
        except BaseException:  # the rest of this worker's output has no reader
            if worker is not None:
                worker.kill()
            raise
        finally:
            self._idle.put(self._kept(worker))

    def kill(self) -> None:
        """End all workers now; what they are reading fails, and no new worker starts."""
        self._closed.set()
        with self._lock:
            for worker in self._workers:
                worker.kill()

    def close(self) -> None:
        """End all workers and release their resources."""
        self.kill()
        with self._lock:
            workers, self._workers = self._workers, set()
        for worker in workers:
            worker.close()
        self._watch.join()

    def _new(self) -> WorkerProcess:
        with self._lock:
            if self._closed.is_set():
                raise AudioEmotionError("the decode workers were stopped")
            worker = WorkerProcess(self._reader, self._limits)
            self._workers.add(worker)
        try:
            worker.handshake()
        except AudioEmotionError:
            self._kept(worker)  # a service tries again and again, so failed starts must not add up
            raise
        return worker

    def _kept(self, worker: WorkerProcess | None) -> WorkerProcess | None:
        """Return a worker that can be used again; if it has ended, release its resources and return None."""
        if worker is None or not worker.ended:
            return worker
        worker.close()
        with self._lock:
            self._workers.discard(worker)
        return None

    def _kill_timed_out(self) -> None:
        while not self._closed.wait(_WATCH_S):
            with self._lock:
                for worker in self._workers:
                    worker.kill_if_timed_out()


def check(path: str, limits: Limits) -> None:
    """Refuse what is not a regular file: decoders would wait for a pipe, or read a device, for ever.

    Objects in an object store are checked by the reader that fetches them.
    """
    if is_address(path):
        return
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise RecordingFailedError("missing", f"{display_path(path)}: no such file or folder; check the path") from None
    except (OSError, ValueError) as error:
        raise RecordingFailedError("unreadable", f"{display_path(path)}: cannot be read ({reason(error)})") from error
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a socket or a device"
        raise RecordingFailedError("unreadable", f"{display_path(path)}: is {what}, expected a recording")
    if not os.access(path, os.R_OK):
        raise RecordingFailedError("unreadable", f"{display_path(path)}: permission denied; make it readable")
    if status.st_size > limits.size_bytes:
        raise RecordingFailedError(
            "limit",
            f"{display_path(path)}: has {status.st_size} bytes, "
            f"more than the {limits.size_bytes} allowed; raise the limit",
        )
