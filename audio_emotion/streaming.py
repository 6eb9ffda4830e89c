"""Emotion over time: windows of a sound as it comes → segments with an answer each.

The sound is cut into windows of ``window_s`` seconds, one every ``hop_s``. Each is answered by itself, as
:meth:`~audio_emotion.prediction.Model.predict` answers a recording but for the quiet at its ends, which stays. A
window as long as the model's own is read as it is, a shorter one stands in the middle of the model's with zeros around
it, and of a longer one the model reads windows of its own length, half a window apart, whose logits are averaged. The
last window, which the sound does not fill, is padded as a short utterance is in training. A sound that one window
holds is an utterance: the quiet at its ends is left out, and its one segment says what ``predict`` says.

A segment is the stretch nearer to the middle of its window than to that of any other, so that segments follow each
other without gaps: with windows of 3 s every second, the first is from 0 to 2 s, the next from 2 to 3 s, and so on.
What the answers then go through (:mod:`~audio_emotion.smoothing`), in this order: smoothing, ``min_confidence``,
merging, ``min_duration_s``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from audio_emotion import audio
from audio_emotion.audio import WHOLE, Part, Source
from audio_emotion.checkpoint import ModelConfig
from audio_emotion.emotions import NO_SPEECH
from audio_emotion.errors import AudioError, UsageError
from audio_emotion.gate import check_vad, passes
from audio_emotion.prediction import BATCH, Model, answer
from audio_emotion.records import FloatArray, Prediction, Waveform
from audio_emotion.segments import Segment
from audio_emotion.smoothing import stages, through
from audio_emotion.windows import cover, cut, windows_of

_LONG_S = 600.0  # segments longer than this are decoded by themselves, in a stream


@dataclass(frozen=True, slots=True)
class TimelineConfig:
    """How a sound is cut, answered and joined.

    Attributes:
        window_s: seconds of sound behind each answer; None: the model's own window.
        hop_s: seconds from one window to the next; at most ``window_s``.
        merge: whether neighbours of one label become one segment, its scores their mean by duration.
        min_duration_s: segments shorter than this, once merged, are left out; above 0 it merges.
        smooth: None; ``median``: each label's score becomes its median over five windows, made to sum to 1;
            ``viterbi``: the likeliest sequence of labels where a label stays from one window to the next with
            a probability of 0.9, and every other is equally likely; scores stay as they are. The sequence is
            decided 64 windows later at the latest. Both work on runs of windows between pauses.
        min_confidence: what no label scores as high as is answered ``unknown``, 0 to 1.
        gate: whether windows of silence, hum, noise and steady tones are answered ``no speech``.
        vad: whether windows without a voice are so too (extra ``vad``).

    Raises:
        UsageError: a value out of its range.
    """

    window_s: float | None = None
    hop_s: float = 1.0
    merge: bool = False
    min_duration_s: float = 0.0
    smooth: Literal["median", "viterbi"] | None = None
    min_confidence: float = 0.0
    gate: bool = True
    vad: bool = False

    def __post_init__(self) -> None:
        limits = {
            "window_s": (3.0 if self.window_s is None else self.window_s, 0.1, 600.0),
            "hop_s": (self.hop_s, 0.01, 600.0),
            "min_duration_s": (self.min_duration_s, 0.0, float("inf")),
            "min_confidence": (self.min_confidence, 0.0, 1.0),
        }
        problems = [
            f"{k} is {v:g}, expected {low:g} to {high:g}"
            for k, (v, low, high) in limits.items()
            if not low <= v <= high
        ]
        if self.smooth not in (None, "median", "viterbi"):
            problems.append(f"smooth is {self.smooth!r}, expected median or viterbi")
        if problems:
            raise UsageError("; ".join(problems))


DEFAULTS = TimelineConfig()


def timeline(
    model: Model,
    source: Source | npt.NDArray[Any],
    sampling_rate: int | None = None,
    config: TimelineConfig = DEFAULTS,
    part: Part = WHOLE,
    *,
    name: str | None = None,
) -> Iterator[Prediction]:
    """Yield the segments of a recording as it is decoded; memory does not grow with its length.

    Arguments are those of :meth:`~audio_emotion.prediction.Model.predict`; times are seconds from the beginning of
    the recording, wherever ``part`` starts. Raises :class:`~audio_emotion.errors.AudioError` as it does, and, where a
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
    windows = _Windows(model, config, part.start, part.channel)
    read = model.reader(source, sampling_rate, part, name)

    def segments() -> Iterator[Prediction]:
        for block in read():
            yield from windows.push(block)
        yield from windows.flush()

    return segments()


def overall(segments: Sequence[Prediction], model: ModelConfig, channel: int | None = None) -> Prediction:
    """Return one answer for all of a timeline: the mean of its segments' scores, by duration, where there is speech."""
    start, end = (segments[0].start, segments[-1].end) if segments else (0.0, 0.0)
    speech = [segment for segment in segments if segment.label != NO_SPEECH]
    n_windows = sum(segment.n_windows for segment in speech)
    seconds = sum(segment.end - segment.start for segment in speech)
    if not seconds:
        return answer(None, model, start, end, 0, channel)
    scores = {
        label: sum(segment.scores[label] * (segment.end - segment.start) for segment in speech) / seconds
        for label in model.labels
    }
    best = max(scores, key=lambda label: scores[label])
    return Prediction(start, end, best, scores[best], scores, n_windows, channel)


