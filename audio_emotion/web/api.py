"""REST: recordings in, the answers that ``infer`` prints out."""

import asyncio
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Query, Request, Response, UploadFile

from audio_emotion import formats
from audio_emotion.audio.region import AudioRegion
from audio_emotion.formats import Result
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.web.openapi import ANSWER, PROBLEM, Models
from audio_emotion.web.params import ModelName, part, timeline_config
from audio_emotion.web.service import InferenceService, Question

Format = Literal["json", "jsonl", "csv", "srt", "vtt", "rttm", "audacity", "audformat"]

_TYPES = {"json": "application/json", "jsonl": "application/jsonl", "csv": "text/csv", "vtt": "text/vtt"}
_LONGEST_NAME = 200
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": PROBLEM}
    for status, what in {
        400: "The request cannot be read.",
        401: "No token, or not the right one.",
        404: "No such model.",
        408: "The body did not arrive in time.",
        413: "Too large, too long, or too much work.",
        422: "A parameter out of its range, or a file that is no recording.",
        429: "Too many are waiting; Retry-After says when to try again.",
    }.items()
}

router = APIRouter()


def hearing_of(request: Request) -> InferenceService:
    """Return what answers the requests of this app."""
    hearing: InferenceService = request.app.state.hearing
    return hearing


Served = Annotated[InferenceService, Depends(hearing_of)]


@router.post(
    "/v1/emotions",
    tags=["recordings"],
    response_class=Response,
    responses={200: {"description": "What is heard, in the format asked for.", "content": ANSWER}, **_REFUSALS},
)
async def predict_upload(
    hearing: Served,
    file: Annotated[UploadFile, File(description="A recording or a video: WAV, FLAC, OGG, MP3, M4A, MP4, WEBM ...")],
    timeline: Annotated[TimelineConfig, Depends(timeline_config)],
    heard: Annotated[AudioRegion, Depends(part)],
    along_time: Annotated[bool, Query(alias="timeline", description="Answer along the time of the recording.")] = False,
    model: ModelName = "",
    output: Annotated[Format, Query(alias="format", description="As `audio-emotion infer --format`.")] = "json",
) -> Response:
    """Say which emotion a recording holds: as a whole, and along its time with `timeline=true`."""
    answer, _ = await answered(hearing, file, Question(model, timeline, heard, along_time))
    return Response(document(answer, output), media_type=_TYPES.get(output, "text/plain; charset=utf-8"))


@router.get("/v1/models", tags=["recordings"], responses={401: _REFUSALS[401]})
def models(hearing: Served) -> Models:
    """List the models that are served, the default first."""
    return Models.of(hearing.names, hearing.described())


@router.get("/healthz", tags=["service"], responses={401: _REFUSALS[401]})
def healthz() -> dict[Literal["status"], Literal["ok"]]:
    """Tell that the process is alive."""
    return {"status": "ok"}


@router.get("/readyz", tags=["service"], responses={401: _REFUSALS[401]})
def readyz() -> dict[Literal["status"], Literal["ready"]]:
    """Tell that the first model is loaded and decoding works: a server that could not do either does not start."""
    return {"status": "ready"}


@router.get(
    "/metrics",
    tags=["service"],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 401: _REFUSALS[401]},
)
def metrics(hearing: Served) -> Response:
    """Give the counters in Prometheus's text format."""
    return Response(hearing.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def answered(hearing: InferenceService, file: UploadFile, question: Question) -> tuple[Result, Any]:
    """Answer an upload in a thread, when one is free; close it."""
    work = partial(hearing.predict, file.file, shown_name(file.filename or ""), question)
    try:
        return await asyncio.get_running_loop().run_in_executor(hearing.threads, work)
    finally:
        await file.close()


def document(answer: Result, output: str) -> str:
    """Return what ``infer --format OUTPUT`` writes of an answer."""
    return formats.get_writer(output, list(answer.prediction.scores)).render([answer])


def shown_name(name: str) -> str:
    r"""Return what an upload is called in its answer: printable, and without the folders that a client may name.

    >>> shown_name("../../etc/two\nlines.wav"), shown_name("C:\\calls\\one.wav"), shown_name("/")
    ('two_lines.wav', 'one.wav', 'upload')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c if c.isprintable() else "_" for c in last)[-_LONGEST_NAME:] or "upload"
