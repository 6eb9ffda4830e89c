"""The options of ``infer`` for each recording."""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from audio_emotion.audio.find import names_in
from audio_emotion.audio.region import AudioRegion
from audio_emotion.core.errors import AudioError, reason
from audio_emotion.core.paths import content, display_path
from audio_emotion.inference.config import TimelineConfig

if TYPE_CHECKING:
    from audio_emotion.cli._segments import GivenSegments
    from audio_emotion.cli._speakers import DiarizedSegments
    from audio_emotion.inference.adaptation import Grouping

STDIN = "-"
STDIN_NAME = "standard input"

_STDIN_BYTES = 4 * 2**30
_IN_MEMORY = 64 * 2**20

Channels = int | Literal["mix", "each"]


@dataclass(frozen=True)
class Request:
    """The options for each recording.

    Attributes:
        timeline: how windows are cut and predicted.
        along_time: whether to predict over time, instead of the whole recording.
        segments: segments to predict instead, by recording; None: not given.
        start: in seconds.
        end: in seconds; None: to the end.
        channels: which to use.
        stream: which audio stream of a container, counted from 1; None: its default.
        adapt: which recordings the model is adapted to first, as one group; None: it is not.
    """

    timeline: TimelineConfig
    along_time: bool = False
    segments: "GivenSegments | DiarizedSegments | None" = None
    start: float = 0.0
    end: float | None = None
    channels: Channels = "mix"
    stream: int | None = None
    adapt: "Grouping | None" = None

    def __post_init__(self) -> None:
        self.part(None)  # raises UsageError for an end before the start

    def part(self, channel: int | None) -> AudioRegion:
        """Return the part of a recording to use."""
        return AudioRegion(self.start, self.end, channel, self.stream)


def listed(path: Path) -> list[str]:
    """Return the file names of a list; - reads the list from standard input.

    Raises:
        UsageError: the list is empty or not a list.
        StorageError: the list cannot be read.
        AudioError: as :func:`standard_input`.
    """
    if str(path) != STDIN:
        return names_in(content(path, "a list with the name of a recording on each line"), display_path(path))
    with standard_input() as file:
        file.seek(0)
        return names_in(file.read(), STDIN_NAME)


def standard_input() -> BinaryIO:
    """Return standard input, up to 4 GiB, as a seekable file; above 64 MiB it is stored on disk.

    Raises:
        AudioError: it is a folder or a device, cannot be read, is too large, or does not fit on the disk.
    """
    held = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (closed by whoever drops it)
    n_bytes = 0
    try:
        _check_stdin()
        while block := sys.stdin.buffer.read(2**20):
            n_bytes += len(block)
            if n_bytes > _STDIN_BYTES:
                raise AudioError(
                    f"is larger than {_STDIN_BYTES // 2**30} GiB", subject=STDIN_NAME, hint="use a file instead"
                )
            held.write(block)
    except OSError as error:
        no_folder = isinstance(error, FileNotFoundError)  # it was to be put on disk
        hint = "; mount a writable /tmp, set TMPDIR, or name a file instead" if no_folder else ""
        raise AudioError(f"cannot be read ({reason(error)}){hint}", subject=STDIN_NAME) from error
    return cast(BinaryIO, held)


def _check_stdin() -> None:
    """Refuse a device, which may have no end; terminals and /dev/null are allowed."""
    try:
        found = os.fstat(sys.stdin.fileno())
    except (OSError, ValueError):  # not a file of the operating system
        return
    if stat.S_ISCHR(found.st_mode) and not sys.stdin.isatty() and found.st_rdev != Path(os.devnull).stat().st_rdev:
        raise AudioError("is a device, expected a recording", subject=STDIN_NAME)
