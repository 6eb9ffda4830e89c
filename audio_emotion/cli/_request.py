"""What ``infer`` is asked to do with each recording."""

import os
import stat
import sys
from collections.abc import Mapping, Sequence
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
    from audio_emotion.audio.segments import Segment
    from audio_emotion.inference.adaptation import Grouping

STDIN = "-"
STDIN_NAME = "standard input"

_STDIN_BYTES = 4 * 2**30
_IN_MEMORY = 64 * 2**20

Channels = int | Literal["mix", "each"]


@dataclass(frozen=True)
class Request:
    """What is asked of each recording.

    Attributes:
        timeline: how windows are cut and answered.
        along_time: whether an answer along the time is wanted, or one for the whole.
        segments: stretches to answer instead, of each recording; None: none are given.
        start: seconds.
        end: seconds; None: to the end.
        channels: which are heard.
        stream: which audio stream of a container, counted from 1; None: its default.
        adapt: which recordings the model is adapted to first, as one group; None: it is not.
    """

    timeline: TimelineConfig
    along_time: bool = False
    segments: "Mapping[Path, Sequence[Segment]] | None" = None
    start: float = 0.0
    end: float | None = None
    channels: Channels = "mix"
    stream: int | None = None
    adapt: "Grouping | None" = None

    def part(self, channel: int | None) -> AudioRegion:
        """Return the part of a recording that is heard."""
        return AudioRegion(self.start, self.end, channel, self.stream)


def listed(path: Path) -> list[str]:
    """Return the recordings that a list names; - is a list on standard input.

    Raises:
        UsageError: it names nothing, or is no list.
        StorageError: it cannot be read.
        AudioError: as :func:`standard_input`.
    """
    if str(path) != STDIN:
        return names_in(content(path, "a list with the name of a recording on each line"), display_path(path))
    with standard_input() as file:
        file.seek(0)
        return names_in(file.read(), STDIN_NAME)


def standard_input() -> BinaryIO:
    """Return what comes on stdin, up to 4 GiB, as a file that can be rewound; the larger ones lie on disk.

    Raises:
        AudioError: it is a folder or a device, cannot be read, is larger, or does not fit on the disk.
    """
    held = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (closed by whoever drops it)
    n_bytes = 0
    try:
        _check_stdin()
        while block := sys.stdin.buffer.read(2**20):
            n_bytes += len(block)
            if n_bytes > _STDIN_BYTES:
                raise AudioError(f"{STDIN_NAME}: is larger than {_STDIN_BYTES // 2**30} GiB; name a file instead")
            held.write(block)
    except OSError as error:
        no_folder = isinstance(error, FileNotFoundError)  # it was to be put on disk
        hint = "; mount a writable /tmp, set TMPDIR, or name a file instead" if no_folder else ""
        raise AudioError(f"{STDIN_NAME}: cannot be read ({reason(error)}){hint}") from error
    return cast(BinaryIO, held)


def _check_stdin() -> None:
    """Refuse a device, which may have no end; a terminal has one, and /dev/null nothing but."""
    try:
        found = os.fstat(sys.stdin.fileno())
    except (OSError, ValueError):  # no file of the system's
        return
    if stat.S_ISCHR(found.st_mode) and not sys.stdin.isatty() and found.st_rdev != Path(os.devnull).stat().st_rdev:
        raise AudioError(f"{STDIN_NAME}: is a device, expected a recording")
