"""A list of recordings → partitions, the units in which an archive is answered, stored, and continued."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass

from audio_emotion.batch.cluster.inputs import Input

SIZE = 256
"""Recordings in a partition, about."""

_BYTES = 2**30  # of known size, after which a partition is closed


@dataclass(frozen=True, slots=True)
class Partition:
    """Recordings that are answered together.

    Attributes:
        name: a checksum of the recordings' names and stamps, so that a partition that is finished is known by its
            name alone.
        inputs: in order.
    """

    name: str
    inputs: tuple[Input, ...]


def make_partitions(inputs: Iterable[Input], size: int = SIZE) -> Iterator[Partition]:
    """Cut sorted inputs into partitions of about ``size``: half of it to twice as many, but the last.

    Where one ends depends on the names around it and not on how many came before: inputs that are added or taken away
    change the partitions that they are in, and leave the others as they were.
    """
    least = max(1, size // 2)
    one_in = size - least + 1
    held: list[Input] = []
    n_bytes = 0
    for given in inputs:
        held.append(given)
        n_bytes += max(0, given.stamp.size)
        is_boundary = not zlib.crc32(given.name.encode("utf-8", "surrogateescape")) % one_in
        if (len(held) >= least and is_boundary) or len(held) >= 2 * size or n_bytes >= _BYTES:
            yield _partition(held)
            held, n_bytes = [], 0
    if held:
        yield _partition(held)


def _partition(inputs: list[Input]) -> Partition:
    content = json.dumps([[given.name, *astuple(given.stamp)] for given in inputs])
    return Partition(f"part-{hashlib.sha256(content.encode('ascii')).hexdigest()[:24]}", tuple(inputs))
