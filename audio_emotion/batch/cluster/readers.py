"""What a decode worker makes of a recording of an archive, be it a file or in an object store."""

from collections.abc import Iterator
from typing import Any

from audio_emotion.batch import readers
from audio_emotion.batch.cluster.remote import fetched
from audio_emotion.batch.workers.ipc import WindowChunk
from audio_emotion.core.paths import is_address


def whole(path: str, size_bytes: int, **settings: Any) -> Iterator[WindowChunk]:
    """Do as :func:`audio_emotion.batch.readers.whole`; fetch at most ``size_bytes`` of an object."""
    if not is_address(path):
        yield from readers.whole(path, **settings)
        return
    with fetched(path, size_bytes) as content:
        yield from readers.whole(content, **settings, name=path)


def timeline(path: str, size_bytes: int, **settings: Any) -> Iterator[WindowChunk]:
    """Do as :func:`audio_emotion.batch.readers.timeline`; fetch at most ``size_bytes`` of an object."""
    if not is_address(path):
        yield from readers.timeline(path, **settings)
        return
    with fetched(path, size_bytes) as content:
        yield from readers.timeline(content, **settings, name=path)
