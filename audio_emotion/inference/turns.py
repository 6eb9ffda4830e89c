"""Turns of a conversation: each is predicted from its own channel, and a long one also over time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from os import PathLike

import numpy as np

from audio_emotion import audio
from audio_emotion.audio.region import FULL, AudioRegion, AudioSource
from audio_emotion.audio.segments import Segment, overlap_seconds
from audio_emotion.audio.windows import slice_blocks
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import FloatArray, Prediction, Turn, Waveform
from audio_emotion.inference.adaptation import group_shifts
from audio_emotion.inference.batching import BatchItem
from audio_emotion.inference.config import DEFAULTS, TimelineConfig
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import apply_min_confidence
from audio_emotion.inference.timeline import timeline

MAX_IN_MEMORY_S = 600.0
"""Longer turns are decoded by themselves, in a stream."""


def score_turns(
    model: Model,
    source: AudioSource,
    segments: Sequence[Segment],
    config: TimelineConfig = DEFAULTS,
    part: AudioRegion = FULL,
    *,
    name: str | None = None,
    adapt: bool = False,
) -> Iterator[Turn]:
    """Yield the prediction of each segment, in the order of their starts.

    A segment is answered as :meth:`~audio_emotion.inference.model.Model.predict` answers a recording: from its own
    channel if the recording has so many, else from the mean of all. ``part`` counts for its stream, and for its
    channel: if it names one, the segments of other channels are left out. Of ``config``, ``gate``, ``vad`` and
    ``min_confidence`` count. A turn ends where the recording ends. For each channel the recording is decoded once, and
    once more with ``adapt``: the model is then adapted to each speaker who has enough speech.

    Raises:
        AudioError: as :meth:`Model.predict` does; or, behind the last turn, segments start after the recording's end.
        ModelError: ``adapt`` with a model that cannot be adapted.
    """
    scorer = _TurnScorer(model, source, config, part.stream, name)
    by_channel = _by_channel(source, segments, part, name)
    if adapt:
        scorer.adapt_to_speakers(by_channel)
    turns: list[Iterable[Turn]] = [scorer.turns(channel, given) for channel, given in by_channel.items()]
    if not isinstance(source, str | PathLike | bytes):
        # Channels would otherwise be read in turns, each moving the position of the file under the others.
        turns = [list(of_channel) for of_channel in turns]
    yield from merge(*turns, key=lambda turn: (turn.start, turn.end))
    if scorer.late:
        first = min(scorer.late, key=lambda segment: segment.start)
        others = f" (and {len(scorer.late) - 1} more)" if scorer.late[1:] else ""
        raise AudioError(
            f"the segment from {first.start:g} to {first.end:g} s{others} starts after the end of the recording",
            subject=f"{audio.name_of(source, name)}",
            hint="are these the segments of another one, or was it cut off?",
        )


Timed = tuple[Segment, float]
"""A segment, and the seconds of it in which others speak too."""


def _by_channel(
    source: AudioSource, segments: Sequence[Segment], part: AudioRegion, name: str | None
) -> dict[int | None, list[Timed]]:
    """Return the segments of each channel; None is the mean of all channels."""
    by_channel: dict[int | None, list[Timed]] = {}
    n_channels = audio.probe(source, part.stream, name=name).n_channels if part.channel is None else 0
    for segment, overlap_s in zip(segments, overlap_seconds(segments), strict=True):
        if part.channel is None:
            channel = segment.channel if n_channels > 1 and (segment.channel or 0) <= n_channels else None
        elif segment.channel in (None, part.channel):
            channel = part.channel
        else:
            continue
        by_channel.setdefault(channel, []).append((segment, overlap_s))
    return by_channel


@dataclass(slots=True)
class _TurnScorer:
    """Predicts the segments of one channel at a time.

    ``late`` are those that start after the recording's end. ``shifts`` adapt the model to a speaker on a channel.
    """

    model: Model
    source: AudioSource
    config: TimelineConfig
    stream: int | None
    name: str | None
    late: list[Segment] = field(default_factory=list)
    shifts: dict[tuple[str, int | None], FloatArray] = field(default_factory=dict)

    def adapt_to_speakers(self, by_channel: Mapping[int | None, Sequence[Timed]]) -> None:
        """Read the segments of each speaker in a first pass, and set ``shifts``."""
        groups: dict[tuple[str, int | None], list[BatchItem]] = {}
        for channel, given in by_channel.items():
            for segment, _ in given:
                region = AudioRegion(segment.start, segment.end, channel, self.stream)
                read = self.model.reader(self.source, None, region, self.name)
                recording = BatchItem(read, gate=self.config.gate, vad=self.config.vad)
                groups.setdefault((segment.speaker, channel), []).append(recording)
        self.shifts = group_shifts(self.model, groups, n_threads=1)  # of a source that may be one open file

    def _model(self, segment: Segment, channel: int | None) -> Model:
        return self.model.with_shift(self.shifts.get((segment.speaker, channel)))

    def turns(self, channel: int | None, given: Sequence[Timed]) -> Iterator[Turn]:
        """Yield the predictions for segments of one channel, each with its seconds of overlap."""
        rate = self.model.config.sampling_rate
        part = AudioRegion(channel=channel, stream=self.stream)
        ordered = sorted(given, key=lambda entry: (entry[0].start, entry[0].end))
        # Where each segment is in the samples at the model's rate; at least one sample of it.
        bounds = [
            (round(s.start * rate), max(round(s.end * rate), round(s.start * rate) + 1))
            for s, _ in ordered
            if _fits_in_memory(s)
        ]
        sliced = slice_blocks(self.model.reader(self.source, None, part, self.name)(), bounds)
        for segment, overlap_s in ordered:
            model = self._model(segment, channel)
            if _fits_in_memory(segment):
                answer, details = self._short(model, segment, next(sliced))
            else:
                answer, details = self._long(model, segment, replace(part, start=segment.start, end=segment.end))
            if answer is None:
                continue
            answer = apply_min_confidence(answer, self.config.min_confidence)
            yield Turn(
                answer.start,
                answer.end,
                answer.label,
                answer.score,
                answer.scores,
                answer.n_windows,
                channel,
                segment.speaker,
                segment.text,
                round(overlap_s, 3),
                details,
            )

    def _short(
        self, model: Model, segment: Segment, samples: FloatArray
    ) -> tuple[Prediction | None, tuple[Prediction, ...]]:
        """Return the prediction for a segment in memory, and its timeline."""
        if not len(samples):
            self.late.append(segment)
            return None, ()
        rate, gate, vad = model.config.sampling_rate, self.config.gate, self.config.vad
        answer = model.predict_waveform(Waveform(samples, rate, rate, segment.start), gate, vad)
        if len(samples) <= model.config.window_samples:
            return answer, ()
        # A timeline of samples counts from 0, the turn starts later.
        details = [
            replace(p, start=p.start + segment.start, end=p.end + segment.start)
            for p in timeline(model, np.asarray(samples), rate, self._details())
        ]
        return answer, tuple(details)

    def _long(
        self, model: Model, segment: Segment, part: AudioRegion
    ) -> tuple[Prediction | None, tuple[Prediction, ...]]:
        """Return the prediction for a segment that is decoded separately, and its timeline."""
        gate, vad = self.config.gate, self.config.vad
        try:
            answer = model.predict(self.source, part=part, gate=gate, vad=vad, name=self.name)
        except AudioError:
            if self._duration() > segment.start:
                raise
            self.late.append(segment)
            return None, ()
        return answer, tuple(timeline(model, self.source, config=self._details(), part=part, name=self.name))

    def _details(self) -> TimelineConfig:
        """Return how a turn's own timeline is made: a window every second."""
        window_s = self.model.config.window_samples / self.model.config.sampling_rate
        config = self.config
        return TimelineConfig(
            hop_s=min(1.0, window_s), min_confidence=config.min_confidence, gate=config.gate, vad=config.vad
        )

    def _duration(self) -> float:
        header = audio.probe(self.source, self.stream, name=self.name)
        return float("inf") if header.duration is None else header.duration


def _fits_in_memory(segment: Segment) -> bool:
    return segment.end - segment.start <= MAX_IN_MEMORY_S


def shared_names(segments: Sequence[Segment]) -> list[str]:
    """Return the speakers' names that occur on more than one channel, where they are different people."""
    channels: dict[str, set[int | None]] = {}
    for segment in segments:
        if segment.speaker:
            channels.setdefault(segment.speaker, set()).add(segment.channel)
    return [speaker for speaker, on in channels.items() if len(on - {None}) > 1]
