"""What the network hears of each training utterance in each epoch."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from audio_emotion.augment.noise import Noise
from audio_emotion.augment.pitch_shift import PitchShift
from audio_emotion.augment.speed import Speed
from audio_emotion.augment.time_shift import TimeShift
from audio_emotion.records import FloatArray

_PITCH_SHARE = 0.25  # how often an utterance sounds at another pitch: a phase vocoder blurs speech
_PITCHES = 2  # renderings kept of each utterance, since a phase vocoder is dear too


class Sounds:
    """Training utterances with their augmentation.

    Speed, noise and place in the window are drawn anew for every utterance and epoch; pitch is drawn for a few
    renderings of each utterance, which are made when first needed and kept. Every draw comes from the seed,
    the utterance's number and the epoch alone, whatever the order of calls.
    """

    def __init__(
        self,
        clips: Sequence[FloatArray],
        sampling_rate: int,
        window_samples: int,
        seed: int,
        augment: Mapping[str, Any] | None = None,
    ) -> None:
        self._clips = clips
        self._rate = sampling_rate
        self._window = window_samples
        self._seed = seed
        self._renderings: dict[tuple[int, int], FloatArray] = {}
        self._pitch, self._speed, self._noise, self._shift = PitchShift(), Speed(), Noise(), TimeShift()

    def sound(self, epoch: int, index: int) -> FloatArray:
        """Return one window, (window_samples,), of utterance ``index`` as it sounds in ``epoch``."""
        rng = np.random.default_rng([self._seed, index, epoch])
        samples = self._clips[index]
        if rng.random() < _PITCH_SHARE:
            samples = self._rendering(index, int(rng.integers(_PITCHES)))
        samples = self._speed.apply(samples, self._rate, self._speed.draw(rng))
        if rng.random() < 0.5:
            samples = self._noise.apply(samples, self._rate, self._noise.draw(rng))
        return self._shift.apply(_place(samples, self._window, rng), self._rate, self._shift.draw(rng))

    def _rendering(self, index: int, version: int) -> FloatArray:
        if (index, version) not in self._renderings:
            rng = np.random.default_rng([self._seed, index, version, 1])
            shifted = self._pitch.apply(self._clips[index], self._rate, self._pitch.draw(rng))
            self._renderings[index, version] = shifted
        return self._renderings[index, version]

    def batches(self, epoch: int, batch_size: int) -> Iterator[tuple[FloatArray, np.ndarray]]:
        """Yield every utterance once, shuffled, as (windows (batch, window_samples), numbers (batch,)).

        The next batch is prepared while the last is in use. A last batch of one is left out: batch
        normalisation cannot take it.
        """
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._clips))
        groups = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        groups = [group for group in groups if len(group) > 1 or len(groups) == 1]
        with ThreadPoolExecutor(1) as worker:
            pending = worker.submit(self._stack, epoch, groups[0])
            for group, following in zip(groups, [*groups[1:], None], strict=True):
                windows = pending.result()
                if following is not None:
                    pending = worker.submit(self._stack, epoch, following)
                yield windows, group

    def _stack(self, epoch: int, group: np.ndarray) -> FloatArray:
        return np.stack([self.sound(epoch, int(index)) for index in group])


def _place(samples: FloatArray, window: int, rng: np.random.Generator) -> FloatArray:
    """Put a short utterance in the middle of a window; cut a window out of a long one at a random place."""
    if len(samples) > window:
        start = int(rng.integers(len(samples) - window + 1))
        return samples[start : start + window]
    before = (window - len(samples)) // 2
    return np.pad(samples, (before, window - len(samples) - before))
