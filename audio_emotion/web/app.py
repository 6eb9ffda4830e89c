"""The service as an ASGI application."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
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

_ABOUT = "Emotion in speech: recordings in, the results that `audio-emotion infer` prints out."


def create_app(service: InferenceService) -> ASGIApp:
    """Return the app. It starts the service, unless it is started, and closes it at its end (ASGI lifespan).

    >>> from audio_emotion.web.app import create_app
    >>> from audio_emotion.web.service import InferenceService
    >>> from audio_emotion.web.settings import ServeConfig
    >>> app = create_app(InferenceService(ServeConfig(duration_s=60.0)))
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            service.start()
            yield
        finally:
            service.close()

    app: FastAPI = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        title="audio-emotion",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        favicon_url="/favicon.ico",
    )
    app.state.service = service
    for routes in (api, stream, page):
        app.include_router(routes.router)
    app.mount("/static", StaticFiles(directory=page.STATIC))
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(WebSocketRequestValidationError, _invalid_stream)  # type: ignore[arg-type]
    app.add_exception_handler(AudioEmotionError, _failed_request)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return Guard(app, service.config, service.metrics)


async def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": _problems(error.errors())}, 422)


async def _invalid_stream(socket: WebSocket, error: WebSocketRequestValidationError) -> None:
    await socket.accept()  # a browser cannot read why a handshake was refused
    await stream.refuse(socket, _problems(error.errors()))


def _problems(errors: Sequence[Any]) -> str:
    """Say in one line which parameters are wrong."""
    return "; ".join(f"{'.'.join(map(str, error['loc'][1:])) or 'body'}: {error['msg']}" for error in errors)[:1000]


async def _failed_request(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 422 if isinstance(error, UsageError | PackageError) else 500)
