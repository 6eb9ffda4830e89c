"""Handling of standard streams."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def libraries_silenced() -> Iterator[None]:
    """Discard what ALSA and PortAudio write to stderr; our own messages still get there."""
    ours, theirs = sys.stderr, os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    sys.stderr = os.fdopen(theirs, "w", buffering=1, encoding=ours.encoding, errors=ours.errors)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(theirs, 2)
        os.close(nothing)
        sys.stderr.close()
        sys.stderr = ours
