"""A part of a recording, and what the header of a recording states."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Union

from audio_emotion.core.errors import UsageError

if TYPE_CHECKING:
    from audio_emotion.audio.recordings import Recording

AudioSource = Union[str, os.PathLike[str], bytes, BinaryIO, "Recording"]
"""A recording: its path, its bytes, a file object open for reading that can be rewound, or a :class:`Recording`."""


@dataclass(frozen=True, slots=True)
class AudioRegion:
    """A part of a recording.

    Attributes:
        start: seconds from its beginning.
        end: seconds from its beginning; None: to its end.
        channel: counted from 1; None: the mean of all channels.
        stream: which of a container's audio streams, counted from 1; None: the one that is marked as default, else
            the first.

    Raises:
        UsageError: a value that no recording has.
    """

    start: float = 0.0
    end: float | None = None
    channel: int | None = None
    stream: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < float("inf"):
            raise UsageError(f"the start is {self.start:g} s, expected 0 or more")
        if self.end is not None and not self.start < self.end < float("inf"):
            raise UsageError(f"the end is {self.end:g} s, expected more than the start, {self.start:g} s")
        for name, number in (("channel", self.channel), ("stream", self.stream)):
            if number is not None and number < 1:
                raise UsageError(f"the {name} is {number}; they are counted from 1")


FULL = AudioRegion()


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording states about itself before anything is decoded. A damaged one may be wrong.

    Attributes:
        duration: seconds, in a WAV file those that are there; None where it is not stated.
        sampling_rate: Hz.
        n_channels: of the selected stream.
        missing: seconds that the header of a WAV file counts and the file, which was cut off, does not hold.
        counted: seconds of sound that the header of FLAC, MP4, or Matroska without pictures states, whether the file
            holds them or not; None elsewhere.
        is_estimate: whether ``duration`` is no more than an estimate, from the first bit rate for example, as for ADTS
            or MP3 without a count of its frames. It may be wrong by a factor of many.
        stream: which of a container's audio streams this is about, counted from 1.
        n_streams: how many audio streams there are.
    """

    duration: float | None
    sampling_rate: int
    n_channels: int
    missing: float = 0.0
    counted: float | None = None
    is_estimate: bool = False
    stream: int = 1
    n_streams: int = 1