def score_segments(
    model: Model,
    source: Source | npt.NDArray[Any],
    segments: Sequence[Segment],
    sampling_rate: int | None = None,
    part: Part = WHOLE,
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
    part = Part(channel=part.channel, stream=part.stream)
    ordered = sorted(segments, key=lambda segment: (segment.start, segment.end))
    short = [segment for segment in ordered if segment.end - segment.start <= _LONG_S]
    parts = [(round(s.start * rate), max(round(s.end * rate), round(s.start * rate) + 1)) for s in short]
    found = cut(model.reader(source, sampling_rate, part, name)(), parts)
    for segment in ordered:
        if segment.end - segment.start > _LONG_S:
            stretch = replace(part, start=segment.start, end=segment.end)
            yield segment, model.predict(source, sampling_rate, part=stretch, gate=gate, vad=vad, name=name)
            continue
        samples = next(found)
        if not len(samples):
            raise AudioError(
                f"{audio.name_of(source, name)}: the segment from {segment.start:g} to {segment.end:g} s starts where "
                "the recording has ended; are these the segments of another one?"
            )
        waveform = Waveform(samples, rate, rate, segment.start)
        yield segment, replace(model.judge(waveform, gate, vad), channel=part.channel)


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
        self._resampler = audio.Resampler(self.sampling_rate, self.model.config.sampling_rate)
        self._windows = _Windows(self.model, self.config, self.start, self.channel)

    def push(self, frames: npt.NDArray[Any]) -> list[Prediction]:
        """Take the next chunk, (n_frames,) or (n_frames, n_channels), of any length; return what is answered by it.

        Floats have their full scale at ±1, integers at their type's. Raises
        :class:`~audio_emotion.errors.AudioError` where a sample is not finite; the chunk is then not taken.
        """
        samples = audio.mono(frames, self.channel, "stream")
        self._n_frames += len(samples)
        return self._windows.push(self._resampler.push(samples))

    def flush(self) -> list[Prediction]:
        """Return what is left to be answered, the sound being at its end, and begin anew."""
        rest = self._windows.push(self._resampler.flush()) + self._windows.flush() if self._n_frames else []
        self.reset()
        return rest

    @property
    def position(self) -> float:
        return self.start + self._n_frames / self.sampling_rate

    @property
    def answered(self) -> float:
        return self.start + self._windows.begins / self.model.config.sampling_rate


class Cutter:
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
            yield self._speech([cover(held[start : start + self.window], self._window_samples) for start in starts])

    def flush(self) -> list[FloatArray]:
        """Return the speech of the last window, behind which there is no sound, whether the sound fills it or not."""
        alone = len(self._held) == self.n_samples
        return self._speech([(windows_of if alone else cover)(self._held, self._window_samples)])

    def _speech(self, covers: list[FloatArray]) -> list[FloatArray]:
        passed = passes(np.concatenate(covers), self._rate, self._config.gate, self._config.vad)
        borders = np.cumsum([len(windows) for windows in covers])[:-1]
        return [windows[own] for windows, own in zip(covers, np.split(passed, borders), strict=True)]


def grid(sampling_rate: int, window_samples: int, config: TimelineConfig) -> tuple[int, int]:
    """Return the length of a timeline's windows and the way from one to the next, in samples.

    Raises:
        UsageError: the hop is longer than the window.
    """
    window_s = window_samples / sampling_rate if config.window_s is None else config.window_s
    if config.hop_s > window_s:
        raise UsageError(
            f"the hop is {config.hop_s:g} s and the window {window_s:g} s: what lies between windows "
            "would not be heard; take a hop of at most the window"
        )
    return round(window_s * sampling_rate), max(1, round(config.hop_s * sampling_rate))


class Assembler:
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
        return through(self._stages, [self._answer(logits) for logits in windows])

    def finish(self, logits: FloatArray, n_samples: int) -> list[Prediction]:
        """Take those of the last window, of ``n_samples`` in all; return the segments that are left."""
        last = replace(self._answer(logits), end=self._seconds(n_samples))
        return through(self._stages, [last], last=True)

    def _answer(self, logits: FloatArray) -> Prediction:
        start = self._seconds(self.begins)
        self._n_windows += 1
        self.begins = self._n_windows * self._hop + (self._window - self._hop) // 2
        pooled = logits.mean(axis=0) if len(logits) else None
        return answer(pooled, self._model, start, self._seconds(self.begins), len(logits), self._channel)

    def _seconds(self, n_samples: int) -> float:
        return self._start + n_samples / self._model.sampling_rate


class _Windows:
    """Mono sound at the model's rate, block by block → segments."""

    def __init__(self, model: Model, config: TimelineConfig, start: float, channel: int | None) -> None:
        self._runtime = model.runtime
        self._n_labels = len(model.config.labels)
        self._cutter = Cutter(model.config.sampling_rate, model.config.window_samples, config)
        self._assembler = Assembler(model.config, config, start, channel)

    @property
    def begins(self) -> int:
        return self._assembler.begins

    def push(self, samples: FloatArray) -> list[Prediction]:
        found = (self._assembler.take(self._logits(speech)) for speech in self._cutter.push(samples))
        return [segment for segments in found for segment in segments]

    def flush(self) -> list[Prediction]:
        (last,) = self._logits(self._cutter.flush())
        return self._assembler.finish(last, self._cutter.n_samples)

    def _logits(self, speech: list[FloatArray]) -> list[FloatArray]:
        windows = np.concatenate(speech)
        batches = [windows[i : i + BATCH] for i in range(0, len(windows), BATCH)]
        none = np.empty((0, self._n_labels), np.float32)
        logits = np.concatenate([none, *(self._runtime.logits(batch) for batch in batches)])
        return np.split(logits, np.cumsum([len(own) for own in speech])[:-1])
