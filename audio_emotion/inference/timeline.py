"""Emotion over time: from sound to segments with predictions.

The sound is cut into windows of ``window_s`` seconds, one every ``hop_s``. Each window is predicted like a recording
(:meth:`~audio_emotion.inference.model.Model.predict`), except that its quiet ends are not removed:

- A window of the model's own length is used unchanged.
- A shorter window is padded with zeros on both sides to the model's length.
- A longer window is cut into windows of the model's length, which overlap by half; their logits are averaged.
- The last window, which the sound does not fill, is padded like a short utterance in training.

A sound that fits in one window is an utterance: its quiet ends are removed, and its single segment equals ``predict``.

A segment is the part of the sound that is closer to the middle of its window than to the middle of any other, so
segments touch without gaps. With windows of 3 s and a hop of 1 s:

    time, s     0    1    2    3    4    5
    window 0    |--------------|                middle at 1.5
    window 1         |--------------|           middle at 2.5
    window 2              |--------------|      middle at 3.5
    segments    |----0----|-1--|----2----|      borders halfway between two middles

Then the segments go through smoothing, ``min_confidence``, merging and ``min_duration_s``, in this order
(:mod:`~audio_emotion.inference.smoothing`).
"""

from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.audio.resample import MonoResampler
from audio_emotion.core.types import Prediction
from audio_emotion.inference.config import DEFAULTS, TimelineConfig
from audio_emotion.inference.model import Input, Model
from audio_emotion.inference.segmenter import TimelinePipeline


def timeline(
    model: Model,
    source: Input,
    sampling_rate: int | None = None,
    config: TimelineConfig = DEFAULTS,
    part: AudioRegion = FULL,
    *,
    name: str | None = None,
) -> Iterator[Prediction]:
    """Yield the segments of a recording as it is decoded; memory does not grow with its length.

    Arguments are those of :meth:`~audio_emotion.inference.model.Model.predict`; times are seconds from the start of
    the recording, wherever ``part`` starts. It also raises the same :class:`~audio_emotion.core.errors.AudioError`; if
    a file becomes unreadable halfway, after the segments before.

    >>> import numpy as np
    >>> from audio_emotion import TimelineConfig, load_model, timeline
    >>> silence = np.zeros(16_000 * 10)
    >>> [(segment.start, segment.end) for segment in timeline(load_model(device="cpu"), silence, 16_000)]
    [(0.0, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 5.0), (5.0, 6.0), (6.0, 7.0), (7.0, 8.0), (8.0, 10.0)]
    >>> merged = timeline(load_model(device="cpu"), silence, 16_000, TimelineConfig(merge=True))
    >>> [(segment.start, segment.end, segment.label) for segment in merged]
    [(0.0, 10.0, 'no speech')]
    """
    windows = TimelinePipeline(model, config, part.start, part.channel)
    read = model.reader(source, sampling_rate, part, name)

    def segments() -> Iterator[Prediction]:
        for block in read():
            yield from windows.push(block)
        yield from windows.flush()

    return segments()


class Stream:
    """Predict sound that arrives in chunks, as from a microphone. Use it from one thread at a time.

    A prediction is available one sample after the end of its window (smoothing and merging need later windows).
    Together, the predictions are those of :func:`timeline` for the whole sound.

    >>> import numpy as np
    >>> from audio_emotion import Stream, load_model
    >>> stream = Stream(load_model(device="cpu"), sampling_rate=8_000)
    >>> [(segment.start, segment.end, segment.label) for segment in stream.push(np.zeros(40_000))]
    [(0.0, 2.0, 'no speech'), (2.0, 3.0, 'no speech')]
    >>> stream.position, stream.answered
    (5.0, 3.0)
    >>> [(segment.start, segment.end) for segment in stream.flush()]
    [(3.0, 5.0)]

    Attributes:
        model: the model.
        sampling_rate: Hz, of the chunks.
        config: settings of the timeline.
        channel: the channel to use, from 1; None: the mean of all.
        start: time of the first sample, in seconds.
        position: time of the last received sample, in seconds.
        answered: end of the last predicted window, in seconds (smoothing and merging may delay segments).
    """

    def __init__(
        self,
        model: Model,
        sampling_rate: int,
        config: TimelineConfig = DEFAULTS,
        *,
        channel: int | None = None,
        start: float = 0.0,
    ) -> None:
        self.model, self.sampling_rate, self.config = model, sampling_rate, config
        self.channel, self.start = channel, start
        self.reset()

    def reset(self) -> None:
        """Start again: the next chunk is the beginning of a new sound."""
        self._n_frames = 0
        self._resampler = MonoResampler(self.model.config.sampling_rate, self.channel, "stream")
        self._pipeline = TimelinePipeline(self.model, self.config, self.start, self.channel)

    def push(self, frames: npt.NDArray[Any]) -> list[Prediction]:
        """Add a chunk of any length, (n_frames,) or (n_frames, n_channels); return the new predictions.

        Full scale is ±1 for floats, and the range of the type for integers. Raises
        :class:`~audio_emotion.core.errors.AudioError` if a sample is not finite; the chunk is then not used.
        """
        samples = self._resampler.push(frames, self.sampling_rate)
        self._n_frames += len(frames)
        return self._pipeline.push(samples)

    def flush(self) -> list[Prediction]:
        """End the sound: return the remaining predictions, and reset."""
        rest = self._pipeline.push(self._resampler.flush()) + self._pipeline.flush() if self._n_frames else []
        self.reset()
        return rest

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes about the sound since the last reset, one sentence each."""
        return tuple(self._resampler.notes)

    @property
    def position(self) -> float:
        return self.start + self._n_frames / self.sampling_rate

    @property
    def answered(self) -> float:
        return self.start + self._pipeline.next_start / self.model.config.sampling_rate
