"""What a decode worker makes of a recording of an archive, be it a file or in an object store."""

from collections.abc import Iterator
from typing import Any

from audio_emotion import readers
from audio_emotion.cluster.remote import fetched
from audio_emotion.paths import is_address
from audio_emotion.workers.wire import Part


def whole(path: str, size_bytes: int, **settings: Any) -> Iterator[Part]:
    """Do as :func:`audio_emotion.readers.whole`; fetch at most ``size_bytes`` of an object."""
    if not is_address(path):
        yield from readers.whole(path, **settings)
        return
    with fetched(path, size_bytes) as content:
        yield from readers.whole(content, **settings, name=path)


def timeline(path: str, size_bytes: int, **settings: Any) -> Iterator[Part]:
    """Do as :func:`audio_emotion.readers.timeline`; fetch at most ``size_bytes`` of an object."""
    if not is_address(path):
        yield from readers.timeline(path, **settings)
        return
    with fetched(path, size_bytes) as content:
        yield from readers.timeline(content, **settings, name=path)
