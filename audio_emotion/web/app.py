"""The service as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from audio_emotion.core.errors import AudioEmotionError, PackageError, UsageError
from audio_emotion.core.version import __version__
from audio_emotion.web import api, page, stream
from audio_emotion.web.guard import Guard
from audio_emotion.web.openapi import describe
from audio_emotion.web.service import InferenceService

_ABOUT = "Emotion in speech: recordings in, the answers that `audio-emotion infer` prints out."


def create_app(hearing: InferenceService) -> ASGIApp:
    """Return the service. It starts what answers, if that is not started yet, and closes it at its end (ASGI lifespan).

    >>> from audio_emotion.web.app import create_app
    >>> from audio_emotion.web.service import Hearing
    >>> from audio_emotion.web.settings import ServeConfig
    >>> app = create_app(Hearing(ServeConfig(duration_s=60.0)))
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            hearing.start()
            yield
        finally:
            hearing.close()

    app: FastAPI = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        title="audio-emotion",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        favicon_url="/favicon.ico",
    )
    app.state.hearing = hearing
    for routes in (api, stream, page):
        app.include_router(routes.router)
    app.mount("/static", StaticFiles(directory=page.STATIC))
    app.add_exception_handler(RequestValidationError, _out_of_range)
    app.add_exception_handler(AudioEmotionError, _refused)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return Guard(app, hearing.config, hearing.metrics)


async def _out_of_range(request: Request, error: Exception) -> JSONResponse:
    """Say in one line which parameters are wrong."""
    assert isinstance(error, RequestValidationError)
    told = [f"{'.'.join(map(str, problem['loc'][1:])) or 'body'}: {problem['msg']}" for problem in error.errors()]
    return JSONResponse({"detail": "; ".join(told)[:1000]}, 422)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 422 if isinstance(error, UsageError | PackageError) else 500)
