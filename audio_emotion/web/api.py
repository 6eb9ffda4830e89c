"""REST: recordings in, the results that ``infer`` prints out."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response

from audio_emotion import formats
from audio_emotion.audio.region import AudioRegion
from audio_emotion.formats import Result
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.web.errors import CLIENT_CLOSED, RequestError
from audio_emotion.web.jobs import Cancelled, ChannelResult, Job, PredictRequest
from audio_emotion.web.openapi import BODY, PROBLEM, RESULT, Models
from audio_emotion.web.params import (
    AdaptChoice,
    ChannelChoice,
    ModelName,
    SpeakerCount,
    region,
    speaker_count,
    timeline_config,
)
from audio_emotion.web.service import InferenceService
from audio_emotion.web.uploads import receive_upload

Format = Literal["json", "jsonl", "csv", "srt", "vtt", "rttm", "audacity", "audformat"]
T = TypeVar("T")

NOTES = "X-Audio-Emotion-Notes"
"""The header with what the user should know: a list in JSON, such as entries of a transcript that were skipped."""

_MAX_NOTES = 10
_TYPES = {"json": "application/json", "jsonl": "application/jsonl", "csv": "text/csv", "vtt": "text/vtt"}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": description, "content": PROBLEM}
    for status, description in {
        400: "The request cannot be read.",
        401: "No token, or a wrong one.",
        404: "No such model.",
        408: "The body did not arrive in time.",
        413: "Too large, too long, or too much work.",
        422: "A parameter out of its range, or a file that is not a recording.",
        429: "Too many requests are waiting; Retry-After says when to try again.",
        507: "No space for the upload.",
    }.items()
}

router = APIRouter()


def service_of(request: Request) -> InferenceService:
    """Return the service of this app."""
    service: InferenceService = request.app.state.service
    return service


Service = Annotated[InferenceService, Depends(service_of)]


@router.post(
    "/v1/emotions",
    tags=["recordings"],
    response_class=Response,
    responses={200: {"description": "The result, in the requested format.", "content": RESULT}, **_ERRORS},
    openapi_extra={"requestBody": BODY},
)
async def predict(
    request: Request,
    service: Service,
    timeline: Annotated[TimelineConfig, Depends(timeline_config)],
    part: Annotated[AudioRegion, Depends(region)],
    over_time: Annotated[bool, Query(alias="timeline", description="Predict over time.")] = False,
    model: ModelName = "",
    channels: ChannelChoice = "mix",
    speakers: SpeakerCount = None,
    adapt: AdaptChoice = None,
    output: Annotated[Format, Query(alias="format", description="As `audio-emotion infer --format`.")] = "json",
) -> Response:
    """Predict the emotion of a recording: as a whole, over time with `timeline=true`, or turn by turn.

    Turns are those of a transcript, the part `segments`, or those that `speakers=auto` finds.
    """
    wanted = PredictRequest(
        model, timeline, part, over_time, channels=channels, n_speakers=speaker_count(speakers), adapt=adapt is not None
    )
    predictions = await run_upload(request, service, wanted)
    if predictions is None:
        return Response(status_code=CLIENT_CLOSED)
    results = [prediction.result for prediction in predictions]
    notes = list(dict.fromkeys(note for prediction in predictions for note in prediction.notes))
    headers = {NOTES: json.dumps([note[:300] for note in notes[:_MAX_NOTES]])} if notes else {}
    return Response(
        render(results, output), media_type=_TYPES.get(output, "text/plain; charset=utf-8"), headers=headers
    )


@router.get("/v1/models", tags=["recordings"], responses={401: _ERRORS[401]})
def models(service: Service) -> Models:
    """List the models that are served, the default first."""
    return Models.of(service.names, service.configs())


@router.get("/healthz", tags=["service"], responses={401: _ERRORS[401]})
async def healthz() -> dict[Literal["status"], Literal["ok"]]:
    """Say that the process is alive."""
    return {"status": "ok"}


@router.get("/readyz", tags=["service"], responses={401: _ERRORS[401]})
async def readyz() -> dict[Literal["status"], Literal["ready"]]:
    """Say that the first model is loaded and decoding works: a server without them does not start."""
    return {"status": "ready"}


@router.get(
    "/metrics",
    tags=["service"],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 401: _ERRORS[401]},
)
def metrics(service: Service) -> Response:
    """Give the counters in Prometheus's text format."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def run_upload(request: Request, service: InferenceService, wanted: PredictRequest) -> list[ChannelResult] | None:
    """Receive an upload and predict it; stop and return None when the client leaves."""
    upload = await receive_upload(request, service.uploads)
    job = Job()
    return await while_connected(request, job, service.predict(upload, wanted, job))


async def while_connected(request: Request, job: Job, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what ``work`` does; cancel ``job`` and return None when the client leaves."""
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            job.cancel()
        return await task
    except Cancelled:
        return None
    finally:
        gone.cancel()


async def disconnected(request: Request) -> None:
    """Return when the client has left. The request's body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def render(results: Sequence[Result], output: str) -> str:
    """Return what ``infer --format OUTPUT`` writes of the results of a recording, one for each channel.

    Raises:
        RequestError: this format holds one result.
    """
    labels = list(results[0].prediction.scores)
    writer = formats.get_writer(output, labels, many=len(results) > 1)
    if len(results) > 1 and not writer.combines:
        raise RequestError(422, f"format: {output} holds one channel, and there are {len(results)}; use channel=NUMBER")
    return writer.render(results)
