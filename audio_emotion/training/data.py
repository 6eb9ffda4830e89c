"""What an epoch reads: utterances in an order of its own, prepared by a thread while the network trains."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audio_emotion import augment as augmentation
from audio_emotion.audio.cache import ScratchArrays
from audio_emotion.audio.windows import pad, window_bounds
from audio_emotion.augment.features import Features
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.core.types import FloatArray, IntArray
from audio_emotion.corpora.base import Progress
from audio_emotion.corpora.coverage import CALM, NEUTRAL, Coverage
from audio_emotion.corpora.load import digest
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.models.frontends import LogMelSpectrogram, MelMfcc
from audio_emotion.training import accelerator, spectrogram_cache
from audio_emotion.training.config import TrainConfig
from audio_emotion.training.feature_store import FeatureStore
from audio_emotion.training.sampling import epoch_order, occurrences
from audio_emotion.training.spectrogram_cache import SpectrogramCache, needed_bytes

_LOG = logging.getLogger(__name__)

DEFAULT_VERSIONS = 2
"""Augmented versions of each utterance where features are computed once and the table says nothing."""

_READ = 32  # utterances whose features are computed at once

_REPEAT = 1_000_003
"""What the number of an epoch grows by for each repetition of an utterance in it: more than any run has epochs, and
odd, so that kept spectrograms of another epoch are read."""


@dataclass(frozen=True)
class Subset:
    """Decoded utterances of one side.

    Attributes:
        sounds: samples without the quiet at their ends, (n_samples,) each.
        targets: their labels' numbers.
        names: for messages; empty: their numbers.
        ids: what their random draws depend on; empty: their numbers.
        corpora: the corpus of each; empty: all are of one corpus, which has every label.
        coverage: which labels each corpus has.
    """

    sounds: Sequence[FloatArray]
    targets: Sequence[int]
    names: Sequence[str] = ()
    ids: Sequence[str] = ()
    corpora: Sequence[str] = ()
    coverage: Coverage = field(default_factory=Coverage)

    def first(self, n: int) -> "Subset":
        """Return the first ``n`` utterances."""
        parts = {f.name: getattr(self, f.name)[:n] for f in fields(self) if f.name != "coverage"}
        return replace(self, **parts)

    def also_right(self, index: int) -> int | None:
        """Return the number of calm for a neutral utterance of a corpus without calm; None for any other."""
        labels = self.coverage.labels
        if not self.coverage.some_have_calm or labels[self.targets[index]] != NEUTRAL:
            return None
        return labels.index(CALM) if self.coverage.neutral_may_be_calm(self.corpora[index]) else None

    def name(self, index: int) -> str:
        """Return an utterance's name for messages."""
        return self.names[index] if self.names else f"utterance {index}"


@dataclass(frozen=True)
class Shard:
    """Which part of each batch this process reads: every ``of``-th utterance, from ``number`` on."""

    number: int = 0
    of: int = 1


def batches(order: IntArray, batch_size: int, shard: Shard) -> list[IntArray]:
    """Cut an epoch's order into batches.

    A last batch with fewer than two for a process is left out: batch normalization needs two.
    """
    parts = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    # order    |--- batch 0 ---|--- batch 1 ---|-|      a rest this short is dropped
    if len(parts) > 1 and len(parts[-1]) < 2 * shard.of:
        parts.pop()
    return parts


