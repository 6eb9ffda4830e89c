"""What a decode worker of the service does with an upload: see :class:`audio_emotion.batch.workers.Reader`."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audio_emotion import audio
from audio_emotion.audio.region import AudioRegion
from audio_emotion.audio.windows import BATCH, window_bounds
from audio_emotion.batch import readers
from audio_emotion.batch.workers.ipc import WindowChunk
from audio_emotion.core.types import FloatArray
from audio_emotion.inference.config import TimelineConfig, grid
from audio_emotion.web.overview import Overview

NAME = "audio_emotion.web.readers:read"

Task = Literal["header", "windows", "samples", "transcript", "speakers"]

_COMPARED_S = 60.0  # of two channels, to tell whether they differ
_SAME = 0.7  # correlation from which on two channels count as the same sound


class _TooLongError(Exception):
    """There is more sound than a recording may have."""


def read(
    path: str,
    sampling_rate: int,
    window_samples: int,
    duration_s: float,
    region: Mapping[str, Any],
    config: Mapping[str, Any],
    task: Task = "windows",
    over_time: bool = False,
    overview: bool = False,
    recording: str = "",
    n_speakers: int | None = None,
    niceness: int = 0,
) -> Iterator[WindowChunk]:
    """Yield what ``task`` asks for.

    - ``header``: one chunk without windows, whose note is what the file's header says.
    - ``windows``: what :mod:`audio_emotion.batch.readers` yields; with ``overview`` the last note holds an overview.
    - ``samples``: the recording itself, a second of sound in each window; notes say how many samples there are so far.
      With ``overview`` as above.
    - ``transcript``: one chunk without windows, whose note holds the ``segments`` of a transcript or label file, those
      of ``recording`` if it names several; and ``notes``, what the user should know.
    - ``speakers``: likewise, the turns of ``n_speakers`` speakers, or of as many as there are.

    If the region is longer than ``duration_s``, the last chunk's note is ``{"too_long": True}``. The worker runs at
    ``niceness``, where the system has that.
    """
    if niceness and hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, max(niceness, os.getpriority(os.PRIO_PROCESS, 0)))
    part = AudioRegion(**region)
    if task in {"header", "transcript", "speakers"}:
        note = _header(path, part) if task == "header" else _segments(path, part, task, recording, n_speakers)
        yield WindowChunk(np.empty((0, window_samples), np.float32), 0.0, note)
        return
    timeline = TimelineConfig(**config)
    picture = Overview(sampling_rate) if overview else None
    with audio.open_recording(path, part.stream) as opened:
        opened.measures_tones = task == "windows" and timeline.gate and not timeline.vad
        blocks = partial(_limited, opened, sampling_rate, part, duration_s, picture)
        shape = (sampling_rate, window_samples, part.start)
        if task == "samples":
            chunks = _samples(blocks(), sampling_rate)
        elif over_time:
            chunks = readers.timeline_of(_pieces(blocks(), sampling_rate, window_samples, timeline), *shape, timeline)
        else:
            chunks = readers.whole_of(blocks, *shape, timeline.gate, timeline.vad)

        def last_note(end_s: float) -> dict[str, Any]:
            note = {} if picture is None else {"overview": picture.finish()}
            return note if task == "samples" else {**note, **readers.facts_of(opened, sampling_rate, part, end_s)}

        try:
            yield from readers.with_last_note(chunks, last_note)
        except _TooLongError:
            yield WindowChunk(np.empty((0, window_samples), np.float32), 0.0, {"too_long": True})


def _limited(
    opened: audio.Recording, sampling_rate: int, part: AudioRegion, duration_s: float, picture: Overview | None
) -> Iterator[FloatArray]:
    """Yield the blocks of a part, which also go to the picture the first time.

    Raises:
        _TooLongError: there are more than ``duration_s`` seconds.
    """
    n_samples, first_pass = 0, picture is not None and not picture.n_samples
    for block in opened.blocks(sampling_rate, part):
        n_samples += len(block)
        if n_samples > duration_s * sampling_rate:
            raise _TooLongError
        if picture is not None and first_pass:
            picture.push(block)
        yield block


def _header(path: str, region: AudioRegion) -> dict[str, Any]:
    """Return what is known before decoding; ``exact_s`` can be relied on, ``stated_s`` may be a guess."""
    header = audio.probe(path, region.stream)
    differ = header.n_channels == 2 and _channels_differ(path, region)
    return {
        "stated_s": header.duration,
        "exact_s": header.counted,
        "n_channels": header.n_channels,
        "channels_differ": differ,
    }


def _segments(path: str, region: AudioRegion, task: Task, recording: str, n_speakers: int | None) -> dict[str, Any]:
    """Return the segments of a transcript, or of the speakers of a recording, in JSON's terms."""
    if task == "speakers":
        from audio_emotion.inference.speakers import diarize

        return {"segments": [asdict(segment) for segment in diarize(path, n_speakers=n_speakers, part=region)]}
    from audio_emotion.audio.annotations import read as read_annotations

    annotations = read_annotations(Path(path), [recording])
    segments = [asdict(segment) for segment in annotations.segments[recording]]
    return {"segments": segments, "notes": [*annotations.problems, *annotations.notes]}


def _channels_differ(path: str, region: AudioRegion) -> bool:
    """Tell whether two channels hold different sounds, as the two sides of a call; the first minute decides."""
    end = min(region.end or np.inf, region.start + _COMPARED_S)
    left, right = (
        np.concatenate(list(audio.blocks(path, 8000, replace(region, end=end, channel=channel)))) for channel in (1, 2)
    )
    n = min(len(left), len(right))
    power = float(np.linalg.norm(left[:n]) * np.linalg.norm(right[:n]))
    if not power:  # one of them is silent
        return bool(np.any(left) or np.any(right))
    return float(left[:n] @ right[:n]) / power < _SAME


def _pieces(
    blocks: Iterator[FloatArray], sampling_rate: int, window_samples: int, config: TimelineConfig
) -> Iterator[FloatArray]:
    """Yield blocks so short that each completes about BATCH windows of the model, or one window of the timeline.

    With a window of 30 s and a hop of 0.1 s, a second of sound completes 10 windows, each read in 19 passes.
    """
    window, hop = grid(sampling_rate, window_samples, config)
    size = hop * max(1, BATCH // len(window_bounds(window, window_samples)))
    for block in blocks:
        for start in range(0, len(block), size):
            yield block[start : start + size]


def _samples(blocks: Iterator[FloatArray], sampling_rate: int) -> Iterator[WindowChunk]:
    """Yield a recording in rows of one second, the last one filled with zeros."""
    rest, n_samples = np.empty(0, np.float32), 0
    for block in blocks:
        n_samples += len(block)
        rest = np.concatenate([rest, block])
        n_rows = len(rest) // sampling_rate
        rows, rest = rest[: n_rows * sampling_rate], rest[n_rows * sampling_rate :]
        if n_rows:
            yield WindowChunk(rows.reshape(n_rows, sampling_rate), n_samples / sampling_rate, {"n": n_samples})
    last = np.pad(rest, (0, sampling_rate - len(rest))).reshape(1, sampling_rate)
    yield WindowChunk(last, n_samples / sampling_rate, {"n": n_samples})
