"""A pool of idle workers from which any thread can have one recording read, as a service does."""

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
    """Decode workers for any number of threads; each reads one recording at a time, and is replaced when it ends."""

    def __init__(self, reader: Reader, jobs: int, limits: Limits) -> None:
        self._reader, self._limits = reader, limits
        self._lock = threading.Lock()
        self._workers: set[WorkerProcess] = set()
        self._idle: queue.LifoQueue[WorkerProcess | None] = queue.LifoQueue()  # None: a worker that is not started yet
        for _ in range(jobs):
            self._idle.put(None)
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._kill_timed_out, daemon=True)
        self._watch.start()

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

    def read(self, path: str, settings: Mapping[str, Any]) -> Generator[WindowBatch | Failure, None, None]:
        """Wait for an idle worker and yield the reader's output for a recording, in order; a failure is the last.

        ``settings`` override the reader's own. If a worker that has read others ends before any output for this
        recording, the recording is tried again in a new worker.
        """
        worker = self._idle.get()
        try:
            check(path, self._limits)
            used, has_output = worker is not None, False
            while True:
                worker = worker or self._new()
                try:
                    for windows in worker.read(0, path, settings):
                        has_output = True
                        yield windows
                    return
                except RecordingFailedError as failure:
                    worker = self._kept(worker)
                    if not (used and not has_output and failure.kind in {"crash", "memory"}):
                        raise
                    used = False
        except RecordingFailedError as failure:
            yield Failure(0, failure.kind, " ".join(failure.reason.split()))
        except BaseException:  # the rest of this worker's output has no reader
            if worker is not None:
                worker.kill()
            raise
        finally:
            self._idle.put(self._kept(worker))

    def close(self) -> None:
        """End all workers."""
        self._closed.set()
        with self._lock:
            workers, self._workers = self._workers, set()
        for worker in workers:
            worker.close()
        self._watch.join()

    def _new(self) -> WorkerProcess:
        worker = WorkerProcess(self._reader, self._limits)
        with self._lock:
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
