"""Conversations → results: each turn of a recording is predicted, by the speakers and words of its transcript."""

import hashlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audio_emotion import audio
from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.audio.segments import Segment
from audio_emotion.batch.scoring import Scored
from audio_emotion.batch.workers import Failure, Limits
from audio_emotion.batch.workers.pool import check
from audio_emotion.batch.workers.types import RecordingFailedError
from audio_emotion.core.errors import AudioEmotionError, AudioError
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import FloatArray, Prediction
from audio_emotion.formats import Result, Source
from audio_emotion.inference.config import DEFAULTS, TimelineConfig
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import overall
from audio_emotion.inference.turns import score_turns


@dataclass(frozen=True, slots=True)
class ConversationTask:
    """Predict the turns of each recording.

    Attributes:
        segments: the turns of each recording, by its path; looking one up raises AudioError if there is none.
        origin: what the turns come from, in JSON's terms, so that a journal can tell.
        timeline: of it, ``gate``, ``vad`` and ``min_confidence`` count.
        part: of it, the channel and the stream count.
        adapt: whether to adapt the model to each speaker.
        is_given: whether ``segments`` come from files, so that a recording is predicted again if they change.
        shift_of: as of :class:`audio_emotion.batch.scoring.Task`.
    """

    segments: Mapping[Path, Sequence[Segment]]
    origin: str
    timeline: TimelineConfig = DEFAULTS
    part: AudioRegion = FULL
    adapt: bool = False
    is_given: bool = True
    shift_of: Callable[[str], FloatArray | None] | None = None

    @property
    def gate(self) -> bool:
        """Whether windows that are not speech are left out."""
        return self.timeline.gate

    @property
    def vad(self) -> bool:
        """Whether windows without a voice are left out."""
        return self.timeline.vad

    @property
    def settings(self) -> dict[str, Any]:
        """Which part of a recording is read, in JSON's terms."""
        return {"part": asdict(self.part)}

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What determines the results of every recording, in JSON's terms."""
        settings = {"gate": self.gate, "vad": self.vad, "min_confidence": self.timeline.min_confidence}
        more = {"adapt": "speaker"} if self.adapt else {}
        return {"reader": "turns", "turns from": self.origin, **self.settings, **settings, **more}

    def digest(self, file: str) -> str | None:
        """Return a checksum of the turns of a recording; None if they are not given, or cannot be read."""
        if not self.is_given:
            return None
        try:
            rows = [asdict(segment) for segment in self.segments[Path(file)]]
        except (AudioEmotionError, KeyError):
            return None
        return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]


def score_conversations(
    files: Sequence[str], model: Model, task: ConversationTask, limits: Limits | None = None
) -> Generator[Scored | Failure, None, None]:
    """Predict the turns of recordings, one recording after the other, in their order.

    A recording is decoded in this process: of ``limits``, its size and its duration count. A result may come with a
    problem: turns after the recording's end.
    """
    limits = limits or Limits()
    for item, file in enumerate(files):
        try:
            check(file, limits)
            _check_duration(file, task.part.stream, limits)
            shifted = model.with_shift(task.shift_of(file)) if task.shift_of else model
            yield _score(item, file, shifted, task)
        except RecordingFailedError as failure:
            yield Failure(item, failure.kind, failure.reason)
        except AudioError as error:  # maybe of the transcript, so never final
            yield Failure(item, "error", str(error))


def _check_duration(file: str, stream: int | None, limits: Limits) -> None:
    duration = audio.probe(file, stream).duration
    if duration is not None and duration > limits.duration_s:
        reason = f"{display_path(file)}: longer than the {limits.duration_s:.0f} s allowed; raise the limit"
        raise RecordingFailedError("limit", reason)


def _score(item: int, file: str, model: Model, task: ConversationTask) -> Scored:
    """Return the result for one recording.

    Raises:
        AudioError: no turn can be predicted.
    """
    turns: list[Prediction] = []
    problem = None
    segments = task.segments[Path(file)]
    try:
        for turn in score_turns(model, file, segments, task.timeline, task.part, adapt=task.adapt):
            turns.append(turn)
    except AudioError as error:
        if not turns:
            raise
        problem = str(error)
    prediction = overall(turns, model.config, task.part.channel)
    result = Result(Source(file, model.config.name, model.runtime.device), prediction, tuple(turns))
    return Scored(item, result, max(turn.end for turn in turns), problem)
