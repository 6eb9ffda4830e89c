"""What a decode worker makes of a recording: see :class:`audio_emotion.batch.workers.Reader`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from audio_emotion import audio
from audio_emotion.audio.windows import iter_speech_windows
from audio_emotion.batch.workers.ipc import WindowChunk
from audio_emotion.core.types import FloatArray
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.segmenter import Windower


def whole(
    path: audio.AudioSource,
    sampling_rate: int,
    window_samples: int,
    part: Mapping[str, Any] | None = None,
    gate: bool = True,
    vad: bool = False,
    name: str | None = None,
) -> Iterator[WindowChunk]:
    """Yield the windows of a recording that hold speech, for one answer; each note says how long the recording is.

    ``part`` holds the fields of :class:`audio_emotion.audio.AudioRegion`; ``name`` is what messages call a file object.
    """
    region = audio.AudioRegion(**(part or {}))
    blocks = partial(audio.blocks, path, sampling_rate, region, name=name)
    yield from whole_of(blocks, sampling_rate, window_samples, region.start, gate, vad)


def whole_of(
    read: Callable[[], Iterable[FloatArray]],
    sampling_rate: int,
    window_samples: int,
    start: float,
    gate: bool,
    vad: bool,
) -> Iterator[WindowChunk]:
    """Do as :func:`whole` with a sound whose blocks ``read`` gives from the beginning, each time it is called."""
    n_samples, windows = iter_speech_windows(read, sampling_rate, window_samples, gate, vad)
    end_s = start + n_samples / sampling_rate
    yield WindowChunk(np.empty((0, window_samples), np.float32), end_s, {"end_s": end_s})
    for batch in windows:
        yield WindowChunk(batch, end_s, {"end_s": end_s})


def timeline(
    path: audio.AudioSource,
    sampling_rate: int,
    window_samples: int,
    part: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Iterator[WindowChunk]:
    """Yield the speech of a timeline's windows as the recording is decoded.

    Each note says how many of the part's windows belong to each of the timeline's, and how many samples came; the last
    timeline window is by itself. ``config`` holds the fields of
    :class:`audio_emotion.inference.config.TimelineConfig`.
    """
    region = audio.AudioRegion(**(part or {}))
    blocks = audio.blocks(path, sampling_rate, region, name=name)
    yield from timeline_of(blocks, sampling_rate, window_samples, region.start, TimelineConfig(**(config or {})))


def timeline_of(
    blocks: Iterable[FloatArray], sampling_rate: int, window_samples: int, start: float, config: TimelineConfig
) -> Iterator[WindowChunk]:
    """Do as :func:`timeline` with the blocks of a sound."""
    cutter = Windower(sampling_rate, window_samples, config)

    def message(speech: list[FloatArray]) -> WindowChunk:
        end_s = start + cutter.n_samples / sampling_rate
        return WindowChunk(
            np.concatenate(speech), end_s, {"counts": [len(own) for own in speech], "n": cutter.n_samples}
        )

    for block in blocks:
        for speech in cutter.push(block):
            yield message(speech)
    yield message(cutter.flush())
