"""Emotion over time: windows of a sound as it comes → segments with an answer each.

The sound is cut into windows of ``window_s`` seconds, one every ``hop_s``. Each is answered by itself, as
:meth:`~audio_emotion.inference.model.Model.predict` answers a recording but for the quiet at its ends, which stays. A
window as long as the model's own is read as it is, a shorter one stands in the middle of the model's with zeros around
it, and of a longer one the model reads windows of its own length, half a window apart, whose logits are averaged. The
last window, which the sound does not fill, is padded as a short utterance is in training. A sound that one window
holds is an utterance: the quiet at its ends is left out, and its one segment says what ``predict`` says.

A segment is the stretch nearer to the middle of its window than to that of any other, so that segments follow each
other without gaps: with windows of 3 s every second, the first is from 0 to 2 s, the next from 2 to 3 s, and so on.
What the answers then go through (:mod:`~audio_emotion.inference.smoothing`), in order: smoothing, ``min_confidence``,
merging, ``min_duration_s``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from audio_emotion import audio
from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.audio.segments import Segment
from audio_emotion.audio.windows import slice_blocks
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import Prediction, Waveform
from audio_emotion.inference.config import DEFAULTS, TimelineConfig
from audio_emotion.inference.model import Input, Model
from audio_emotion.inference.segmenter import TimelinePipeline

_LONG_S = 600.0  # segments longer than this are decoded by themselves, in a stream


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
    the recording, wherever ``part`` starts. Raises :class:`~audio_emotion.core.errors.AudioError` as it does, and, if a
    file proves unreadable on its way, after the segments before.

    >>> import numpy as np
    >>> from audio_emotion import TimelineConfig, load_model, timeline
    >>> silence = np.zeros(16_000 * 10)
    >>> [(said.start, said.end) for said in timeline(load_model(device="cpu"), silence, 16_000)]
    [(0.0, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 5.0), (5.0, 6.0), (6.0, 7.0), (7.0, 8.0), (8.0, 10.0)]
    >>> merged = timeline(load_model(device="cpu"), silence, 16_000, TimelineConfig(merge=True))
    >>> [(said.start, said.end, said.label) for said in merged]
    [(0.0, 10.0, 'no speech')]
    """
    windows = TimelinePipeline(model, config, part.start, part.channel)
    read = model.reader(source, sampling_rate, part, name)

    def segments() -> Iterator[Prediction]:
        for block in read():
            yield from windows.push(block)
        yield from windows.flush()

    return segments()


def score_segments(
    model: Model,
    source: Input,
    segments: Sequence[Segment],
    sampling_rate: int | None = None,
    part: AudioRegion = FULL,
    *,
    gate: bool = True,
    vad: bool = False,
    name: str | None = None,
) -> Iterator[tuple[Segment, Prediction]]:
    """Yield each segment with what :meth:`Model.predict` says of it, in the order of their starts.

    The recording is decoded once; the longest segment, up to ten minutes, is held in memory, and longer ones are
    decoded by themselves. Of ``part`` the channel and the stream count. An answer ends where the recording does.

    Raises:
        AudioError: as :meth:`Model.predict`, or a segment starts where the recording has ended.
    """
    rate = model.config.sampling_rate
    part = AudioRegion(channel=part.channel, stream=part.stream)
    ordered = sorted(segments, key=lambda segment: (segment.start, segment.end))
    short = [segment for segment in ordered if segment.end - segment.start <= _LONG_S]
    parts = [(round(s.start * rate), max(round(s.end * rate), round(s.start * rate) + 1)) for s in short]
    found = slice_blocks(model.reader(source, sampling_rate, part, name)(), parts)
    for segment in ordered:
        if segment.end - segment.start > _LONG_S:
            stretch = replace(part, start=segment.start, end=segment.end)
            yield segment, model.predict(source, sampling_rate, part=stretch, gate=gate, vad=vad, name=name)
            continue
        samples = next(found)
        if not len(samples):
            raise AudioError(
                f"{audio.name_of(source, name)}: the segment from {segment.start:g} to {segment.end:g} s starts where "
                "the recording has ended; are these the segments of another one, or was it cut off?"
            )
        waveform = Waveform(samples, rate, rate, segment.start)
        yield segment, replace(model.predict_waveform(waveform, gate, vad), channel=part.channel)


class Stream:
    """A sound that comes in chunks, as from a microphone, answered window by window; for one thread at a time.

    An answer is given as soon as one sample behind its window came (smoothing and merging need what follows). All
    together they are what :func:`timeline` says of the whole.

    >>> import numpy as np
    >>> from audio_emotion import Stream, load_model
    >>> stream = Stream(load_model(device="cpu"), sampling_rate=8_000)
    >>> [(said.start, said.end, said.label) for said in stream.push(np.zeros(40_000))]
    [(0.0, 2.0, 'no speech'), (2.0, 3.0, 'no speech')]
    >>> stream.position, stream.answered
    (5.0, 3.0)
    >>> [(said.start, said.end) for said in stream.flush()]
    [(3.0, 5.0)]

    Attributes:
        model: what answers.
        sampling_rate: Hz, of the chunks.
        config: how the sound is cut, answered and joined.
        channel: the one that is answered, counted from 1; None: the mean of all.
        start: seconds, the time of the first sample.
        position: seconds, the time up to which sound came.
        answered: seconds, the time up to which windows were answered (smoothing and merging may hold some back).
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
        """Forget all sound; the next chunk is the beginning of another."""
        self._n_frames = 0
        self._downmix = audio.Downmix(self.channel, "stream")
        self._resampler = audio.Resampler(self.sampling_rate, self.model.config.sampling_rate)
        self._pipeline = TimelinePipeline(self.model, self.config, self.start, self.channel)

    def push(self, frames: npt.NDArray[Any]) -> list[Prediction]:
        """Take the next chunk, (n_frames,) or (n_frames, n_channels), of any length; return what is answered by it.

        Floats have their full scale at ±1, integers at their type's. Raises
        :class:`~audio_emotion.core.errors.AudioError` where a sample is not finite; the chunk is then not taken.
        """
        samples = self._downmix.push(frames)
        self._n_frames += len(samples)
        return self._pipeline.push(self._resampler.push(samples))

    def flush(self) -> list[Prediction]:
        """Return what is left to be answered, the sound being at its end, and begin anew."""
        rest = self._pipeline.push(self._resampler.flush()) + self._pipeline.flush() if self._n_frames else []
        self.reset()
        return rest

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to know of the sound since the last reset, a sentence each."""
        return (self._downmix.note,) if self._downmix.note else ()

    @property
    def position(self) -> float:
        return self.start + self._n_frames / self.sampling_rate

    @property
    def answered(self) -> float:
        return self.start + self._pipeline.next_start / self.model.config.sampling_rate