class Loader:
    """The training set as batches: windows of sound, or features that were computed once (``cached`` frontends).

    Attributes:
        waited_s: seconds that the loop has waited for data since it was set to 0.
    """

    def __init__(
        self, side: Subset, model: EmotionModel, config: TrainConfig, shard: Shard, progress: Progress
    ) -> None:
        self._side, self._model, self._config, self._shard = side, model, config, shard
        ids = side.ids or None
        self._sounds = Sounds(side.sounds, config.rate, config.window_samples, config.seed, config.augment, ids)
        self._changes = Features(config.augment, model.frontend)
        self._store = self._stored(progress) if getattr(model.frontend, "stored", False) else None
        self._bank = self._computed(progress) if getattr(model.frontend, "cached", False) else None
        self._repeated = self._repeating()
        self.waited_s = 0.0

    def batches_per_epoch(self) -> int:
        """Return how many batches an epoch has."""
        return len(batches(self._order(0), self._config.batch_size, self._shard))

    def epoch(self, number: int, first: int = 0) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield, from batch ``first`` on, the whole batch's utterances and what this process reads of them."""
        order = self._order(number)
        groups = batches(order, self._config.batch_size, self._shard)[first:]
        # An utterance that balanced sampling repeats within an epoch gets the random draws of another epoch.
        versions = batches(number + _REPEAT * occurrences(order), self._config.batch_size, self._shard)[first:]
        pairs = list(zip(versions, groups, strict=True))
        with ThreadPoolExecutor(1) as worker:
            # One batch ahead: while the network trains on batch n, the thread prepares batch n + 1.
            pending = [worker.submit(self._read, *map(self.own, pair)) for pair in pairs[:1]]
            for (_, group), following in zip(pairs, [*pairs[1:], None], strict=True):
                start = time.monotonic()
                inputs = pending.pop().result()
                self.waited_s += time.monotonic() - start
                if following is not None:
                    pending.append(worker.submit(self._read, *map(self.own, following)))
                yield group, inputs

    def own(self, group: IntArray) -> IntArray:
        """Return the part of a batch that this process reads."""
        # batch of 8, two processes: process 0 reads 0 2 4 6, process 1 reads 1 3 5 7
        return group[self._shard.number :: self._shard.of]

    def features(self, inputs: FloatArray, targets: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Turn what :meth:`epoch` yields and its targets (batch, n_columns) into changed features and targets."""
        device = next(self._model.parameters()).device
        x = torch.from_numpy(inputs).to(device)
        with torch.no_grad():
            if self._bank is None and self._store is None:
                x = self._repeated.features(x) if self._repeated else self._model.frontend(x)
            x = self._model.network.get_submodule("normalise")(self._changes.raw(x, rng))
        return self._changes.normalised(x, targets.to(device), rng)

    def _order(self, epoch: int) -> IntArray:
        rng = np.random.default_rng([self._config.seed, epoch])
        return epoch_order(self._config.sampling, self._side.corpora, self._side.targets, rng)

    def _read(self, epochs: IntArray, numbers: IntArray) -> FloatArray:
        """Return what the network reads of some utterances, each as it is in an epoch of its own."""
        read: Callable[[int, int], FloatArray] = self._sounds.sound
        if self._bank is not None or self._store is not None:
            read = self._of_bank
        elif self._repeated:
            read = self._repeated.spectrogram
        return np.stack([read(int(epoch), int(n)) for epoch, n in zip(epochs, numbers, strict=True)], dtype=np.float32)

    def _repeating(self) -> SpectrogramCache | None:
        """Return a cache of spectrograms, if the table asks for it, the model has any, and they fit."""
        table = augmentation.DEFAULT if self._config.augment is None else self._config.augment
        frontend, after = self._model.frontend, int(table.get("repeat_after", 0))
        if not after or not isinstance(frontend, MelMfcc | LogMelSpectrogram):
            return None
        needed = needed_bytes(frontend, self._config.window_samples, len(self._side.sounds), after)
        if needed > spectrogram_cache.LIMIT_BYTES:
            _LOG.info("no epoch repeats another: spectrograms of %d of them would take %.1f GB", after, needed / 1e9)
            return None
        return SpectrogramCache(self._sounds, frontend, after)

    def _of_bank(self, epoch: int, number: int) -> FloatArray:
        """Return the features of a version of an utterance, drawn by its number and the epoch."""
        draw = np.random.default_rng([self._config.seed, number, epoch])
        if self._store is not None:
            return self._store.read(int(draw.integers(self._store.n_versions)), number)
        assert self._bank is not None
        n_versions, computed = self._bank
        features: FloatArray = computed[int(draw.integers(n_versions)), number]
        return features

    def _n_versions(self) -> int:
        """Return how many augmented versions of each utterance there are."""
        table: Mapping[str, Any] = self._config.augment or {}
        return int(table.get("versions", DEFAULT_VERSIONS))

    def _windows(self, version: int, numbers: IntArray) -> FloatArray:
        """Return a window of each of some utterances: as it is, version 0, or augmented."""
        if version:
            return self._sounds.stack(version, numbers)
        return np.stack([middle(self._side.sounds[i], self._config.window_samples) for i in numbers])

    def _stored(self, progress: Progress) -> FeatureStore:
        """Compute the features of every utterance, as it is and in its augmented versions, that no run has stored."""
        config, frontend = self._config, self._model.frontend_config
        settings = [config.architecture, frontend, config.augment, config.window_samples, config.seed]
        ids = self._side.ids or [digest(samples) for samples in self._side.sounds]
        store = FeatureStore(settings, ids, self._n_versions() + 1)
        dtype = accelerator.precision(config, next(self._model.parameters()).device.type)

        def compute(version: int, numbers: IntArray) -> FloatArray:
            return raw_features(self._model, self._windows(version, numbers), dtype)

        store.complete(compute, progress)
        return store

    def _computed(self, progress: Progress) -> tuple[int, ScratchArrays]:
        """Compute the features of every utterance as it is, and of its augmented versions; return how many versions."""
        versions, n = self._n_versions(), len(self._side.sounds)
        computed = ScratchArrays()
        for version in range(versions + 1):
            for i in range(0, n, _READ):
                numbers = np.arange(i, min(n, i + _READ))
                rows = raw_features(self._model, self._windows(version, numbers))
                for number, features in zip(numbers, rows, strict=True):
                    computed[version, int(number)] = features
                progress("features", version * n + int(numbers[-1]) + 1, (versions + 1) * n, "")
        return versions + 1, computed


def raw_features(model: EmotionModel, windows: FloatArray, dtype: torch.dtype | None = None) -> FloatArray:
    """Return the features of windows (n, window_samples), on the CPU, computed in ``dtype`` as far as that can be."""
    device = next(model.parameters()).device
    with torch.no_grad(), torch.autocast(device.type, dtype, enabled=dtype is not None):
        features: FloatArray = model.frontend(torch.from_numpy(windows).to(device)).float().cpu().numpy()
    return features


def middle(samples: FloatArray, window: int) -> FloatArray:
    """Return the window in the middle of an utterance, (window,), padded where that is shorter."""
    covering = window_bounds(len(samples), window)
    start, end = covering[len(covering) // 2]
    return pad(samples[start:end], window)
