"""The values that pass between the main process and its workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audio_emotion.core.schema import above, check
from audio_emotion.core.types import FloatArray

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one recording may cost before it fails.

    Attributes:
        duration_s: seconds of sound.
        size_bytes: bytes of file.
        decode_s: seconds to wait for its decoder, for each started hour of sound so far: a clip that hangs fails after
            this time, a ten-hour recording may take ten times as long.
        memory_bytes: memory for its decoder, in addition to that of an idle worker; Linux only.
    """

    duration_s: float = above(24 * HOUR_S, 0, unit="s")
    size_bytes: int = above(4 * 2**30, 0, unit="bytes")
    decode_s: float = above(120.0, 0, unit="s")
    memory_bytes: int = above(4 * 2**30, 0, unit="bytes")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Reader:
    """The function that runs in a worker: ``read(path, **settings)``.

    It yields at least one :class:`~audio_emotion.batch.workers.ipc.WindowChunk`.

    Attributes:
        function: its name, ``module:function``; the module should import little, and no torch.
        settings: its keyword arguments, in JSON's terms.
    """

    function: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class WindowBatch:
    """Windows of one recording, from a worker.

    Attributes:
        item: number of the recording, as given to the pool.
        windows: (n_windows, window_samples) float32; None for none.
        end_s: seconds of the recording read so far.
        note: the reader's remark.
        last: whether the recording ends here.
    """

    item: int
    windows: FloatArray | None
    end_s: float
    note: Mapping[str, Any]
    last: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a recording has no result.

    Attributes:
        item: number of the recording, as given to the pool.
        kind: ``missing``, ``unreadable`` (no regular file, or not permitted), ``decode`` (its content is no sound),
            ``limit`` (too long or too big), ``time``, ``memory``, ``crash`` (its decoder died) or ``error``.
        reason: one line.
    """

    item: int
    kind: str
    reason: str


Event = WindowBatch | Failure


class RecordingFailedError(Exception):
    """Reading a recording failed; readers that know the kind of a failure raise it too."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
