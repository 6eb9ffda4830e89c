"""What stands in front of every route: token, names of this machine, limits, and the headers of every answer."""

import asyncio
import hashlib
import hmac
import time
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from audio_emotion.web.errors import RequestError
from audio_emotion.web.metrics import Metrics
from audio_emotion.web.settings import ServeConfig

LOGIN = "/login"
COOKIE = "audio_emotion"

_POLICY = (
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_DOCS = "/docs"  # its page has a script in it
_DOCS_POLICY = f"{_POLICY}; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
_LOGIN_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>audio-emotion</title>
<style>:root { color-scheme: light dark } body { font: 1rem/1.6 system-ui, sans-serif; margin: 20vh auto; width: 18rem }
input, button { font: inherit; width: 100%; padding: .5rem; margin: .3rem 0; box-sizing: border-box }</style>
<h1>audio-emotion</h1><form method="post" action="/login">
<label>Token <input type="password" name="token" autocomplete="current-password" required autofocus></label>
<button>Open</button></form></html>"""


class Guard:
    """An ASGI middleware over a whole service. Nothing behind it is reached without passing every check here."""

    def __init__(self, app: ASGIApp, config: ServeConfig, metrics: Metrics) -> None:
        self._app, self._config, self._metrics = app, config, metrics
        self._hosts = config.known_hosts
        self._n_requests = self._n_streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._stream(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, told = time.monotonic(), _Told(send, _DOCS_POLICY if scope["path"] == _DOCS else _POLICY)
        brings = scope["method"] not in {"GET", "HEAD", "OPTIONS"}
        self._n_requests += brings
        self._metrics.in_flight.set(self._n_requests)
        try:
            self._check(scope)
            if brings and self._n_requests > self._config.jobs + self._config.max_queue:
                raise RequestError(429, "too many recordings are waiting; try again in a moment", retry_after_s=1)
            await self._app(scope, Body(scope, receive, self._config), told)
        except RequestError as refusal:
            if told.status:
                raise
            await _refused(refusal, Headers(scope=scope))(scope, receive, told)
        finally:
            self._n_requests -= brings
            self._metrics.in_flight.set(self._n_requests)
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in {"GET", "HEAD", "POST"} else "other"
            self._metrics.requests.labels(method, route, told.status).inc()
            self._metrics.seconds.labels(route).observe(time.monotonic() - began)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._n_streams += 1
        self._metrics.streams.set(self._n_streams)
        try:
            self._check(scope)
            if self._n_streams > self._config.max_streams:
                raise RequestError(429, "too many streams are open; try again in a moment", retry_after_s=5)
            await self._app(scope, receive, send)
        except RequestError as refusal:
            await receive()  # websocket.connect
            if "websocket.http.response" in scope.get("extensions", {}):
                await _refused(refusal)(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail})
        finally:
            self._n_streams -= 1
            self._metrics.streams.set(self._n_streams)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._hosts is not None and _without_port(host) not in self._hosts:
            raise RequestError(
                421, f"this machine is not known as {host[:100]!r}; start the server with --allow-host NAME"
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise RequestError(
                403, "the request comes from a page of another site; this service answers its own page alone"
            )
        if scope["type"] == "http" and scope["path"] == LOGIN and scope["method"] == "POST":
            return
        if self._config.token is not None and not _shows(headers, self._config.token):
            raise RequestError(401, "a token is needed; send the header Authorization: Bearer TOKEN")


class Body:
    """A request's body as it comes, within the limits on its size and time."""

    def __init__(self, scope: Scope, receive: Receive, config: ServeConfig) -> None:
        self._receive, self._config = receive, config
        self._n_bytes, self._more = 0, True
        self._until = time.monotonic() + config.body_s
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdecimal() and int(stated) > config.upload_bytes:
            raise self._too_large()

    async def __call__(self) -> Message:
        if not self._more:  # the next message is the client's leaving
            return await self._receive()
        patience_s = min(self._config.idle_s, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, patience_s))
        except TimeoutError:
            raise RequestError(
                408, "the request's body did not arrive in time; send it faster, or a smaller one"
            ) from None
        self._n_bytes += len(message.get("body", b""))
        self._more = message.get("more_body", False)
        if self._n_bytes > self._config.upload_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> RequestError:
        allowed = f"{self._config.upload_bytes / 2**20:g} MiB allowed"
        return RequestError(413, f"the request's body is larger than the {allowed}; send a smaller file")


class _Told:
    """What is sent, with the headers that every answer has."""

    def __init__(self, send: Send, policy: str) -> None:
        self._send, self._policy = send, policy
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", self._policy)
            headers.setdefault("Cache-Control", "no-store")
            if self.status in {408, 413, 429}:  # the rest of the body is not read
                headers["Connection"] = "close"
        await self._send(message)


def session(token: str) -> str:
    """Return what the page's cookie holds in the token's place."""
    return hmac.new(token.encode(), b"session of the page", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Tell whether two secrets are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _shows(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return same(given.strip(), token)
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return False
    return cookie is not None and same(cookie.value, session(token))


def _without_port(host: str) -> str:
    name, _, port = host.lower().rpartition(":")
    return (name if port.isdecimal() and name else host.lower()).strip("[]")


def _refused(refusal: RequestError, headers: Headers | None = None) -> Response:
    """Return a refusal as an answer; a person without a token is asked for it."""
    more = dict(refusal.headers or {})
    if refusal.status_code == 401:
        more["WWW-Authenticate"] = "Bearer"
        if headers is not None and "text/html" in headers.get("accept", ""):
            policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
            return HTMLResponse(_LOGIN_PAGE, 401, more | {"Content-Security-Policy": policy})
    return JSONResponse({"detail": refusal.detail}, refusal.status_code, more)
