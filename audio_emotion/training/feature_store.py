"""Features that cost much to compute, kept in the cache folder: further epochs, folds and runs only read them."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from audio_emotion.core import paths
from audio_emotion.core.types import FloatArray, IntArray
from audio_emotion.corpora.base import Progress

_READ = 32  # utterances whose features are computed at once


class FeatureStore:
    """The features of each utterance, as it is and in its augmented versions, as 16-bit floats on disk.

    There is a file for each utterance, named after all that determines its content: any number of runs may share the
    folder, and a run reads what another one has computed. What cannot be written is kept in memory.

    Attributes:
        n_versions: how many versions of an utterance there are, the one as it is included.
    """

    def __init__(self, settings: object, ids: Sequence[str], n_versions: int) -> None:
        """Take what the features depend on, as JSON has it, and what identifies each utterance."""
        self.n_versions = n_versions
        described = json.dumps([settings, n_versions], sort_keys=True)
        self._names = [hashlib.sha256(f"{described} {name}".encode()).hexdigest() for name in ids]
        self._folder = paths.cache_dir() / "features"
        self._in_memory: dict[int, np.ndarray] = {}

    def complete(self, compute: Callable[[int, IntArray], FloatArray], progress: Progress) -> None:
        """Compute what is missing: ``compute`` returns a version's features of some utterances, (n, ...)."""
        missing = [number for number, name in enumerate(self._names) if not self._path(name).is_file()]
        for first in range(0, len(missing), _READ):
            numbers = np.array(missing[first : first + _READ])
            versions = [compute(version, numbers).astype(np.float16) for version in range(self.n_versions)]
            for place, number in enumerate(numbers.tolist()):
                self._keep(number, np.stack([version[place] for version in versions]))
            progress("features", first + len(numbers), len(missing), "")

    def read(self, version: int, number: int) -> FloatArray:
        """Return a version of an utterance's features, in 32-bit floats."""
        if number in self._in_memory:
            versions = self._in_memory[number]
        else:
            versions = np.load(self._path(self._names[number]), mmap_mode="r", allow_pickle=False)
        features: FloatArray = versions[version].astype(np.float32)
        return features

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name}.npy"

    def _keep(self, number: int, versions: np.ndarray) -> None:
        path = self._path(self._names[number])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(suffix=".part", dir=path.parent)
            with os.fdopen(handle, "wb") as file:
                np.save(file, versions, allow_pickle=False)
            Path(part).replace(path)
        except OSError:
            self._in_memory[number] = versions
