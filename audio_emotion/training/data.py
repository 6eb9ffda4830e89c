"""What an epoch reads: utterances in an order of its own, as features with targets, prepared ahead of the network."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from audio_emotion import augment as augmentation
from audio_emotion.audio.windows import pad, window_bounds
from audio_emotion.augment.features import Features
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.core.types import FloatArray, IntArray
from audio_emotion.corpora.base import Progress
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.models.frontends import LogMelSpectrogram, MelMfcc
from audio_emotion.training import spectrogram_cache
from audio_emotion.training.config import TrainConfig
from audio_emotion.training.spectrogram_cache import SpectrogramCache, needed_bytes

_LOG = logging.getLogger(__name__)

DEFAULT_VERSIONS = 2
"""Augmented versions of each utterance where features are computed once and the table says nothing."""

_READ = 32  # utterances whose features are computed at once


@dataclass(frozen=True)
class Subset:
    """Decoded utterances of one side.

    Attributes:
        sounds: samples without the quiet at their ends, (n_samples,) each.
        targets: their labels' numbers.
        names: what messages call them; empty: their numbers.
        ids: what their random draws depend on; empty: their numbers.
    """

    sounds: Sequence[FloatArray]
    targets: Sequence[int]
    names: Sequence[str] = ()
    ids: Sequence[str] = ()

    def name(self, index: int) -> str:
        """Return what messages call an utterance."""
        return self.names[index] if self.names else f"utterance {index}"


@dataclass(frozen=True)
class Shard:
    """Which part of each batch this process reads: every ``of``-th utterance, from ``number`` on."""

    number: int = 0
    of: int = 1


def groups(n: int, config: TrainConfig, epoch: int, share: Shard) -> list[IntArray]:
    """Return the numbers of the utterances of each batch of an epoch, every utterance once.

    A last batch that leaves a process fewer than two is left out: batch normalisation cannot take it.
    """
    order = np.random.default_rng([config.seed, epoch]).permutation(n)
    found = [order[i : i + config.batch_size] for i in range(0, n, config.batch_size)]
    if len(found) > 1 and len(found[-1]) < 2 * share.of:
        found.pop()
    return found


class Loader:
    """The training side as batches: windows of sound, or features that were computed once (``cached`` frontends).

    Attributes:
        waited_s: seconds that the loop has waited for sounds since it was set to 0.
    """

    def __init__(
        self, side: Subset, model: EmotionModel, n_labels: int, config: TrainConfig, share: Shard, progress: Progress
    ) -> None:
        self._side, self._model, self._config, self._share = side, model, config, share
        ids = side.ids or None
        self._sounds = Sounds(side.sounds, config.rate, config.window_samples, config.seed, config.augment, ids)
        self._changes = Features(config.augment, model.frontend)
        self._targets = F.one_hot(torch.tensor(list(side.targets)), n_labels).float()
        self._bank = self._computed(progress) if getattr(model.frontend, "cached", False) else None
        self._repeated = self._repeating()
        self.waited_s = 0.0

    def batches_per_epoch(self) -> int:
        """Return how many batches an epoch has."""
        return len(groups(len(self._side.sounds), self._config, 0, self._share))

    def epoch(self, number: int, first: int = 0) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield, from batch ``first`` on, the whole batch's utterances and what this process reads of them."""
        found = groups(len(self._side.sounds), self._config, number, self._share)[first:]
        read = self._of_bank if self._bank is not None else (self._repeated or self._sounds).stack
        with ThreadPoolExecutor(1) as worker:
            pending = [worker.submit(read, number, self.own(group)) for group in found[:1]]
            for group, following in zip(found, [*found[1:], None], strict=True):
                began = time.monotonic()
                heard = pending.pop().result()
                self.waited_s += time.monotonic() - began
                if following is not None:
                    pending.append(worker.submit(read, number, self.own(following)))
                yield group, heard

    def own(self, group: IntArray) -> IntArray:
        """Return the utterances of a batch that this process reads."""
        return group[self._share.number :: self._share.of]

    def features(self, heard: FloatArray, group: IntArray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Turn what :meth:`epoch` yields into changed features (batch, ...) and targets (batch, n_labels)."""
        device = next(self._model.parameters()).device
        x = torch.from_numpy(heard).to(device)
        targets = self._targets[self.own(group)].to(device)
        with torch.no_grad():
            if self._bank is None:
                x = self._repeated.features(x) if self._repeated else self._model.frontend(x)
            x = self._model.network.get_submodule("normalise")(self._changes.raw(x, rng))
        return self._changes.normalised(x, targets, rng)

    def _repeating(self) -> SpectrogramCache | None:
        """Return what keeps spectrograms, where the table asks for it, the model has any and memory has room."""
        table = augmentation.DEFAULT if self._config.augment is None else self._config.augment
        frontend, after = self._model.frontend, int(table.get("repeat_after", 0))
        if not after or not isinstance(frontend, MelMfcc | LogMelSpectrogram):
            return None
        needed = needed_bytes(frontend, self._config.window_samples, len(self._side.sounds), after)
        if needed > spectrogram_cache.LIMIT_BYTES:
            _LOG.info("no epoch repeats another: %d of them would take %.1f GB of memory", after, needed / 1e9)
            return None
        return SpectrogramCache(self._sounds, frontend, after)

    def _of_bank(self, epoch: int, numbers: IntArray) -> FloatArray:
        """Return the features of a version of each utterance, drawn by its number and the epoch."""
        assert self._bank is not None
        drawn = [np.random.default_rng([self._config.seed, int(n), epoch]).integers(len(self._bank)) for n in numbers]
        return np.stack([self._bank[version][n] for version, n in zip(drawn, numbers, strict=True)])

    def _computed(self, progress: Progress) -> list[FloatArray]:
        """Compute the features of every utterance as it is, and of its augmented versions."""
        table: Mapping[str, Any] = (
            {"versions": DEFAULT_VERSIONS} if self._config.augment is None else self._config.augment
        )
        versions, n = int(table.get("versions", DEFAULT_VERSIONS)), len(self._side.sounds)

        def plain(_: int, numbers: IntArray) -> FloatArray:
            return np.stack([middle(self._side.sounds[i], self._config.window_samples) for i in numbers])

        made = []
        for version in range(versions + 1):
            read = self._sounds.stack if version else plain
            parts = []
            for i in range(0, n, _READ):
                numbers = np.arange(i, min(n, i + _READ))
                parts.append(raw_features(self._model, read(version, numbers)))
                progress("features", version * n + int(numbers[-1]) + 1, (versions + 1) * n, "")
            made.append(np.concatenate(parts))
        return made


def raw_features(model: EmotionModel, windows: FloatArray) -> FloatArray:
    """Return what the frontend makes of windows (n, window_samples), on the CPU."""
    device = next(model.parameters()).device
    with torch.no_grad():
        features: FloatArray = model.frontend(torch.from_numpy(windows).to(device)).cpu().numpy()
    return features


def middle(samples: FloatArray, window: int) -> FloatArray:
    """Return the window in the middle of an utterance, (window,), padded where that is shorter."""
    covering = window_bounds(len(samples), window)
    start, end = covering[len(covering) // 2]
    return pad(samples[start:end], window)
