"""A session: blocks of sound → answers, with what there is to say of them at the end."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from audio_emotion import audio
from audio_emotion.core.errors import AudioEmotionError
from audio_emotion.core.types import Prediction
from audio_emotion.inference.config import grid
from audio_emotion.inference.live.recording import WavFile
from audio_emotion.inference.live.sources import Block, Clock, LiveSource, Waiting
from audio_emotion.inference.timeline import Stream

_KEPT = 1200  # latencies, those of ten minutes at the usual hop
SILENCE_DB = -96.0
"""The level of digital silence, as 16 bits have it."""


@dataclass(frozen=True, slots=True)
class LiveResult:
    """An answer.

    Attributes:
        said: what the model says.
        ended_at: when the window behind the answer had sounded, in the clock's seconds; None: it was not heard but
            read, or is the last one, which the sound did not fill.
    """

    said: Prediction
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a session was.

    Attributes:
        seconds: of sound.
        shares: each answered label's share of the time, 0 to 1, the largest first.
        n_answers: how many answers were given.
        latencies_s: from the end of each window to its answer, sorted, of the last 1200; none where files are read.
        cpu: share of one core that was used, 1 being all of it.
        n_overflows: how often the system lost sound before it came here.
        lost_s: seconds that stand as silence, because the device was gone or too much waited to be answered.
    """

    seconds: float
    shares: Mapping[str, float]
    n_answers: int
    latencies_s: Sequence[float]
    cpu: float
    n_overflows: int
    lost_s: float

    def latency_s(self, share: float) -> float | None:
        """Return what ``share`` of the latencies, 0 to 1, are not above; None where there are none."""
        return float(np.quantile(self.latencies_s, share)) if self.latencies_s else None


class Session:
    """Answers blocks of sound, and counts.

    Attributes:
        stream: what answers.
        level_db: of the last block, RMS in dB re full scale.
        notes: what there is to know of the sound, once it has ended; a sentence each.
    """

    def __init__(self, stream: Stream, clock: Clock = time.monotonic) -> None:
        self.stream, self.level_db = stream, SILENCE_DB
        self.notes: tuple[str, ...] = ()
        self._clock = clock
        config = stream.model.config
        window, hop = grid(config.sampling_rate, config.window_samples, stream.config)
        self._behind_s = (window - hop) / 2 / config.sampling_rate  # of a window, behind its segment
        self._seconds: dict[str, float] = {}
        self._latencies: deque[float] = deque(maxlen=_KEPT)
        self._n_answers = self._n_overflows = self._n_lost = 0
        self._began, self._cpu = clock(), time.process_time()

    def take(self, block: Block) -> Iterator[LiveResult]:
        """Take the next block, with silence for what was lost before it; yield what is answered by it."""
        self._n_overflows += block.overflowed
        self._n_lost += block.n_lost
        second = self.stream.sampling_rate
        for start in range(0, block.n_lost, second):
            yield from self._heard(np.zeros(min(second, block.n_lost - start), np.float32), None)
        self.level_db = level_db(block.frames)
        yield from self._heard(block.frames, block.ended_at)

    def finish(self) -> Iterator[LiveResult]:
        """Yield what is left to be answered."""
        self.notes = self.stream.notes  # the stream begins again
        for said in self.stream.flush():
            yield self._counted(said, None)

    def note(self, heard: LiveResult) -> None:
        """Take note of when an answer was shown: now."""
        if heard.ended_at is not None:
            self._latencies.append(self._clock() - heard.ended_at)

    def summary(self) -> Summary:
        """Return what the session was so far."""
        total = sum(self._seconds.values())
        ranked = sorted(self._seconds.items(), key=lambda entry: -entry[1])
        wall = max(self._clock() - self._began, 1e-9)
        return Summary(
            total,
            {label: seconds / total for label, seconds in ranked},
            self._n_answers,
            sorted(self._latencies),
            (time.process_time() - self._cpu) / wall,
            self._n_overflows,
            self._n_lost / self.stream.sampling_rate,
        )

    def _heard(self, frames: npt.NDArray[Any], ended_at: float | None) -> Iterator[LiveResult]:
        for said in self.stream.push(frames):
            behind_s = self.stream.position - (said.end + self._behind_s)  # sound that came after the window
            yield self._counted(said, None if ended_at is None else ended_at - behind_s)

    def _counted(self, said: Prediction, ended_at: float | None) -> LiveResult:
        self._n_answers += 1
        self._seconds[said.label] = self._seconds.get(said.label, 0.0) + said.end - said.start
        return LiveResult(said, ended_at)


class Output(Protocol):
    """Who is told what happens."""

    def on_result(self, heard: LiveResult) -> None:
        """Show or write an answer."""
        ...

    def moved(self, session: Session) -> None:
        """Show that time went on: called with every block."""
        ...

    def waiting(self, waiting: Waiting) -> None:
        """Show that the device is gone: called now and then while it is."""
        ...


def run(
    source: LiveSource,
    session: Session,
    outputs: Sequence[Output],
    stop: threading.Event,
    record: WavFile | None = None,
) -> None:
    """Listen until the source ends or ``stop`` is set; what was heard until then is answered to its end.

    Raises:
        AudioEmotionError: the source failed, or a file could not be written. Before it is raised, what was heard is
            answered, as at any other end.
    """
    failure = None
    try:
        for event in source.blocks(stop):
            if isinstance(event, Waiting):
                for output in outputs:
                    output.waiting(event)
                continue
            if record is not None:
                record.write_silence(event.n_lost)
                record.write(event.frames)
            _tell(session.take(event), session, outputs)
            for output in outputs:
                output.moved(session)
    except AudioEmotionError as error:
        failure = error
    _tell(session.finish(), session, outputs)
    if failure is not None:
        raise failure


def _tell(answers: Iterator[LiveResult], session: Session, outputs: Sequence[Output]) -> None:
    for heard in answers:
        for output in outputs:
            output.on_result(heard)
        session.note(heard)


def level_db(frames: npt.NDArray[Any]) -> float:
    """Return the level of (n_frames,) or (n_frames, n_channels), RMS in dB re full scale, all channels mixed.

    >>> import numpy as np
    >>> level_db(np.full(320, 3277, np.int16)), level_db(np.zeros(320))
    (-20.0, -96.0)
    """
    samples = audio.mono(frames, None).astype(np.float64)
    power = float(np.square(samples).mean()) if len(samples) else 0.0
    return max(SILENCE_DB, round(10 * float(np.log10(max(power, 1e-12))), 1))
