import threading

import numpy as np
import pytest

from audio_emotion.web.batcher import Batcher


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
