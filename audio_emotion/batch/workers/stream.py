"""The side that asks: a thread for each worker, and a shelf that they put windows on."""

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

_SHELF = 128  # windows waiting for the model, beyond which workers wait: 25 MB of 3 s windows


@dataclass(eq=False)
class _BoundedQueue:
    """Events between the workers' threads and the model, in order of arrival; full when it holds too many windows."""

    feeders: int
    n_windows: int = 0
    closed: bool = False
    events: deque[Event | BaseException] = field(default_factory=deque)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, event: Event | BaseException) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self.n_windows < _SHELF)
            self.n_windows += _count(event)
            self.events.append(event)
            self.changed.notify_all()

    def take(self, timeout_s: float) -> list[Event | BaseException] | None:
        """Return what is there, waiting for something; an empty list after ``timeout_s``, None when all is over."""
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

    ``with WorkerStream(...) as pool: for events in pool`` gives lists of what has arrived, each recording's windows
    in order and the recordings in any; an empty list means that nothing came for a while. Leaving the block ends the
    workers at once; but where ``idle`` is given, those that have read to the end are put there, for the next pool
    with the same reader and limits.
    """

    def __init__(
        self, paths: Iterable[str], reader: Reader, jobs: int, limits: Limits, idle: list[WorkerProcess] | None = None
    ) -> None:
        self._paths = iter(enumerate(paths))
        self._reader = reader
        self._limits = limits
        self._lock = threading.Lock()
        self._children: set[WorkerProcess] = set()
        self._idle = idle
        self._shelf = _BoundedQueue(jobs)
        self._threads = [threading.Thread(target=self._feed, daemon=True) for _ in range(jobs)]

    def __enter__(self) -> "WorkerStream":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shelf.close()
        with self._lock:
            for child in self._children:
                child.kill()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[list[Event]]:
        while (taken := self._shelf.take(timeout_s=0.2)) is not None:
            with self._lock:
                for child in self._children:
                    child.kill_if_timed_out()
            events: list[Event] = []
            for event in taken:
                if isinstance(event, BaseException):
                    raise event
                events.append(event)
            yield events

    def _feed(self) -> None:
        """Work through the recordings with one worker, and another one after each that had to be ended."""
        child = self._rested()
        try:
            while (entry := self._next()) is not None:
                child = self._read(*entry, child)
            child = self._put_to_rest(child)
        except BaseException as error:
            self._shelf.put(error)
        finally:
            if child is not None:
                self._forget(child)
            self._shelf.leave()

    def _read(self, item: int, path: str, child: "WorkerProcess | None") -> "WorkerProcess | None":
        """Put what a worker makes of a recording on the shelf; return the worker, or None where it has ended.

        A recording that ends a worker which had read others before, without a word on this one, may not be to blame:
        it gets a second chance with a worker of its own.
        """
        used, heard = child is not None, False
        try:
            check(path, self._limits)
            child = child or self._start()
            for windows in child.read(item, path):
                self._shelf.put(windows)
                heard = True
            return child
        except RecordingFailedError as given_up:
            if child is not None and child.ended:
                self._forget(child)
                child = None
            if used and not heard and given_up.kind in {"crash", "memory"}:
                return self._read(item, path, child)
            self._shelf.put(Failure(item, given_up.kind, " ".join(given_up.reason.split())))
            return child

    def _next(self) -> tuple[int, str] | None:
        with self._lock:
            return None if self._shelf.closed else next(self._paths, None)

    def _start(self) -> "WorkerProcess":
        with self._lock:
            if self._shelf.closed:
                raise AudioEmotionError("the batch was stopped")
            child = WorkerProcess(self._reader, self._limits)
            self._children.add(child)
        child.handshake()
        return child

    def _rested(self) -> "WorkerProcess | None":
        """Return a worker of an earlier pool, if there is one."""
        with self._lock:
            if not self._idle or self._shelf.closed:
                return None
            child = self._idle.pop()
            self._children.add(child)
        return child

    def _put_to_rest(self, child: "WorkerProcess | None") -> "WorkerProcess | None":
        """Keep a worker that can be asked again for the next pool; return what is not kept."""
        with self._lock:
            if child is None or child.ended or self._idle is None or self._shelf.closed:
                return child
            self._children.discard(child)
            self._idle.append(child)
        return None

    def _forget(self, child: "WorkerProcess") -> None:
        child.close()
        with self._lock:
            self._children.discard(child)


def check(path: str, limits: Limits) -> None:
    """Refuse what is no file to open: decoders would wait for a pipe, or read a device, for ever.

    What is in an object store is looked at by the reader that fetches it.
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
