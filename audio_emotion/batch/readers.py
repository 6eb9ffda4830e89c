"""What a decode worker makes of a recording: see :class:`audio_emotion.batch.workers.Reader`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, replace
from functools import partial
from typing import Any

import numpy as np

from audio_emotion import audio
from audio_emotion.audio.notes import notes_on
from audio_emotion.audio.tonality import TONAL_SHARE
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
    with audio.open_recording(path, region.stream, name=name) as recording:
        recording.measures_tones = gate and not vad
        read = partial(recording.blocks, sampling_rate, region)
        chunks = whole_of(read, sampling_rate, window_samples, region.start, gate, vad)
        yield from with_last_note(chunks, partial(facts_of, recording, sampling_rate, region))


def with_last_note(chunks: Iterable[WindowChunk], facts: Callable[[float], Mapping[str, Any]]) -> Iterator[WindowChunk]:
    """Yield chunks; the note of the last one also holds ``facts``, made from where it ends, in seconds."""
    last: WindowChunk | None = None
    for chunk in chunks:
        if last is not None:
            yield last
        last = chunk
    if last is not None:
        yield replace(last, note={**last.note, **facts(last.end_s)})


def facts_of(recording: audio.Recording, sampling_rate: int, region: audio.AudioRegion, end_s: float) -> dict[str, Any]:
    """Return the notes on a recording that was decoded to ``end_s`` seconds, and whether it is tonal, in JSON's terms.

    :func:`audio_emotion.batch.scoring.notes_in` reads them.
    """
    is_stream_named = region.stream is not None
    notes = notes_on(recording, sampling_rate, None if region.end else end_s, is_stream_named=is_stream_named)
    is_tonal = recording.tonality is not None and recording.tonality.share() >= TONAL_SHARE
    return {"notes": [astuple(note) for note in notes], "is_tonal": is_tonal}


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
    region, settings = audio.AudioRegion(**(part or {})), TimelineConfig(**(config or {}))
    with audio.open_recording(path, region.stream, name=name) as recording:
        recording.measures_tones = settings.gate and not settings.vad
        blocks = recording.blocks(sampling_rate, region)
        chunks = timeline_of(blocks, sampling_rate, window_samples, region.start, settings)
        yield from with_last_note(chunks, partial(facts_of, recording, sampling_rate, region))


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
