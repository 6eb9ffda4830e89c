"""What the query of a request may ask."""

from typing import Annotated, Literal

from fastapi import Query

from audio_emotion.audio.region import AudioRegion
from audio_emotion.core.errors import UsageError
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.web.errors import RequestError
from audio_emotion.web.settings import MAX_WINDOW_S, MIN_HOP_S

_DAY = 86_400.0

ModelName = Annotated[str, Query(max_length=100, description="One of those that /v1/models lists; empty: the first.")]


def timeline_config(
    window: Annotated[
        float | None,
        Query(ge=0.1, le=MAX_WINDOW_S, description="Seconds behind each answer; the model's own if absent."),
    ] = None,
    hop: Annotated[
        float, Query(ge=MIN_HOP_S, le=MAX_WINDOW_S, description="Seconds from answer to answer; at most the window.")
    ] = 1.0,
    merge: Annotated[bool, Query(description="Join neighbours of one label.")] = False,
    min_duration: Annotated[
        float, Query(ge=0, le=_DAY, description="Leave out segments shorter than these seconds.")
    ] = 0.0,
    smooth: Annotated[Literal["median", "viterbi"] | None, Query(description="Smooth the answers.")] = None,
    min_confidence: Annotated[float, Query(ge=0, le=1, description="Answer `unknown` below this probability.")] = 0.0,
    gate: Annotated[bool, Query(description="Answer `no speech` to silence, hum and noise.")] = True,
    vad: Annotated[bool, Query(description="Also to music and babble; where the server has the extra `vad`.")] = False,
) -> TimelineConfig:
    """Return how a sound is cut, answered and joined."""
    return TimelineConfig(window, hop, merge, min_duration, smooth, min_confidence, gate, vad)


def part(
    start: Annotated[float, Query(ge=0, le=_DAY, description="Begin at this second.")] = 0.0,
    end: Annotated[float | None, Query(gt=0, le=_DAY, description="End at this second.")] = None,
    channel: Annotated[int | None, Query(ge=1, le=1024, description="From 1; all of them, mixed, if absent.")] = None,
    stream: Annotated[int, Query(ge=1, le=1024, description="Which audio stream of a video, from 1.")] = 1,
) -> AudioRegion:
    """Return what is heard of a recording.

    Raises:
        Refusal: it ends before it starts.
    """
    try:
        return AudioRegion(start, end, channel, stream)
    except UsageError as error:
        raise RequestError(422, str(error)) from error
