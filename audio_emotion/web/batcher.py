"""Windows of all requests, put through the model in batches; those of short requests first."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np

from audio_emotion.core.types import FloatArray
from audio_emotion.inference.backends import Outputs, OutputsRuntime, Runtime, concatenate

MAX_BATCH = 64
"""Windows put through the model at once: larger batches are no faster on a CPU, and cost memory for good."""

BACKGROUND_BATCH = 8
"""Windows of background requests put through the model at once, at most,"""

BACKGROUND_S = 0.04
"""and the seconds that they may take: urgent windows that come in the meantime wait for so long."""

PATIENCE_S = 0.25
"""Background windows that have waited for so long get one turn, however many urgent ones there are."""


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """Windows that wait, (n, window_samples), with the shift of their pooled vectors, (n_pooled,), or None."""

    windows: FloatArray
    shift: FloatArray | None
    result: "Future[Outputs]"


class Batcher:
    """A runtime in front of a runtime, for any number of threads.

    One thread runs the model, which uses the machine's processors by itself, so that threads do not crowd each other.
    Urgent windows wait ``wait_s`` seconds for others to share their batch. They go before background windows, which
    come in batches so small that an urgent window never waits long, and which get at least a few turns each second.
    """

    def __init__(
        self,
        runtime: Runtime,
        wait_s: float,
        observe: Callable[[int], None] = lambda n: None,
        own_shift: FloatArray | None = None,
    ) -> None:
        """Start the thread.

        Args:
            runtime: the model.
            wait_s: seconds that urgent windows wait for others.
            observe: called with the size of each batch.
            own_shift: of the model's pooled vectors, (n_pooled,); None: it cannot be adapted.
        """
        self.device = runtime.device
        self._runtime, self._wait_s, self._observe, self._own_shift = runtime, wait_s, observe, own_shift
        self._urgent: deque[_Item] = deque()
        self._later: deque[_Item] = deque()
        self._later_at = time.monotonic()  # when a background batch was last taken, or the first one came
        self._window_s = BACKGROUND_S / BACKGROUND_BATCH  # what a window takes: a running mean
        self._changed, self._closed = threading.Condition(), False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples), at least one.

        Raises:
            RuntimeError: the batcher is closed.
        """
        return self.outputs(windows).logits

    def outputs(
        self, windows: FloatArray, shift: FloatArray | None = None, threads: int | None = None, *, urgent: bool = True
    ) -> Outputs:
        """Return the outputs of windows (batch, window_samples), at least one.

        Args:
            windows: at the model's sampling rate.
            shift: of these windows' pooled vectors, (n_pooled,); None: the model's own.
            threads: has no meaning here.
            urgent: whether they go before the windows of others that are not.

        Raises:
            RuntimeError: the batcher is closed.
        """
        # pieces one after the other: what is urgent gets its turn between them
        size = MAX_BATCH if urgent else max(1, min(BACKGROUND_BATCH, int(BACKGROUND_S / self._window_s)))
        pieces = [windows[i : i + size] for i in range(0, len(windows), size)]
        return concatenate([self._wait_for(piece, shift, urgent=urgent) for piece in pieces])

    def with_shift(self, shift: FloatArray) -> "BatcherView":
        """Return the same model, with a shift (n_pooled,) of its own."""
        return BatcherView(self, shift=shift)

    def close(self) -> None:
        """Finish what is pending, and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _wait_for(self, windows: FloatArray, shift: FloatArray | None, *, urgent: bool) -> Outputs:
        item = _Item(windows, shift, Future())
        with self._changed:
            if self._closed:
                raise RuntimeError("the service has stopped")
            if not (urgent or self._later):
                self._later_at = time.monotonic()
            (self._urgent if urgent else self._later).append(item)
            self._changed.notify_all()
        return item.result.result()

    def _work(self) -> None:
        while items := self._next_batch():
            sizes = [len(item.windows) for item in items]
            self._observe(sum(sizes))
            started = time.monotonic()
            try:
                outputs = self._computed(items, sizes)
            except Exception as error:  # the model's: it belongs to the requests, not to this thread
                for item in items:
                    item.result.set_exception(error)
                continue
            # Exponential mean: a fifth of the way to the last measurement, so one slow batch changes little.
            self._window_s += 0.2 * ((time.monotonic() - started) / sum(sizes) - self._window_s)
            borders = np.cumsum(sizes)[:-1]
            parts = [[None] * len(items) if array is None else np.split(array, borders) for array in outputs]
            for item, own in zip(items, zip(*parts, strict=True), strict=True):
                item.result.set_result(Outputs._make(own))

    def _computed(self, items: Sequence[_Item], sizes: Sequence[int]) -> Outputs:
        windows = np.concatenate([item.windows for item in items])
        if not isinstance(self._runtime, OutputsRuntime):
            return Outputs(self._runtime.logits(windows))
        if all(item.shift is None for item in items):
            return self._runtime.outputs(windows)
        assert self._own_shift is not None
        # one row for each window: requests that share a batch need not share a shift
        rows = [self._own_shift if item.shift is None else item.shift for item in items]
        return self._runtime.outputs(windows, np.repeat(np.stack(rows), sizes, axis=0))

    def _next_batch(self) -> list[_Item]:
        """Return what is put through the model next; nothing at the end."""
        with self._changed:
            while not (self._urgent or self._later):
                if self._closed:
                    return []
                self._changed.wait()
            if self._later and (not self._urgent or time.monotonic() - self._later_at >= PATIENCE_S):
                self._later_at = time.monotonic()
                return _take(self._later, BACKGROUND_BATCH)
            until = time.monotonic() + self._wait_s
            while sum(len(item.windows) for item in self._urgent) < MAX_BATCH and not self._closed:
                if (left := until - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
            return _take(self._urgent, MAX_BATCH)


@dataclass(slots=True, eq=False)
class BatcherView:
    """A batcher as one request sees it: a runtime that can be adapted.

    Attributes:
        batcher: what predicts.
        urgent: whether the request's windows go before those that are not urgent.
        shift: of the pooled vectors, (n_pooled,); None: the model's own.
        check: called before each batch; what it raises ends the request.
        device: where the model runs.
    """

    batcher: Batcher
    urgent: bool = True
    shift: FloatArray | None = None
    check: Callable[[], None] = lambda: None
    device: str = field(init=False)

    def __post_init__(self) -> None:
        self.device = self.batcher.device

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples), at least one."""
        return self.outputs(windows).logits

    def outputs(self, windows: FloatArray, shift: FloatArray | None = None, threads: int | None = None) -> Outputs:
        """Return the outputs of windows (batch, window_samples), at least one; see :meth:`Batcher.outputs`."""
        self.check()
        return self.batcher.outputs(windows, self.shift if shift is None else shift, urgent=self.urgent)

    def with_shift(self, shift: FloatArray) -> "BatcherView":
        """Return the same view with another shift (n_pooled,)."""
        return replace(self, shift=shift)


def _take(items: deque[_Item], most: int) -> list[_Item]:
    """Remove and return items of at most so many windows together, at least one item."""
    taken = [items.popleft()]
    n_windows = len(taken[0].windows)
    while items and n_windows + len(items[0].windows) <= most:
        taken.append(items.popleft())
        n_windows += len(taken[-1].windows)
    return taken
