"""Blocks of samples → windows → segments.

With a window of 3 s and a hop of 1 s, a segment is the stretch that is nearer to the middle of its window than to the
middle of any other; the first starts at 0 and the last ends with the recording::

    seconds    0   1   2   3   4   5
    window 0   [===========]
    window 1       [===========]
    window 2           [===========]
    segments   [0------|1--|2------]
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from audio_emotion.audio.vad import check_vad, speech_mask
from audio_emotion.audio.windows import BATCH, frame, windows_of
from audio_emotion.core.types import FloatArray, Prediction
from audio_emotion.inference.batching import forward_ragged
from audio_emotion.inference.config import TimelineConfig, grid
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import to_prediction
from audio_emotion.inference.smoothing import run_stages, stages
from audio_emotion.models.checkpoint import ModelConfig


class Windower:
    """Cuts mono samples at the model's rate, block by block, into the windows of a timeline.

    Each timeline window is given as the model's windows that hold speech in it, (n_speech_windows, window_samples),
    which is empty if there is no speech. A window is given once samples behind it have arrived, the last at the end.
    """

    def __init__(self, sampling_rate: int, window_samples: int, config: TimelineConfig) -> None:
        if config.vad and config.gate:
            check_vad()
        self._rate, self._window_samples, self._config = sampling_rate, window_samples, config
        self.window, self.hop = grid(sampling_rate, window_samples, config)
        self._pending = np.empty(0, np.float32)  # samples from the start of the next window on
        self.n_samples = 0

    def push(self, samples: FloatArray) -> Iterator[list[FloatArray]]:
        """Take the next samples; yield the speech of the windows that are complete, some windows at a time."""
        self.n_samples += len(samples)
        self._pending = np.concatenate([self._pending, samples])
        # Window k covers pending[k * hop : k * hop + window]. It is complete if at least one sample follows it:
        # k * hop + window < len(pending), so there are ceil((len(pending) - window) / hop) of them.
        n_complete = max(0, -(-(len(self._pending) - self.window) // self.hop))
        pending, self._pending = self._pending, self._pending[n_complete * self.hop :]
        for first in range(0, n_complete, BATCH):
            starts = [number * self.hop for number in range(first, min(first + BATCH, n_complete))]
            yield self._speech([frame(pending[start : start + self.window], self._window_samples) for start in starts])

    def flush(self) -> list[FloatArray]:
        """Return the speech of the last window, whether the samples fill it or not."""
        is_only_window = len(self._pending) == self.n_samples
        # A recording that fits into one window is an utterance: the quiet at its ends is trimmed, as in `predict`.
        return self._speech([(windows_of if is_only_window else frame)(self._pending, self._window_samples)])

    def _speech(self, windows: list[FloatArray]) -> list[FloatArray]:
        """Drop the model's windows without speech; all timeline windows go through the gate at once."""
        mask = speech_mask(np.concatenate(windows), self._rate, self._config.gate, self._config.vad)
        # A timeline window longer than the model's is several of the model's windows:
        # windows   [[a b c] [d e f]]   gate on a b c d e f at once, then split after c
        borders = np.cumsum([len(own) for own in windows])[:-1]
        return [own[kept] for own, kept in zip(windows, np.split(mask, borders), strict=True)]


class SegmentBuilder:
    """Turns the logits of one timeline window after the other into segments."""

    def __init__(
        self, model: ModelConfig, config: TimelineConfig, start: float = 0.0, channel: int | None = None
    ) -> None:
        self._model, self._start, self._channel = model, start, channel
        self._window, self._hop = grid(model.sampling_rate, model.window_samples, config)
        self._n_windows = 0
        self.next_start = 0  # where the next segment starts, in samples
        self._stages = stages(
            smooth=config.smooth,
            min_confidence=config.min_confidence,
            merge=config.merge,
            min_duration_s=config.min_duration_s,
        )

    def take(self, windows: Iterable[FloatArray]) -> list[Prediction]:
        """Take the logits of the next windows, (n_speech_windows, n_labels) each; return settled segments."""
        return run_stages(self._stages, [self._segment(logits) for logits in windows])

    def finish(self, logits: FloatArray, n_samples: int) -> list[Prediction]:
        """Take the logits of the last window, and the length of the recording; return the remaining segments."""
        last = replace(self._segment(logits), end=self._seconds(n_samples))
        return run_stages(self._stages, [last], last=True)

    def _segment(self, logits: FloatArray) -> Prediction:
        start = self._seconds(self.next_start)
        self._n_windows += 1
        # Halfway between the middles of this window and the next: n * hop + window / 2 - hop / 2.
        self.next_start = self._n_windows * self._hop + (self._window - self._hop) // 2
        return to_prediction(logits, self._model, start, self._seconds(self.next_start), self._channel)

    def _seconds(self, n_samples: int) -> float:
        return self._start + n_samples / self._model.sampling_rate


class TimelinePipeline:
    """Blocks of mono samples at the model's rate → segments: a windower, the model and a segment builder in a row."""

    def __init__(self, model: Model, config: TimelineConfig, start: float, channel: int | None) -> None:
        self._forward = partial(model.logits, gate=config.gate)
        self._windower = Windower(model.config.sampling_rate, model.config.window_samples, config)
        self._builder = SegmentBuilder(model.config, config, start, channel)

    @property
    def next_start(self) -> int:
        """Where the next segment starts, in samples."""
        return self._builder.next_start

    def push(self, samples: FloatArray) -> list[Prediction]:
        """Take the next samples; return the segments that are settled."""
        batches = (self._builder.take(self._logits(speech)) for speech in self._windower.push(samples))
        return [segment for segments in batches for segment in segments]

    def flush(self) -> list[Prediction]:
        """Return the remaining segments."""
        (last,) = self._logits(self._windower.flush())
        return self._builder.finish(last, self._windower.n_samples)

    def _logits(self, speech: list[FloatArray]) -> list[FloatArray]:
        return forward_ragged(self._forward, speech, BATCH)
