"""Windows of whoever asks at the moment, put through the model together."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from audio_emotion.core.types import FloatArray
from audio_emotion.inference.backends import Runtime

MOST = 64
"""Windows put through the model at once, somewhat more where one asks for several."""

_Asked = tuple[FloatArray, "Future[FloatArray]"]


class Batcher:
    """A runtime in front of a runtime, for any number of threads: it waits a little for others that ask too.

    One thread runs the model, which uses the machine's processors by itself, so that threads do not crowd each other.
    """

    def __init__(self, runtime: Runtime, wait_s: float, observe: Callable[[int], None] = lambda n: None) -> None:
        self.device = runtime.device
        self._runtime, self._wait_s, self._observe = runtime, wait_s, observe
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._lock, self._closed = threading.Lock(), False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples), at least one.

        Raises:
            RuntimeError: it is closed: nobody would ever answer.
        """
        answer: Future[FloatArray] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the service is at its end")
            self._asked.put((windows, answer))
        return answer.result()

    def close(self) -> None:
        """Answer what was asked, and end."""
        with self._lock:
            self._closed = True
            self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while together := self._together():
            windows = np.concatenate([windows for windows, _ in together])
            self._observe(len(windows))
            try:
                logits = self._runtime.logits(windows)
            except Exception as error:  # of the model: theirs who asked, not this thread's
                for _, answer in together:
                    answer.set_exception(error)
                continue
            borders = np.cumsum([len(windows) for windows, _ in together])[:-1]
            for (_, answer), own in zip(together, np.split(logits, borders), strict=True):
                answer.set_result(own)

    def _together(self) -> list[_Asked]:
        """Return what is asked within a moment; nothing at the end."""
        first = self._asked.get()
        if first is None:
            return []
        together, n_windows = [first], len(first[0])
        until = time.monotonic() + self._wait_s
        while n_windows < MOST:
            try:
                more = self._asked.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if more is None:
                self._asked.put(None)
                break
            together.append(more)
            n_windows += len(more[0])
        return together
