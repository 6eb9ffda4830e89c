"""Many recordings: a thread for each worker, and a bounded queue of their windows."""

import os
import stat
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from audio_emotion.batch.workers.process import WorkerProcess
from audio_emotion.batch.workers.types import Event, Failure, Limits, Reader, RecordingFailedError, WindowBatch
from audio_emotion.core.errors import AudioEmotionError, reason
from audio_emotion.core.paths import display_path, is_address

_MAX_WINDOWS = 128  # in the queue, before workers wait: 25 MB of 3 s windows


@dataclass(eq=False)
class _BoundedQueue:
    """Events of the workers' threads for the model, in order of arrival; full if it holds too many windows."""

    feeders: int
    n_windows: int = 0
    closed: bool = False
    events: deque[Event | BaseException] = field(default_factory=deque)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, event: Event | BaseException) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self.n_windows < _MAX_WINDOWS)
            self.n_windows += _count(event)
            self.events.append(event)
            self.changed.notify_all()

    def take(self, timeout_s: float) -> list[Event | BaseException] | None:
        """Wait for events and return all of them; an empty list after ``timeout_s``, None when all threads are done."""
        with self.changed:
            self.changed.wait_for(lambda: self.events or not self.feeders, timeout_s)
            if not self.events and not self.feeders:
                return None
            events = list(self.events)
            self.events.clear()
            self.n_windows = 0
            self.changed.notify_all()
            return events

    def leave(self) -> None:
        with self.changed:
            self.feeders -= 1
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()


def _count(event: Event | BaseException) -> int:
    return len(event.windows) if isinstance(event, WindowBatch) and event.windows is not None else 0


class WorkerStream:
    """Decode workers over a sequence of recordings.

    ``with WorkerStream(...) as stream: for events in stream`` gives lists of the events that have arrived: each
    recording's windows in order, the recordings in any order. An empty list means that nothing came for a while.
    Leaving the block ends the workers at once. With ``idle``, workers that have finished are put there, for the next
    stream with the same reader and limits.
    """

    def __init__(
        self, paths: Iterable[str], reader: Reader, jobs: int, limits: Limits, idle: list[WorkerProcess] | None = None
    ) -> None:
        self._paths = iter(enumerate(paths))
        self._reader = reader
        self._limits = limits
        self._lock = threading.Lock()
        self._workers: set[WorkerProcess] = set()
        self._idle = idle
        self._queue = _BoundedQueue(jobs)
        self._threads = [threading.Thread(target=self._feed, daemon=True) for _ in range(jobs)]

    def __enter__(self) -> "WorkerStream":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.close()
        with self._lock:
            for worker in self._workers:
                worker.kill()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[list[Event]]:
        while (taken := self._queue.take(timeout_s=0.2)) is not None:
            with self._lock:
                for worker in self._workers:
                    worker.kill_if_timed_out()
            events: list[Event] = []
            for event in taken:
                if isinstance(event, BaseException):
                    raise event
                events.append(event)
            yield events

    def _feed(self) -> None:
        """Read recordings with one worker, which is replaced when it ends."""
        worker = self._acquire_idle()
        try:
            while (entry := self._next()) is not None:
                worker = self._read(*entry, worker)
            worker = self._release(worker)
        except BaseException as error:
            self._queue.put(error)
        finally:
            if worker is not None:
                self._discard(worker)
            self._queue.leave()

    def _read(self, item: int, path: str, worker: "WorkerProcess | None") -> "WorkerProcess | None":
        """Put a worker's output for a recording into the queue; return the worker, or None if it has ended.

        If a worker that has read others ends before it gives any output for this recording, another recording may be to
        blame: this one is tried again in a new worker.
        """
        used, has_output = worker is not None, False
        try:
            check(path, self._limits)
            worker = worker or self._start()
            for windows in worker.read(item, path):
                self._queue.put(windows)
                has_output = True
            return worker
        except RecordingFailedError as failure:
            if worker is not None and worker.ended:
                self._discard(worker)
                worker = None
            if used and not has_output and failure.kind in {"crash", "memory"}:
                return self._read(item, path, worker)
            self._queue.put(Failure(item, failure.kind, " ".join(failure.reason.split())))
            return worker

    def _next(self) -> tuple[int, str] | None:
        with self._lock:
            return None if self._queue.closed else next(self._paths, None)

    def _start(self) -> "WorkerProcess":
        with self._lock:
            if self._queue.closed:
                raise AudioEmotionError("the batch was stopped")
            worker = WorkerProcess(self._reader, self._limits)
            self._workers.add(worker)
        worker.handshake()
        return worker

    def _acquire_idle(self) -> "WorkerProcess | None":
        """Return a worker of an earlier stream, if there is one."""
        with self._lock:
            if not self._idle or self._queue.closed:
                return None
            worker = self._idle.pop()
            self._workers.add(worker)
        return worker

    def _release(self, worker: "WorkerProcess | None") -> "WorkerProcess | None":
        """Keep a worker that can be used again for the next stream; return it if it is not kept."""
        with self._lock:
            if worker is None or worker.ended or self._idle is None or self._queue.closed:
                return worker
            self._workers.discard(worker)
            self._idle.append(worker)
        return None

    def _discard(self, worker: "WorkerProcess") -> None:
        worker.close()
        with self._lock:
            self._workers.discard(worker)


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
