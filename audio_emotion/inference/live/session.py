"""A session: blocks of sound → predictions, and a summary of them at the end."""

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
    """A prediction of a live session.

    Attributes:
        prediction: for one segment.
        ended_at: when the last sample of its window was recorded, in the clock's seconds; None: it comes from a file,
            or from the last window, which the sound did not fill.
    """

    prediction: Prediction
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of a session.

    Attributes:
        seconds: of sound.
        shares: each predicted label's share of the time, 0 to 1, the largest first.
        n_answers: the number of predictions.
        latencies_s: from the end of each window to its prediction, sorted, the last 1200; empty for files.
        cpu: share of one core that was used, 1 is all of it.
        n_overflows: how often the system lost sound before it arrived here.
        lost_s: seconds that were replaced by silence, because the device was gone or the queue was full.
    """

    seconds: float
    shares: Mapping[str, float]
    n_answers: int
    latencies_s: Sequence[float]
    cpu: float
    n_overflows: int
    lost_s: float

    def latency_s(self, share: float) -> float | None:
        """Return the quantile ``share``, 0 to 1, of the latencies; None if there are none."""
        return float(np.quantile(self.latencies_s, share)) if self.latencies_s else None


class Session:
    """Predicts blocks of sound, and counts.

    Attributes:
        stream: makes the predictions.
        level_db: of the last block, RMS in dB re full scale.
        notes: what there is to know of the sound, once it has ended; a sentence each.
    """

    def __init__(self, stream: Stream, clock: Clock = time.monotonic) -> None:
        self.stream, self.level_db = stream, SILENCE_DB
        self.notes: tuple[str, ...] = ()
        self._clock = clock
        config = stream.model.config
        window, hop = grid(config.sampling_rate, config.window_samples, stream.config)
        # window   |-------------------------|
        # segment          |- hop -|                a segment is the middle of its window,
        # behind                   |---------|      so this much sound of the window lies behind its segment
        self._behind_s = (window - hop) / 2 / config.sampling_rate
        self._seconds: dict[str, float] = {}
        self._latencies: deque[float] = deque(maxlen=_KEPT)
        self._n_answers = self._n_overflows = self._n_lost = 0
        self._began, self._cpu = clock(), time.process_time()

    def take(self, block: Block) -> Iterator[LiveResult]:
        """Take the next block, with silence for what was lost before it; yield the predictions that it completes."""
        self._n_overflows += block.overflowed
        self._n_lost += block.n_lost
        second = self.stream.sampling_rate
        for start in range(0, block.n_lost, second):
            yield from self._push(np.zeros(min(second, block.n_lost - start), np.float32), None)
        self.level_db = level_db(block.frames)
        yield from self._push(block.frames, block.ended_at)

    def finish(self) -> Iterator[LiveResult]:
        """Yield the remaining predictions."""
        self.notes = self.stream.notes  # the stream begins again
        for prediction in self.stream.flush():
            yield self._counted(prediction, None)

    def note(self, result: LiveResult) -> None:
        """Measure the latency of a prediction that was shown now."""
        if result.ended_at is not None:
            self._latencies.append(self._clock() - result.ended_at)

    def summary(self) -> Summary:
        """Return the figures of the session so far."""
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

    def _push(self, frames: npt.NDArray[Any], ended_at: float | None) -> Iterator[LiveResult]:
        for prediction in self.stream.push(frames):
            # sound     ...========================| position, known at `ended_at`
            # segment        |-----| prediction.end
            # window    |---------------|            `later_s` of sound came after it, so it ended that much earlier
            later_s = self.stream.position - (prediction.end + self._behind_s)  # sound that came after the window
            yield self._counted(prediction, None if ended_at is None else ended_at - later_s)

    def _counted(self, prediction: Prediction, ended_at: float | None) -> LiveResult:
        self._n_answers += 1
        duration_s = prediction.end - prediction.start
        self._seconds[prediction.label] = self._seconds.get(prediction.label, 0.0) + duration_s
        return LiveResult(prediction, ended_at)


class Output(Protocol):
    """Receives what happens in a session."""

    def on_result(self, result: LiveResult) -> None:
        """Show or write a prediction."""
        ...

    def moved(self, session: Session) -> None:
        """Show how far the session is; called after each block."""
        ...

    def waiting(self, waiting: Waiting) -> None:
        """Show that the device is gone; called now and then until it is back."""
        ...


def run(
    source: LiveSource,
    session: Session,
    outputs: Sequence[Output],
    stop: threading.Event,
    record: WavFile | None = None,
) -> None:
    """Listen until the source ends or ``stop`` is set, and process all sound until then.

    Raises:
        AudioEmotionError: the source failed, or a file could not be written. The sound until then is processed first.
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
            _emit(session.take(event), session, outputs)
            for output in outputs:
                output.moved(session)
    except AudioEmotionError as error:
        failure = error
    _emit(session.finish(), session, outputs)
    if failure is not None:
        raise failure


def _emit(results: Iterator[LiveResult], session: Session, outputs: Sequence[Output]) -> None:
    for result in results:
        for output in outputs:
            output.on_result(result)
        session.note(result)


def level_db(frames: npt.NDArray[Any]) -> float:
    """Return the level of (n_frames,) or (n_frames, n_channels), RMS in dB re full scale, all channels mixed.

    >>> import numpy as np
    >>> level_db(np.full(320, 3277, np.int16)), level_db(np.zeros(320))
    (-20.0, -96.0)
    """
    samples = audio.mono(frames, None).astype(np.float64)
    power = float(np.square(samples).mean()) if len(samples) else 0.0
    return max(SILENCE_DB, round(10 * float(np.log10(max(power, 1e-12))), 1))
