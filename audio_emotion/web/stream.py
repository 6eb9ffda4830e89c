"""A WebSocket that takes samples as they come and sends predictions as soon as it can."""

import asyncio
import json
import time
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
"""What its results have in the place of a file."""

NORMAL, REFUSED = 1000, 1008
"""Codes that a stream is closed with, as RFC 6455 has them."""

router = APIRouter()


@dataclass
class _Samples:
    """Bytes, cut anywhere → frames of 16-bit samples → predictions."""

    stream: Stream
    n_channels: int
    rest: bytes = field(default=b"")

    def push(self, content: bytes) -> list[Prediction]:
        content = self.rest + content
        # messages   |== == == =|= == ==|      cut in the middle of a frame of 2 bytes for each channel:
        # rest                  ^              the odd bytes wait for the next message
        whole = len(content) - len(content) % (2 * self.n_channels)
        self.rest = content[whole:]
        return self.stream.push(np.frombuffer(content[:whole], "<i2").reshape(-1, self.n_channels)) if whole else []


class _Ended(Exception):  # noqa: N818 (nothing went wrong)
    """The client has said that no more samples follow."""


@router.websocket("/v1/stream")
async def stream(
    socket: WebSocket,
    timeline: Annotated[TimelineConfig, Depends(timeline_config)],
    sampling_rate: Annotated[int, Query(ge=1_000, le=192_000)] = 16_000,
    channels: Annotated[int, Query(ge=1, le=8)] = 1,
    model: ModelName = "",
) -> None:
    """Take samples as they come and send a line of JSONL for each segment.

    Samples come in binary messages: 16-bit little-endian, channels interleaved, cut anywhere. The text message
    ``end`` says that no more follow: the remaining segments are sent, and the socket is closed.
    """
    service: InferenceService = socket.app.state.service
    await socket.accept()
    try:
        loaded = await run_in_threadpool(service.model, model)
        samples = _Samples(Stream(loaded, sampling_rate, timeline), channels)
        source = Source(NAME, loaded.config.name, loaded.runtime.device)
        try:
            while True:
                content = await _receive(socket, service.config.idle_s)
                await _send(socket, source, await run_in_threadpool(samples.push, content))
                if samples.stream.position > service.config.duration_s:
                    allowed = f"the {service.config.duration_s:g} s allowed"
                    raise RequestError(413, f"the stream lasts longer than {allowed}")
        except _Ended:
            await _send(socket, source, await run_in_threadpool(samples.stream.flush))
            await socket.close(NORMAL)
    except (RequestError, AudioEmotionError) as error:
        await refuse(socket, str(getattr(error, "detail", error)))
    except (WebSocketDisconnect, RuntimeError):  # the client has left, perhaps while a result was sent
        return


async def _receive(socket: WebSocket, idle_s: float) -> bytes:
    """Return the next samples; empty messages do not count.

    Raises:
        _Ended: the client says that no more follow.
        RequestError: nothing came for ``idle_s`` seconds, or something else.
        WebSocketDisconnect: the client has left.
    """
    until = time.monotonic() + idle_s
    while True:
        try:
            message = await asyncio.wait_for(socket.receive(), max(0.0, until - time.monotonic()))
        except TimeoutError:
            raise RequestError(408, f"no samples came for {idle_s:g} s") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NORMAL))
        if message.get("text") == "end":
            raise _Ended
        if message.get("bytes") is None:
            raise RequestError(400, "expected binary messages of 16-bit samples, or the text 'end'")
        content: bytes = message["bytes"]
        if content:
            return content


async def _send(socket: WebSocket, source: Source, segments: list[Prediction]) -> None:
    for segment in segments:
        await socket.send_text(json.dumps(as_dict(source, segment), ensure_ascii=False))


async def refuse(socket: WebSocket, reason: str) -> None:
    """Say why the server ends a stream, and end it."""
    try:
        await socket.send_text(json.dumps({"detail": reason}))
        await socket.close(REFUSED, reason.encode()[:120].decode(errors="ignore"))
    except (WebSocketDisconnect, RuntimeError):
        return
