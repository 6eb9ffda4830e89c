"""Workers at rest that any thread may ask for one recording, as a service does: whom it serves comes when it comes."""

import queue
import threading
from collections.abc import Generator, Mapping
from typing import Any

from audio_emotion.batch.workers.process import WorkerProcess
from audio_emotion.batch.workers.stream import check
from audio_emotion.batch.workers.types import Failure, Limits, Reader, RecordingFailedError, WindowBatch
from audio_emotion.core.errors import AudioEmotionError

_WATCH_S = 0.2


class WorkerPool:
    """Decode workers, each lent to one recording at a time and replaced when it ends; for any number of threads."""

    def __init__(self, reader: Reader, jobs: int, limits: Limits) -> None:
        self._reader, self._limits = reader, limits
        self._lock = threading.Lock()
        self._children: set[WorkerProcess] = set()
        self._idle: queue.LifoQueue[WorkerProcess | None] = queue.LifoQueue()  # None: a place without a worker so far
        for _ in range(jobs):
            self._idle.put(None)
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._end_the_late, daemon=True)
        self._watch.start()

    def start(self) -> None:
        """Have one worker ready.

        Raises:
            AudioEmotionError: it cannot be started.
        """
        child = self._idle.get()
        try:
            child = child or self._new()
        finally:
            self._idle.put(child)

    def read(self, path: str, settings: Mapping[str, Any]) -> Generator[WindowBatch | Failure, None, None]:
        """Yield what the reader makes of a recording, in order, waiting for a worker to be free; a failure is the last.

        ``settings`` go before the reader's own. A recording that ends a worker which had read others before, without
        a word on this one, gets a second chance with a worker of its own.
        """
        child = self._idle.get()
        try:
            check(path, self._limits)
            used, heard = child is not None, False
            while True:
                child = child or self._new()
                try:
                    for windows in child.read(0, path, settings):
                        heard = True
                        yield windows
                    return
                except RecordingFailedError as given_up:
                    child = self._kept(child)
                    if not (used and not heard and given_up.kind in {"crash", "memory"}):
                        raise
                    used = False
        except RecordingFailedError as given_up:
            yield Failure(0, given_up.kind, " ".join(given_up.reason.split()))
        except BaseException:  # nobody takes the rest of what this worker has to say
            if child is not None:
                child.kill()
            raise
        finally:
            self._idle.put(self._kept(child))

    def close(self) -> None:
        """End all workers."""
        self._closed.set()
        with self._lock:
            children, self._children = self._children, set()
        for child in children:
            child.close()
        self._watch.join()

    def _new(self) -> WorkerProcess:
        child = WorkerProcess(self._reader, self._limits)
        with self._lock:
            self._children.add(child)
        try:
            child.handshake()
        except AudioEmotionError:
            self._kept(child)  # a service asks again and again: what cannot start must not add up
            raise
        return child

    def _kept(self, child: WorkerProcess | None) -> WorkerProcess | None:
        """Return a worker that can be asked again; where it has ended, give back what it held and return None."""
        if child is None or not child.ended:
            return child
        child.close()
        with self._lock:
            self._children.discard(child)
        return None

    def _end_the_late(self) -> None:
        while not self._closed.wait(_WATCH_S):
            with self._lock:
                for child in self._children:
                    child.kill_if_timed_out()
