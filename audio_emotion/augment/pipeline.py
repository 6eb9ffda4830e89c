"""The augmented sound of each training utterance in each epoch."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from zlib import crc32

import numpy as np

from audio_emotion.audio.cache import ScratchArrays
from audio_emotion.augment.recipe import DEFAULT, KEPT, WAVEFORM, check, made
from audio_emotion.core.types import FloatArray, IntArray

Draw = tuple[str, Any]
"""A transform's name and its parameter."""


class Sounds:
    """Training utterances with their augmentation.

    Everything is drawn again for every utterance and epoch, except that pitch and tempo have as many ``versions`` of
    each utterance as the table says, made when first needed and kept on disk. Every draw comes from the seed, the
    utterance's id, the epoch and the transform's name alone: the same sound in any process, whatever the order of
    calls, and a transform more or less leaves the others' draws as they were.
    """

    def __init__(
        self,
        clips: Sequence[FloatArray],
        sampling_rate: int,
        window_samples: int,
        seed: int,
        augment: Mapping[str, Any] | None = None,
        ids: Sequence[int | str] | None = None,
    ) -> None:
        """Store utterances, (n_samples,) each, an augmentation table, and the ids of the utterances.

        ``augment`` is :data:`~audio_emotion.augment.DEFAULT` where it is None; ``ids``, digests or numbers, are the
        utterances' places in ``clips``.

        Raises:
            UsageError: a problem of the table.
        """
        table = DEFAULT if augment is None else augment
        check(table)
        self._clips = clips
        self._rate = sampling_rate
        self._window = window_samples
        self._seed = seed
        self._ids = [_number(utterance_id) for utterance_id in (range(len(clips)) if ids is None else ids)]
        self._used = made(table, WAVEFORM)
        self._versions: int = table.get("versions", 0)
        self._renderings = ScratchArrays()

    def draws(self, epoch: int, index: int) -> list[Draw]:
        """Return what utterance ``index`` goes through in ``epoch``, in order."""
        version = int(self._rng(index, epoch, "version").integers(self._versions)) if self._versions else None
        drawn = []
        for name, (share, transform) in self._used.items():
            rng = self._rng(index, epoch, name)
            if rng.random() < share:
                if version is not None and name in KEPT:
                    rng = self._rng(index, version, f"{name}, kept")
                drawn.append((name, transform.draw(rng)))
        return drawn

    def sound(self, epoch: int, index: int) -> FloatArray:
        """Return one window, (window_samples,), of utterance ``index`` as it sounds in ``epoch``."""
        drawn = self.draws(epoch, index)
        kept = tuple(draw for draw in drawn if self._versions and draw[0] in KEPT)
        samples = self._rendering(index, kept) if kept else self._clips[index]
        rest = drawn[len(kept) :]
        samples = self._apply(samples, [draw for draw in rest if draw[0] != "time_shift"])
        samples = _place(samples, self._window, self._rng(index, epoch, "place"))
        return self._apply(samples, [draw for draw in rest if draw[0] == "time_shift"])

    def _rng(self, index: int, number: int, purpose: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, self._ids[index], number, crc32(purpose.encode())])

    def _apply(self, samples: FloatArray, draws: Sequence[Draw]) -> FloatArray:
        for name, parameter in draws:
            samples = self._used[name][1].apply(samples, self._rate, parameter)
        return samples

    def _rendering(self, index: int, draws: tuple[Draw, ...]) -> FloatArray:
        if (index, draws) not in self._renderings:
            self._renderings[index, draws] = self._apply(self._clips[index], draws)
        samples: FloatArray = self._renderings[index, draws]
        return samples

    def stack(self, epoch: int, numbers: IntArray) -> FloatArray:
        """Return the windows of some utterances as they sound in ``epoch``, (len(numbers), window_samples)."""
        return np.stack([self.sound(epoch, int(index)) for index in numbers])


def _number(utterance: int | str) -> int:
    return int.from_bytes(sha256(utterance.encode()).digest()[:16]) if isinstance(utterance, str) else utterance


def _place(samples: FloatArray, window: int, rng: np.random.Generator) -> FloatArray:
    """Put a short utterance in the middle of a window; cut a window out of a long one at a random place."""
    if len(samples) > window:
        start = int(rng.integers(len(samples) - window + 1))
        return samples[start : start + window]
    before = (window - len(samples)) // 2
    return np.pad(samples, (before, window - len(samples) - before))
