"""The page: a few static files, and what they ask beside the REST interface."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from audio_emotion.audio.region import AudioRegion
from audio_emotion.formats.json_writers import as_dict
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.web.api import Served, answered, document
from audio_emotion.web.errors import RequestError
from audio_emotion.web.guard import COOKIE, LOGIN, same, session
from audio_emotion.web.params import ModelName, part, timeline_config
from audio_emotion.web.service import Question

STATIC = Path(__file__).parent / "static"

router = APIRouter(include_in_schema=False)


@router.get("/")
def page() -> FileResponse:
    """Give the page."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


@router.get("/favicon.ico")
def icon() -> FileResponse:
    """Give the page's picture."""
    return FileResponse(STATIC / "icon.svg")


@router.post("/page/hear")
async def predict_for_page(
    hearing: Served,
    file: UploadFile,
    timeline: Annotated[TimelineConfig, Depends(timeline_config)],
    heard: Annotated[AudioRegion, Depends(part)],
    model: ModelName = "",
) -> Response:
    """Answer a recording with all that the page shows of it: answer, picture, and the files to download."""
    answer, overview = await answered(hearing, file, Question(model, timeline, heard, along_time=True, overview=True))
    documents = {name: document(answer, name) for name in ("json", "csv", "srt")}
    said: dict[str, Any] = as_dict(answer.source, answer.prediction)
    segments = [as_dict(answer.source, segment) for segment in answer.segments or ()]
    return JSONResponse({"answer": said, "segments": segments, "documents": documents, "overview": overview})


@router.post(LOGIN)
def login(request: Request, hearing: Served, token: Annotated[str, Form(max_length=1000)]) -> Response:
    """Take a token from a person, and leave a cookie that stands for it."""
    expected = hearing.config.token
    if expected is None or not same(token, expected):
        raise RequestError(401, "that is not the token; go back and try again")
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, session(expected), httponly=True, samesite="strict", secure=secure)
    return answer
