"""What a request wants, what it gets, and how it is cancelled."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from audio_emotion.audio.region import AudioRegion
from audio_emotion.formats import Result
from audio_emotion.inference.config import TimelineConfig

SHORT_S = 120.0
"""Seconds of sound from which on a request is long."""

SHORT_WINDOWS = 300
"""Windows of the model from which on a request is long."""

Channels = Literal["mix", "each", "auto"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What a request wants to know of an upload.

    Attributes:
        model: one of those that are served.
        timeline: how windows are made, predicted and merged.
        region: the part of the recording.
        over_time: whether a timeline is wanted.
        overview: whether an overview is.
        channels: ``mix`` predicts the channels of ``region`` as one, ``each`` every channel by itself; ``auto`` two
            channels by themselves if they differ. Turns of a transcript are predicted from their own channels.
        n_speakers: who speaks when is to be found out, for so many speakers; 0: estimated; None: it is not.
        adapt: whether to adapt to each speaker of a conversation, or to each channel that is predicted by itself.
    """

    model: str
    timeline: TimelineConfig
    region: AudioRegion
    over_time: bool = False
    overview: bool = False
    channels: Channels = "mix"
    n_speakers: int | None = None
    adapt: bool = False


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """The result for one channel, for all of them mixed, or for a conversation.

    Attributes:
        result: what the writers write.
        overviews: of each channel that was decoded, if they were requested; None is the mean of all channels.
        notes: what the user should know, one line each.
    """

    result: Result
    overviews: Mapping[int | None, Mapping[str, Any] | None]
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class Job:
    """One request at work.

    Attributes:
        share: how much of it is done, 0 to 1; None as long as nobody knows.
    """

    share: float | None = None
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _future: "Future[Any] | None" = None

    def check(self) -> None:
        """Raise :class:`Cancelled` if the client has left."""
        if self._cancelled.is_set():
            raise Cancelled

    def cancel(self) -> None:
        """Stop: at the next windows if it is at work, at once if it is waiting."""
        self._cancelled.set()
        if self._future is not None:
            self._future.cancel()

    async def run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """Run ``work`` in a thread when one is free.

        Raises:
            Cancelled: the job was cancelled.
        """
        self.check()
        self._future = future = threads.submit(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self.check()
            raise


class Cancelled(Exception):  # noqa: N818 (nothing went wrong)
    """The client has left."""


class TakesLong(Exception):  # noqa: N818 (nothing went wrong)
    """This request belongs in the slow lane."""
