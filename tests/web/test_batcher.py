import threading
import time

import numpy as np
import pytest

from audio_emotion.inference.backends import Outputs
from audio_emotion.web import batcher as module
from audio_emotion.web.batcher import Batcher, BatcherView


class Doubling:
    device = "cpu"

    def __init__(self):
        self.sizes = []
        self.gate = threading.Event()

    def logits(self, windows):
        self.gate.wait(5)
        self.sizes.append(len(windows))
        return 2 * windows[:, :1]


def ask(batcher, numbers):
    """Ask from a thread for each number, (n, 3) windows of it; return what each was told."""
    told = {}

    def one(number):
        told[number] = batcher.logits(np.full((number, 3), number, np.float32))

    threads = [threading.Thread(target=one, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    return threads, told


def test_those_who_ask_together_are_answered_together_and_each_with_its_own():
    runtime = Doubling()
    batcher = Batcher(runtime, wait_s=0.2)
    threads, told = ask(batcher, range(1, 6))
    runtime.gate.set()
    for thread in threads:
        thread.join(5)
    assert sum(runtime.sizes) == 15
    assert len(runtime.sizes) < 5
    for number, logits in told.items():
        np.testing.assert_array_equal(logits, np.full((number, 1), 2 * number, np.float32))
    batcher.close()


def test_a_full_batch_does_not_wait():
    runtime = Doubling()
    runtime.gate.set()
    batcher = Batcher(runtime, wait_s=60.0)
    assert len(batcher.logits(np.zeros((64, 3), np.float32))) == 64
    batcher.close()


def test_who_asked_is_told_of_a_failure_and_the_next_is_answered():
    runtime = Doubling()
    runtime.gate.set()
    batcher = Batcher(runtime, wait_s=0.0)
    with pytest.raises(TypeError):
        batcher.logits(np.array([["x"]]))
    np.testing.assert_array_equal(batcher.logits(np.ones((1, 3), np.float32)), [[2]])
    batcher.close()
    with pytest.raises(RuntimeError, match="has stopped"):  # a stream may still be open; it must not wait for ever
        batcher.logits(np.ones((1, 3), np.float32))


class Recording(Doubling):
    """Notes the batches that it computes, with the shift of each window."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def outputs(self, windows, shift=None, threads=None):
        self.gate.wait(5)
        self.batches.append((windows[:, 0].tolist(), None if shift is None else shift[:, 0].tolist()))
        return Outputs(2 * windows[:, :1], pooled=windows[:, :2])


def windows_of(value, n):
    return np.full((n, 3), value, np.float32)


def wait_until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


def start(*calls):
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def test_urgent_windows_go_between_small_batches_of_the_others(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 60.0)
    runtime = Recording()
    batcher = Batcher(runtime, wait_s=0.0)
    threads = start(lambda: batcher.outputs(windows_of(1, 40), urgent=False), lambda: batcher.outputs(windows_of(2, 1)))
    wait_until(lambda: batcher._urgent or [2.0] in [values for values, _ in runtime.batches])
    runtime.gate.set()
    for thread in threads:
        thread.join(5)
    batcher.close()
    assert max(len(values) for values, _ in runtime.batches) <= module.BACKGROUND_BATCH
    assert [2.0] in [values for values, _ in runtime.batches[:2]]


def test_urgent_windows_do_not_starve_the_others(monkeypatch):
    """With no patience at all, background windows go first."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    runtime = Recording()
    batcher = Batcher(runtime, wait_s=0.0)
    threads = start(*[lambda: batcher.outputs(windows_of(2, 64))] * 4)
    wait_until(lambda: len(batcher._urgent) == 3)
    threads += start(lambda: batcher.outputs(windows_of(1, 1), urgent=False))
    wait_until(lambda: batcher._later)
    runtime.gate.set()
    for thread in threads:
        thread.join(5)
    batcher.close()
    assert runtime.batches[1][0] == [1.0]


def test_a_slow_model_gets_smaller_background_batches():
    runtime = Recording()
    runtime.gate.set()
    batcher = Batcher(runtime, wait_s=0.0)
    batcher._window_s = 0.02  # as measured
    batcher.outputs(windows_of(1, 3), urgent=False)
    assert len(runtime.batches[0][0]) == 2  # 40 ms
    batcher.close()


def test_requests_that_share_a_batch_keep_their_own_shifts():
    runtime = Recording()
    batcher = Batcher(runtime, wait_s=60.0, own_shift=np.array([0.5], np.float32))
    shifted = batcher.with_shift(np.array([9.0], np.float32))
    results = {}
    runtime.gate.set()
    threads = start(
        lambda: results.update(own=batcher.outputs(windows_of(1, 2))),
        lambda: results.update(moved=shifted.outputs(windows_of(2, 62))),  # completes a batch of 64
    )
    for thread in threads:
        thread.join(5)
    batcher.close()
    (batch,) = runtime.batches
    assert set(zip(*batch, strict=True)) == {(1.0, 0.5), (2.0, 9.0)}
    np.testing.assert_array_equal(results["moved"].pooled, windows_of(2, 62)[:, :2])


def test_a_request_that_has_ended_puts_nothing_more_through_the_model():
    runtime = Recording()
    runtime.gate.set()
    batcher = Batcher(runtime, wait_s=0.0)

    def left():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        BatcherView(batcher, check=left).logits(windows_of(1, 1))
    assert runtime.batches == []
    batcher.close()
