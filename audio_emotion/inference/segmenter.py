"""Sound in blocks → windows → segments."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from audio_emotion.audio.vad import check_vad, speech_mask
from audio_emotion.audio.windows import frame, windows_of
from audio_emotion.core.types import FloatArray, Prediction
from audio_emotion.inference.batching import BATCH, answer
from audio_emotion.inference.config import TimelineConfig, grid
from audio_emotion.inference.model import Model
from audio_emotion.inference.smoothing import run_stages, stages
from audio_emotion.models.checkpoint import ModelConfig


class Windower:
    """Mono sound at the model's rate, block by block → of each window the speech in it.

    Each window is given as what the model reads of it and what holds speech, (n_speech_windows, window_samples); of
    none, nothing is heard. A window is given once there is sound behind it, the last at the end.
    """

    def __init__(self, sampling_rate: int, window_samples: int, config: TimelineConfig) -> None:
        if config.vad and config.gate:
            check_vad()
        self._rate, self._window_samples, self._config = sampling_rate, window_samples, config
        self.window, self.hop = grid(sampling_rate, window_samples, config)
        self._held = np.empty(0, np.float32)  # from the beginning of the next window on
        self.n_samples = 0

    def push(self, samples: FloatArray) -> Iterator[list[FloatArray]]:
        """Take the next samples; yield the speech of the windows that are complete, some windows at a time."""
        self.n_samples += len(samples)
        self._held = np.concatenate([self._held, samples])
        ready = max(0, -(-(len(self._held) - self.window) // self.hop))  # those with sound behind them
        held, self._held = self._held, self._held[ready * self.hop :]
        for first in range(0, ready, BATCH):
            starts = [number * self.hop for number in range(first, min(first + BATCH, ready))]
            yield self._speech([frame(held[start : start + self.window], self._window_samples) for start in starts])

    def flush(self) -> list[FloatArray]:
        """Return the speech of the last window, behind which there is no sound, whether the sound fills it or not."""
        alone = len(self._held) == self.n_samples
        return self._speech([(windows_of if alone else frame)(self._held, self._window_samples)])

    def _speech(self, covers: list[FloatArray]) -> list[FloatArray]:
        passed = speech_mask(np.concatenate(covers), self._rate, self._config.gate, self._config.vad)
        borders = np.cumsum([len(windows) for windows in covers])[:-1]
        return [windows[own] for windows, own in zip(covers, np.split(passed, borders), strict=True)]


class SegmentBuilder:
    """The model's logits of each window in turn → segments."""

    def __init__(
        self, model: ModelConfig, config: TimelineConfig, start: float = 0.0, channel: int | None = None
    ) -> None:
        self._model, self._start, self._channel = model, start, channel
        self._window, self._hop = grid(model.sampling_rate, model.window_samples, config)
        self._n_windows = 0
        self.begins = 0  # the next segment, in samples
        self._stages = stages(
            smooth=config.smooth,
            min_confidence=config.min_confidence,
            merge=config.merge,
            min_duration_s=config.min_duration_s,
        )

    def take(self, windows: Iterable[FloatArray]) -> list[Prediction]:
        """Take the logits of the next windows, (n_speech_windows, n_labels) each; return the segments now known."""
        return run_stages(self._stages, [self._answer(logits) for logits in windows])

    def finish(self, logits: FloatArray, n_samples: int) -> list[Prediction]:
        """Take those of the last window, of ``n_samples`` in all; return the segments that are left."""
        last = replace(self._answer(logits), end=self._seconds(n_samples))
        return run_stages(self._stages, [last], last=True)

    def _answer(self, logits: FloatArray) -> Prediction:
        start = self._seconds(self.begins)
        self._n_windows += 1
        self.begins = self._n_windows * self._hop + (self._window - self._hop) // 2
        pooled = logits.mean(axis=0) if len(logits) else None
        return answer(pooled, self._model, start, self._seconds(self.begins), len(logits), self._channel)

    def _seconds(self, n_samples: int) -> float:
        return self._start + n_samples / self._model.sampling_rate


class TimelinePipeline:
    """Mono sound at the model's rate, block by block → segments; a cutter, the model and an assembler in a row."""

    def __init__(self, model: Model, config: TimelineConfig, start: float, channel: int | None) -> None:
        self._runtime = model.runtime
        self._n_labels = len(model.config.labels)
        self._cutter = Windower(model.config.sampling_rate, model.config.window_samples, config)
        self._assembler = SegmentBuilder(model.config, config, start, channel)

    @property
    def begins(self) -> int:
        return self._assembler.begins

    def push(self, samples: FloatArray) -> list[Prediction]:
        """Take the next samples; return the segments now known."""
        found = (self._assembler.take(self._logits(speech)) for speech in self._cutter.push(samples))
        return [segment for segments in found for segment in segments]

    def flush(self) -> list[Prediction]:
        """Return the segments that are left."""
        (last,) = self._logits(self._cutter.flush())
        return self._assembler.finish(last, self._cutter.n_samples)

    def _logits(self, speech: list[FloatArray]) -> list[FloatArray]:
        windows = np.concatenate(speech)
        batches = [windows[i : i + BATCH] for i in range(0, len(windows), BATCH)]
        none = np.empty((0, self._n_labels), np.float32)
        logits = np.concatenate([none, *(self._runtime.logits(batch) for batch in batches)])
        return np.split(logits, np.cumsum([len(own) for own in speech])[:-1])
