"""The page: a few static files, and the requests of its own next to the REST interface."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.background import BackgroundTask

from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.core.errors import AudioEmotionError
from audio_emotion.core.templates import render
from audio_emotion.core.types import Turn
from audio_emotion.formats import FORMATS, Result, get_writer
from audio_emotion.formats.json_writers import as_dict
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.web.api import Service, disconnected, while_connected
from audio_emotion.web.errors import CLIENT_CLOSED, RequestError
from audio_emotion.web.guard import COOKIE, LOGIN, is_https, login_page, same, session
from audio_emotion.web.jobs import Cancelled, ChannelResult, Job, PredictRequest
from audio_emotion.web.params import (
    AdaptChoice,
    ChannelChoice,
    ModelName,
    SpeakerCount,
    region,
    speaker_count,
    timeline_config,
)
from audio_emotion.web.uploads import receive_upload

STATIC = Path(__file__).parent / "static"
TEMPLATE = Path(__file__).parent / "templates" / "page.html.j2"

_PROGRESS_S = 0.5  # from one line of progress to the next
_QUICK_S = 1.0  # what is done by then has a status of its own; what is not sends progress first

router = APIRouter(include_in_schema=False)


@cache
def markup() -> str:
    """Return the page's HTML."""
    return render(TEMPLATE, exported=False, root="static/")


@router.get("/")
def page() -> HTMLResponse:
    """Give the page."""
    return HTMLResponse(markup(), headers={"Cache-Control": "no-cache"})


@router.get("/favicon.ico")
def icon() -> FileResponse:
    """Give the page's icon."""
    return FileResponse(STATIC / "icon.svg")


@router.get("/page/about")
def about(service: Service) -> dict[str, Any]:
    """Give what the page says before there is a recording: limits and samples."""
    config = service.config
    samples = sorted(path.name for path in (STATIC / "samples").glob("*.flac"))
    return {"limits": {"upload_bytes": config.upload_bytes, "duration_s": config.duration_s}, "samples": samples}


@router.post("/page/predict")
async def predict(
    request: Request,
    service: Service,
    timeline: Annotated[TimelineConfig, Depends(timeline_config)],
    part: Annotated[AudioRegion, Depends(region)],
    model: ModelName = "",
    channels: ChannelChoice = "auto",
    speakers: SpeakerCount = None,
    adapt: AdaptChoice = None,
) -> Response:
    """Predict a recording over time, with all that the page shows: result, overview, and the files to download.

    What takes long is answered with lines of JSON: ``{"progress": share}`` now and then, and the result as the last.
    """
    upload = await receive_upload(request, service.uploads)
    job = Job()
    found = speaker_count(speakers)
    wanted = PredictRequest(model, timeline, part, True, True, channels, found, adapt is not None)
    work = asyncio.ensure_future(service.predict(upload, wanted, job))
    gone = asyncio.create_task(disconnected(request))
    await asyncio.wait({work, gone}, timeout=_QUICK_S, return_when=asyncio.FIRST_COMPLETED)
    if gone.done():
        job.cancel()
    gone.cancel()
    try:
        if gone.done() or work.done():
            return JSONResponse(await asyncio.to_thread(_content, await work))
    except Cancelled:
        return Response(status_code=CLIENT_CLOSED)
    lines = _progress(job, work)
    return StreamingResponse(lines, media_type="application/x-ndjson", headers={"X-Accel-Buffering": "no"})


async def _progress(job: Job, work: "asyncio.Future[list[ChannelResult]]") -> AsyncIterator[str]:
    """Yield lines until the work is done; where the client leaves, this is cancelled."""
    try:
        while not work.done():
            yield json.dumps({"progress": job.share}) + "\n"
            await asyncio.wait({work}, timeout=_PROGRESS_S)
        try:
            content = await asyncio.to_thread(_content, work.result())
        except RequestError as error:
            content = {"detail": error.detail, "status": error.status_code}
        except AudioEmotionError as error:
            content = {"detail": str(error), "status": 422}
        yield json.dumps(content) + "\n"
    finally:
        job.cancel()
        work.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody is left to see it


def _content(predictions: Sequence[ChannelResult]) -> dict[str, Any]:
    """Return what the page shows of a recording.

    ``lanes`` are its channels, if they were predicted by themselves; ``overviews`` those of a conversation, by the
    channels that its turns were predicted from.
    """
    lanes = [
        {
            "channel": result.prediction.channel,
            "answer": as_dict(result.source, result.prediction),
            "segments": [as_dict(result.source, segment) for segment in result.segments or ()],
            "overview": next(iter(each.overviews.values())),
        }
        for each, result in ((each, each.result) for each in predictions)
    ]
    documents = dict(_documents([each.result for each in predictions]))
    more = {
        "documents": documents,
        "conversation": any(isinstance(segment, Turn) for segment in predictions[0].result.segments or ()),
        "lanes": lanes if len(lanes) > 1 else None,
        "notes": list(dict.fromkeys(note for each in predictions for note in each.notes)),
        "overviews": {str(channel or ""): overview for channel, overview in predictions[0].overviews.items()},
    }
    return {**lanes[0], **more}


def _documents(results: Sequence[Result]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each download by its name, with text and suffix; a format that holds one channel gives one for each."""
    labels = list(results[0].prediction.scores)
    for name in FORMATS:
        if name == "text":
            continue
        writer = get_writer(name, labels, many=len(results) > 1)
        if len(results) == 1 or writer.combines:
            yield name, {"text": writer.render(results), "suffix": writer.suffix}
            continue
        for result in results:
            number = result.prediction.channel
            text = get_writer(name, labels).render([result])
            yield f"{name} {number}", {"text": text, "suffix": f".channel-{number}{writer.suffix}"}


@router.post("/page/pooled")
async def pooled(
    request: Request,
    service: Service,
    timeline: Annotated[TimelineConfig, Depends(timeline_config)],
    model: ModelName = "",
) -> Response:
    """Return what a recording adds to the group of recordings that a model is adapted to.

    The sums of all of them, as the part ``adaptation``, make ``/page/predict`` adapt to the group.
    """
    upload = await receive_upload(request, service.uploads)
    job = Job()
    wanted = PredictRequest(model, timeline, FULL)
    mean = await while_connected(request, job, service.pooled(upload, wanted, job))
    if mean is None:
        return Response(status_code=CLIENT_CLOSED)
    total = [] if mean.total is None else mean.total.tolist()
    return JSONResponse({"n_windows": mean.n_windows, "total": total})


@router.post("/page/audio")
async def audio(request: Request, service: Service) -> Response:
    """Return a recording as WAV, mono and at the model's rate, for browsers that cannot play its format."""
    upload = await receive_upload(request, service.uploads)
    job = Job()
    path = await while_connected(request, job, service.convert(upload, job))
    if path is None:
        return Response(status_code=CLIENT_CLOSED)
    return FileResponse(path, media_type="audio/wav", background=BackgroundTask(path.unlink, missing_ok=True))


@router.post(LOGIN)
def login(request: Request, service: Service, token: Annotated[str, Form(max_length=1000)]) -> Response:
    """Take a token from a person, and leave a cookie that stands for it."""
    expected = service.config.token
    if expected is None or not same(token, expected):
        if "text/html" in request.headers.get("accept", ""):
            return login_page(request.scope, "That is not the token. Try again.")
        raise RequestError(401, "wrong token; try again")
    response = RedirectResponse(f"{request.scope.get('root_path', '')}/", 303)
    response.set_cookie(
        COOKIE, session(expected), httponly=True, samesite="strict", secure=is_https(request.scope), path="/"
    )
    return response
