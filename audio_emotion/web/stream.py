"""A WebSocket that takes sound as it comes and answers as soon as it can."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Query, WebSocket
from fastapi.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from audio_emotion.core.errors import AudioEmotionError
from audio_emotion.core.types import Prediction
from audio_emotion.formats import Source
from audio_emotion.formats.json_writers import as_dict
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.timeline import Stream
from audio_emotion.web.errors import RequestError
from audio_emotion.web.params import ModelName, timeline_config
from audio_emotion.web.service import InferenceService

NAME = "stream"
"""What its answers have in the place of a file."""

NORMAL, REFUSED = 1000, 1008
"""Codes that a stream is closed with, as RFC 6455 has them."""

router = APIRouter()


@dataclass
class _Feed:
    """Bytes of any number → frames of 16-bit samples → answers."""

    stream: Stream
    n_channels: int
    rest: bytes = field(default=b"")

    def push(self, content: bytes) -> list[Prediction]:
        content = self.rest + content
        whole = len(content) - len(content) % (2 * self.n_channels)
        self.rest = content[whole:]
        return self.stream.push(np.frombuffer(content[:whole], "<i2").reshape(-1, self.n_channels)) if whole else []


class _Ended(Exception):  # noqa: N818 (nothing went wrong)
    """The client has said that the sound is at its end."""


@router.websocket("/v1/stream")
async def stream(
    socket: WebSocket,
    timeline: Annotated[TimelineConfig, Depends(timeline_config)],
    sampling_rate: Annotated[int, Query(ge=1_000, le=192_000)] = 16_000,
    channels: Annotated[int, Query(ge=1, le=8)] = 1,
    model: ModelName = "",
) -> None:
    """Take sound as it comes and send a line of JSONL for each segment.

    Sound is binary messages of 16-bit little-endian samples, channels interleaved, cut anywhere. The text message
    ``end`` says that there is no more: what is left is answered, and the socket closed.
    """
    hearing: InferenceService = socket.app.state.hearing
    await socket.accept()
    try:
        loaded = await run_in_threadpool(hearing.model, model)
        feed = _Feed(Stream(loaded, sampling_rate, timeline), channels)
        source = Source(NAME, loaded.config.name, loaded.runtime.device)
        try:
            while True:
                content = await _received(socket, hearing.config.idle_s)
                await _tell(socket, source, await run_in_threadpool(feed.push, content))
                if feed.stream.position > hearing.config.duration_s:
                    raise RequestError(413, f"the stream lasts longer than the {hearing.config.duration_s:g} s allowed")
        except _Ended:
            await _tell(socket, source, await run_in_threadpool(feed.stream.flush))
            await socket.close(NORMAL)
    except (RequestError, AudioEmotionError) as refused:
        await _end(socket, str(getattr(refused, "detail", refused)))
    except (WebSocketDisconnect, RuntimeError):  # the client is gone, perhaps in the middle of an answer
        return


async def _received(socket: WebSocket, idle_s: float) -> bytes:
    """Return the next samples.

    Raises:
        _Ended: the client says that there are none.
        Refusal: nothing came for ``idle_s``, or something else.
        WebSocketDisconnect: the client is gone.
    """
    try:
        message = await asyncio.wait_for(socket.receive(), idle_s)
    except TimeoutError:
        raise RequestError(408, f"no sound came for {idle_s:g} s") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", NORMAL))
    if message.get("text") == "end":
        raise _Ended
    if message.get("bytes") is None:
        raise RequestError(400, "expected binary messages of 16-bit samples, or the text 'end'")
    content: bytes = message["bytes"]
    return content


async def _tell(socket: WebSocket, source: Source, segments: list[Prediction]) -> None:
    for said in segments:
        await socket.send_text(json.dumps(as_dict(source, said), ensure_ascii=False))


async def _end(socket: WebSocket, reason: str) -> None:
    """Tell why a stream is ended by the server, and end it."""
    try:
        await socket.send_text(json.dumps({"detail": reason}))
        await socket.close(REFUSED, reason.encode()[:120].decode(errors="ignore"))
    except (WebSocketDisconnect, RuntimeError):
        return
