"""Messages between the main process and a worker, over pipes: a JSON header, then samples."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from audio_emotion.core.types import FloatArray

_SIZES = struct.Struct("<IQ")  # bytes of the header, bytes of the samples


@dataclass(frozen=True, slots=True, eq=False)
class WindowChunk:
    """What a reader yields: some windows of a recording, in order.

    Attributes:
        windows: (n_windows, window_samples) float32 to put to the model; may be none.
        end_s: how far into the recording the reader has come, in seconds.
        note: what else the prediction needs to know, as JSON values.
    """

    windows: FloatArray
    end_s: float
    note: Mapping[str, Any] = field(default_factory=dict)


def send(pipe: IO[bytes], header: Mapping[str, Any], windows: FloatArray | None = None) -> None:
    """Write one message and flush it. File names keep their bytes: JSON's escapes hold surrogates."""
    fields = dict(header)
    samples: bytes | memoryview = b""
    if windows is not None and windows.size:
        fields["shape"] = windows.shape
        samples = np.ascontiguousarray(windows, "<f4").data.cast("B")
    text = json.dumps(fields).encode("ascii")
    pipe.write(_SIZES.pack(len(text), len(samples)) + text)
    pipe.write(samples)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], FloatArray | None]:
    """Read one message: its header, and its windows if it has any.

    Raises:
        EOFError: the other side is gone.
    """
    n_text, n_samples = _SIZES.unpack(_exactly(pipe, _SIZES.size))
    header = json.loads(_exactly(pipe, n_text))
    if not n_samples:
        return header, None
    return header, np.frombuffer(_exactly(pipe, n_samples), "<f4").reshape(header["shape"])


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content
