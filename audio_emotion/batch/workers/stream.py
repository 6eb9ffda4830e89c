"""Many recordings through a pool: a thread for each worker, and a bounded queue of their windows."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType

from audio_emotion.batch.workers.pool import WorkerPool
from audio_emotion.batch.workers.types import Event, WindowBatch

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

    def close(self) -> bool:
        """Let no feeder wait any more; return whether all of them were done."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
            return not self.feeders


def _count(event: Event | BaseException) -> int:
    return len(event.windows) if isinstance(event, WindowBatch) and event.windows is not None else 0


class WorkerStream:
    """Recordings that a pool reads, several at a time, a thread for each of its workers.

    ``with WorkerStream(paths, pool) as stream: for events in stream`` gives lists of the events that have arrived:
    each recording's windows in order, the recordings in any order. An empty list means that nothing came for a while.
    After the last event the pool's workers are idle, and serve the next stream. Leaving the block before that ends them
    at once, and the pool can no longer be used.
    """

    def __init__(self, paths: Iterable[str], pool: WorkerPool) -> None:
        self._paths, self._pool = iter(enumerate(paths)), pool
        self._lock = threading.Lock()
        self._queue = _BoundedQueue(pool.jobs)
        self._threads = [threading.Thread(target=self._feed, daemon=True) for _ in range(pool.jobs)]

    def __enter__(self) -> "WorkerStream":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._queue.close():
            self._pool.kill()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[list[Event]]:
        while (taken := self._queue.take(timeout_s=0.2)) is not None:
            events: list[Event] = []
            for event in taken:
                if isinstance(event, BaseException):
                    raise event
                events.append(event)
            yield events

    def _feed(self) -> None:
        """Put the output of the pool for one recording after the other into the queue."""
        try:
            while (entry := self._next()) is not None:
                item, path = entry
                for event in self._pool.read(path, item=item):
                    self._queue.put(event)
        except BaseException as error:
            self._queue.put(error)
        finally:
            self._queue.leave()

    def _next(self) -> tuple[int, str] | None:
        with self._lock:
            return None if self._queue.closed else next(self._paths, None)
