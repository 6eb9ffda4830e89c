"""The query parameters of a request."""

from typing import Annotated, Literal

from fastapi import Query

from audio_emotion.audio.region import AudioRegion
from audio_emotion.core.errors import UsageError
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.web.errors import RequestError
from audio_emotion.web.settings import MAX_WINDOW_S, MIN_HOP_S

_DAY = 86_400.0

ModelName = Annotated[str, Query(max_length=100, description="A name that /v1/models lists; empty: the first.")]
ChannelChoice = Annotated[
    Literal["mix", "each", "auto"],
    Query(description="Mix the channels, predict each by itself, or two by themselves if they differ (auto)."),
]

SpeakerCount = Annotated[
    str | None,
    Query(
        pattern="^(auto|[1-9]|1[0-9]|20)$",
        description="Find out who speaks when, and predict each turn: the number of speakers, or auto.",
    ),
]
AdaptChoice = Annotated[
    Literal["speaker"] | None,
    Query(description="Adapt the model to each speaker, or to each channel that is predicted by itself."),
]


def timeline_config(
    window: Annotated[
        float | None,
        Query(ge=0.1, le=MAX_WINDOW_S, description="Window length in seconds; default: the model's own."),
    ] = None,
    hop: Annotated[
        float, Query(ge=MIN_HOP_S, le=MAX_WINDOW_S, description="Seconds between windows; at most the window.")
    ] = 1.0,
    merge: Annotated[bool, Query(description="Merge adjacent segments with the same label.")] = False,
    min_duration: Annotated[float, Query(ge=0, le=_DAY, description="Leave out segments shorter than this.")] = 0.0,
    smooth: Annotated[Literal["median", "viterbi"] | None, Query(description="Smooth the predictions.")] = None,
    min_confidence: Annotated[
        float, Query(ge=0, le=1, description="The label is `unknown` below this probability.")
    ] = 0.0,
    gate: Annotated[bool, Query(description="The label of silence, hum and noise is `no speech`.")] = True,
    vad: Annotated[
        bool, Query(description="So is that of music and babble; if the server has the extra `vad`.")
    ] = False,
) -> TimelineConfig:
    """Return how a recording is windowed, predicted and merged."""
    return TimelineConfig(window, hop, merge, min_duration, smooth, min_confidence, gate, vad)


def region(
    start: Annotated[float, Query(ge=0, le=_DAY, description="Start at this second.")] = 0.0,
    end: Annotated[float | None, Query(gt=0, le=_DAY, description="End at this second.")] = None,
    channel: Annotated[int | None, Query(ge=1, le=1024, description="A channel, from 1; default: all, mixed.")] = None,
    stream: Annotated[int | None, Query(ge=1, le=1024, description="An audio stream of a video, from 1.")] = None,
) -> AudioRegion:
    """Return the part of the recording that is predicted.

    Raises:
        RequestError: it ends before it starts.
    """
    try:
        return AudioRegion(start, end, channel, stream)
    except UsageError as error:
        raise RequestError(422, str(error)) from error


def speaker_count(speakers: str | None) -> int | None:
    """Return the number of speakers to find; 0 stands for ``auto``, None for a request that finds none."""
    return None if speakers is None else 0 if speakers == "auto" else int(speakers)
