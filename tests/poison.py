"""A reader for decode workers that does what the file says, good or bad."""

import ctypes
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from audio_emotion.batch.workers.ipc import WindowChunk
from audio_emotion.core.errors import AudioError


def read(path: str, window_samples: int = 8, **_: object) -> Iterator[WindowChunk]:
    """Do the file's first word; a number is a good file: its one window holds that number throughout."""
    word, *rest = Path(path).read_text("utf-8").split()
    if word in _ENDS:
        _ENDS[word]()
    elif word in _PARTS:
        yield from (WindowChunk(np.zeros((n, window_samples), np.float32), end_s) for n, end_s in _PARTS[word]())
        return
    if "tests.mine" in sys.modules:
        os.abort()
    if word == "mine":  # leaves a trap for the file after it
        sys.modules["tests.mine"] = sys
    if word == "print":
        os.write(1, b"a decoder's own message\n" * 100)
    value = float(rest[0] if rest else word if word.isdigit() else 0)
    yield WindowChunk(np.full((1, window_samples), value, np.float32), 0.5, {"value": value})


def _spin() -> None:
    while True:
        pass


def _refuse() -> None:
    raise AudioError("not a sound\nat all")


def _allocate() -> None:
    hoard = []
    while True:
        hoard.append(np.ones(2**21))


def _late() -> Iterator[tuple[int, float]]:
    yield 2, 1.0
    yield 2, 2.0
    os.abort()


_ENDS: dict[str, Callable[[], object]] = {
    "hang": lambda: time.sleep(3600),
    "spin": _spin,
    "abort": os.abort,
    "segfault": lambda: ctypes.string_at(0),
    "raise": _refuse,
    "bug": lambda: 1 / 0,
    "exit": lambda: os._exit(3),
    "leave": sys.exit,
    "allocate": _allocate,
}
_PARTS: dict[str, Callable[[], Iterator[tuple[int, float]]]] = {
    "endless": lambda: ((1, float(second)) for second in itertools.count(1)),
    "late": _late,
    "empty": lambda: iter(()),
}


def windows(path: str, n_windows: int, in_a_part: int, window_samples: int = 8, **_: object) -> Iterator[WindowChunk]:
    """Yield a long recording, window by window numbered from 0."""
    for first in range(0, n_windows, in_a_part):
        numbers = np.arange(first, min(first + in_a_part, n_windows), dtype=np.float32)
        yield WindowChunk(
            np.repeat(numbers[:, None], window_samples, axis=1), float(first + len(numbers)), {"first": first}
        )
