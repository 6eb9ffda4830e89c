"""What a service's decode worker makes of an upload: see :class:`audio_emotion.batch.workers.Reader`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from audio_emotion import audio
from audio_emotion.batch import readers
from audio_emotion.batch.workers.ipc import WindowChunk
from audio_emotion.core.types import FloatArray
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.web.overview import Overview

NAME = "audio_emotion.web.readers:read"


class _TooLongError(Exception):
    """There is more sound than a recording may have."""


def read(
    path: str,
    sampling_rate: int,
    window_samples: int,
    duration_s: float,
    part: Mapping[str, Any],
    config: Mapping[str, Any],
    along_time: bool = False,
    overview: bool = False,
) -> Iterator[WindowChunk]:
    """Yield what :mod:`~audio_emotion.batch.readers` would; with ``overview`` the last note holds an overview.

    Of a recording, or the part of it that is asked for, longer than ``duration_s`` the last part's note is
    ``{"too_long": True}``. A header that tells so spares decoding.
    """
    chosen, timeline = audio.AudioRegion(**part), TimelineConfig(**config)
    seen = Overview(sampling_rate) if overview else None

    def blocks() -> Iterator[FloatArray]:
        n_samples, new = 0, seen is not None and not seen.n_samples
        for block in audio.blocks(path, sampling_rate, chosen):
            n_samples += len(block)
            if n_samples > duration_s * sampling_rate:
                raise _TooLongError
            if seen is not None and new:
                seen.push(block)
            yield block

    whole = (sampling_rate, window_samples, chosen.start)
    try:
        stated = audio.probe(path, chosen.stream).duration or 0.0
        if min(stated, chosen.end or stated) - chosen.start > duration_s:
            raise _TooLongError
        if along_time:
            parts = readers.timeline_of(blocks(), *whole, timeline)
        else:
            parts = readers.whole_of(blocks, *whole, timeline.gate, timeline.vad)
        last = next(parts)
        for following in parts:
            yield last
            last = following
        yield last if seen is None else replace(last, note={**last.note, "overview": seen.finish()})
    except _TooLongError:
        yield WindowChunk(np.empty((0, window_samples), np.float32), 0.0, {"too_long": True})
