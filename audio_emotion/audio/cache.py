"""Decoded recordings on disk, so that a second epoch or run decodes nothing.

An entry is one ``.npy`` file of float32 samples, named by the content of the recording and the decode settings, so a
recording that moves keeps its entry and one that changes gets another. Entries are written beside their place and
renamed, so any number of processes may share the folder; one that cannot be read is made anew.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from audio_emotion import audio
from audio_emotion.core import paths
from audio_emotion.core.types import FloatArray

_DECODER = "2"  # change it when the same file would decode to other samples
LIMIT_BYTES = 4 * 2**30
"""How much the folder may hold; the entries that were not read for longest go first."""


def load(path: Path, sampling_rate: int) -> FloatArray:
    """Return a recording's samples, (n_samples,) mono at ``sampling_rate`` Hz, decoded at most once.

    Raises :class:`~audio_emotion.core.errors.AudioError` as :func:`audio_emotion.audio.load` does. Where the cache
    cannot be written, the recording is decoded and nothing is kept.
    """
    entry = _entry(path, sampling_rate)
    if entry is None:
        return audio.load(path, sampling_rate).samples
    try:
        samples: FloatArray = np.load(entry, allow_pickle=False)
        os.utime(entry)
    except (OSError, ValueError, EOFError):  # not there, or cut short
        samples = audio.load(path, sampling_rate).samples
        _keep(samples, entry)
    return samples


def trim(limit_bytes: int = LIMIT_BYTES) -> None:
    """Delete the entries that were read longest ago until the rest fit into ``limit_bytes``."""
    for left in paths.cache_dir().glob("*.part"):  # by a process that was killed
        if paths.is_old(left):
            with suppress(OSError):
                left.unlink()
    entries = []
    for entry in paths.cache_dir().glob("*.npy"):
        try:
            entries.append((entry.stat().st_mtime, entry.stat().st_size, entry))
        except OSError:  # another process was faster
            continue
    excess = sum(size for _, size, _ in entries) - limit_bytes
    for _, size, entry in sorted(entries):
        if excess <= 0:
            return
        entry.unlink(missing_ok=True)
        excess -= size


def _entry(path: Path, sampling_rate: int) -> Path | None:
    try:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
    return paths.cache_dir() / f"{content}-{sampling_rate}-{_DECODER}.npy"


def _keep(samples: FloatArray, entry: Path) -> None:
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        handle, sibling = tempfile.mkstemp(dir=entry.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, samples)
            Path(sibling).replace(entry)
        finally:
            Path(sibling).unlink(missing_ok=True)
    except OSError:  # a full or read-only disk costs time, not the run
        return
