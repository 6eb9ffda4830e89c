"""Windows of all requests, put through the model in batches; those of short requests first."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from audio_emotion.core.types import FloatArray
from audio_emotion.inference.backends import Outputs, OutputsRuntime, Runtime

MAX_BATCH = 64
"""Windows put through the model at once: larger batches are no faster on a CPU, and cost memory for good."""

BACKGROUND_BATCH = 8
"""Windows of background requests put through the model at once: an urgent one waits for at most so many."""

_Item = tuple[FloatArray, "Future[Outputs]"]


class Batcher:
    """A runtime in front of a runtime, for any number of threads.

    One thread runs the model, which uses the machine's processors by itself, so that threads do not crowd each other.
    Urgent windows wait ``wait_s`` seconds for others to share their batch, and go before those of :attr:`background`.
    """

    def __init__(self, runtime: Runtime, wait_s: float, observe: Callable[[int], None] = lambda n: None) -> None:
        self.device = runtime.device
        self.background = _Background(self)
        self._runtime, self._wait_s, self._observe = runtime, wait_s, observe
        self._urgent: deque[_Item] = deque()
        self._later: deque[_Item] = deque()
        self._changed, self._closed = threading.Condition(), False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def logits(self, windows: FloatArray, *, urgent: bool = True) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples), at least one.

        Raises:
            RuntimeError: the batcher is closed.
        """
        return self.outputs(windows, urgent=urgent).logits

    def outputs(
        self, windows: FloatArray, shift: FloatArray | None = None, threads: int | None = None, *, urgent: bool = True
    ) -> Outputs:
        """Return the logits of windows (batch, window_samples), at least one, and whether they contain speech.

        The model behind it may be adapted; a shift for one caller alone is not supported, as callers share batches.

        Raises:
            RuntimeError: the batcher is closed.
        """
        assert shift is None
        # pieces one after the other: what is urgent gets its turn between them
        size = MAX_BATCH if urgent else BACKGROUND_BATCH
        parts = [self._wait_for(windows[i : i + size], urgent=urgent) for i in range(0, len(windows), size)]
        return Outputs._make(
            None if arrays[0] is None else np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )

    def close(self) -> None:
        """Finish what is pending, and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _wait_for(self, windows: FloatArray, *, urgent: bool) -> Outputs:
        result: Future[Outputs] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the service has stopped")
            (self._urgent if urgent else self._later).append((windows, result))
            self._changed.notify_all()
        return result.result()

    def _work(self) -> None:
        while items := self._next_batch():
            windows = np.concatenate([windows for windows, _ in items])
            self._observe(len(windows))
            try:
                outputs = self._computed(windows)
            except Exception as error:  # the model's: it belongs to the requests, not to this thread
                for _, result in items:
                    result.set_exception(error)
                continue
            borders = np.cumsum([len(windows) for windows, _ in items])[:-1]
            parts = [[None] * len(items) if array is None else np.split(array, borders) for array in outputs]
            for (_, result), own in zip(items, zip(*parts, strict=True), strict=True):
                result.set_result(Outputs._make(own))

    def _computed(self, windows: FloatArray) -> Outputs:
        if isinstance(self._runtime, OutputsRuntime):
            return self._runtime.outputs(windows)._replace(pooled=None)
        return Outputs(self._runtime.logits(windows))

    def _next_batch(self) -> list[_Item]:
        """Return what is put through the model next; nothing at the end."""
        with self._changed:
            while not (self._urgent or self._later):
                if self._closed:
                    return []
                self._changed.wait()
            if not self._urgent:
                return _take(self._later, BACKGROUND_BATCH)
            until = time.monotonic() + self._wait_s
            while sum(len(windows) for windows, _ in self._urgent) < MAX_BATCH and not self._closed:
                if (left := until - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
            return _take(self._urgent, MAX_BATCH)


class _Background:
    """The same runtime for requests that are in no hurry."""

    def __init__(self, batcher: Batcher) -> None:
        self.device, self._batcher = batcher.device, batcher

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples), at least one."""
        return self.outputs(windows).logits

    def outputs(self, windows: FloatArray) -> Outputs:
        """Return the logits of windows (batch, window_samples), at least one, and whether they contain speech."""
        return self._batcher.outputs(windows, urgent=False)


def _take(items: deque[_Item], most: int) -> list[_Item]:
    """Remove and return items of at most so many windows together, at least one item."""
    taken = [items.popleft()]
    n_windows = len(taken[0][0])
    while items and n_windows + len(items[0][0]) <= most:
        taken.append(items.popleft())
        n_windows += len(taken[-1][0])
    return taken
