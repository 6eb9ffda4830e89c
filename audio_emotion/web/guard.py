"""What every request passes first: token, names of this machine, limits, and the headers of every response."""

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from audio_emotion.web.errors import RequestError
from audio_emotion.web.metrics import Metrics
from audio_emotion.web.settings import ServeConfig

LOGIN = "/login"
COOKIE = "audio_emotion"

_LOGIN_BYTES, _LOGIN_S, _MAX_LOGINS = 4096, 5.0, 20  # a token is short; logins at once do not count as uploads
_DEFAULT_PORTS = {"http": 80, "https": 443}
_POLICY = (
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_DOCS = "/docs"  # its page has a script in it
_DOCS_POLICY = f"{_POLICY}; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, Chromium sends `Origin: null` with the login form
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
_LOGIN_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>audio-emotion</title>
<style>:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.6 system-ui, sans-serif; margin: 20vh auto; width: 18rem }}
input, button {{ font: inherit; width: 100%; padding: .5rem; margin: .3rem 0; box-sizing: border-box }}</style></head>
<body><main><h1>audio-emotion</h1><p role="alert">{message}</p><form method="post" action="{action}">
<label>Token <input type="password" name="token" autocomplete="current-password" required autofocus></label>
<button>Open</button></form></main></body></html>"""


class Guard:
    """An ASGI middleware around the whole service. Nothing behind it is reached without passing every check here."""

    def __init__(self, app: ASGIApp, config: ServeConfig, metrics: Metrics) -> None:
        self._app, self._config, self._metrics = app, config, metrics
        self._n_uploads = self._n_logins = self._n_streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope = _under(self._config.root_path, scope)
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._stream(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        path = _path(scope)
        response = _Response(send, _DOCS_POLICY if path == _DOCS else _POLICY)
        has_body = scope["method"] not in {"GET", "HEAD", "OPTIONS"}
        is_login = has_body and path == LOGIN
        self._count(has_body, is_login, 1)
        try:
            self._check(scope)
            self._check_queue(has_body, is_login)
            limits = _BodyLimits.of(self._config, is_login=is_login)
            await self._app(scope, Body(scope, receive, limits), response)
        except RequestError as error:
            if response.status:
                raise
            await _refusal(error, scope)(scope, receive, response)
        finally:
            self._count(has_body, is_login, -1)
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in {"GET", "HEAD", "POST"} else "other"
            self._metrics.requests.labels(method, route, response.status).inc()
            self._metrics.seconds.labels(route).observe(time.monotonic() - started)

    def _count(self, has_body: bool, is_login: bool, change: int) -> None:
        self._n_logins += change * is_login
        self._n_uploads += change * (has_body and not is_login)
        self._metrics.in_flight.set(self._n_uploads)

    def _check_queue(self, has_body: bool, is_login: bool) -> None:
        if is_login and self._n_logins > _MAX_LOGINS:
            raise RequestError(429, "too many logins at once; try again in a moment", retry_after_s=1)
        if has_body and not is_login and self._n_uploads > self._config.jobs + self._config.max_queue:
            raise RequestError(429, "too many recordings are waiting; try again in a moment", retry_after_s=1)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._n_streams += 1
        self._metrics.streams.set(self._n_streams)
        try:
            self._check(scope)
            if self._n_streams > self._config.max_streams:
                raise RequestError(429, "too many streams are open; try again in a moment", retry_after_s=5)
            await self._app(scope, receive, send)
        except RequestError as error:
            await receive()  # websocket.connect
            if "websocket.http.response" in scope.get("extensions", {}):
                await _refusal(error)(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": error.detail})
        finally:
            self._n_streams -= 1
            self._metrics.streams.set(self._n_streams)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._config.knows_host(_name(host)):
            raise RequestError(
                421, f"this machine is not known as {host[:100]!r}; start the server with --allow-host NAME"
            )
        _check_origin(headers.get("origin"), host)
        if scope["type"] == "http" and _path(scope) == LOGIN and scope["method"] == "POST":
            return
        if self._config.token is not None and not _has_token(headers, self._config.token):
            raise RequestError(401, "a token is needed; send the header Authorization: Bearer TOKEN")


def _under(root_path: str, scope: Scope) -> Scope:
    """Return a scope for a service under ``root_path``, whether or not the proxy has removed that from the path."""
    if not root_path:
        return scope
    path = scope["path"]
    inner = path if path == root_path or path.startswith(f"{root_path}/") else root_path + path
    return {**scope, "root_path": root_path, "path": inner}


def _path(scope: Scope) -> str:
    """Return the path below the root path."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"


def _check_origin(origin: str | None, host: str) -> None:
    """Refuse pages of other sites; the port of a scheme is the same as no port.

    Raises:
        RequestError: the origin is another one, or unknown (``null``).
    """
    if origin is None:
        return
    try:
        parts = urlsplit(origin.lower())
        default = _DEFAULT_PORTS.get(parts.scheme)
        host_parts = urlsplit(f"//{host.lower()}")
        same_name = parts.hostname is not None and parts.hostname == host_parts.hostname
        is_own = default is not None and same_name and (parts.port or default) == (host_parts.port or default)
    except ValueError:  # no port
        is_own = False
    if not is_own:
        raise RequestError(
            403,
            f"the request comes from a page of {origin[:100]!r}, and this is {host[:100]!r}; only the service's own "
            "page may send it. A proxy must pass Host on as it came (nginx: proxy_set_header Host $http_host)",
        )


def is_https(scope: Scope) -> bool:
    """Tell whether the browser's connection is encrypted, up to here or up to a proxy.

    Anybody can send X-Forwarded-Proto; who does so only makes their own cookie stricter.
    """
    return scope["scheme"] == "https" or Headers(scope=scope).get("x-forwarded-proto", "").strip().lower() == "https"


@dataclass(frozen=True, slots=True)
class _BodyLimits:
    """What the body of a request may cost: bytes, seconds in all, and seconds without a byte."""

    n_bytes: int
    total_s: float
    idle_s: float

    @classmethod
    def of(cls, config: ServeConfig, *, is_login: bool) -> "_BodyLimits":
        if is_login:
            return cls(_LOGIN_BYTES, _LOGIN_S, _LOGIN_S)
        return cls(config.upload_bytes, config.body_s, config.idle_s)


class Body:
    """A request's body as it comes, within the limits on its size and time."""

    def __init__(self, scope: Scope, receive: Receive, limits: _BodyLimits) -> None:
        self._receive, self._limits = receive, limits
        self._n_bytes, self._more = 0, True
        self._until = time.monotonic() + limits.total_s
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdecimal() and int(stated) > limits.n_bytes:
            raise self._too_large()

    async def __call__(self) -> Message:
        if not self._more:  # the next message says that the client has left
            return await self._receive()
        timeout_s = min(self._limits.idle_s, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, timeout_s))
        except TimeoutError:
            raise RequestError(408, "the body did not arrive in time; send it faster, or a smaller one") from None
        self._n_bytes += len(message.get("body", b""))
        self._more = message.get("more_body", False)
        if self._n_bytes > self._limits.n_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> RequestError:
        n_bytes = self._limits.n_bytes
        allowed = f"{n_bytes / 2**20:g} MiB" if n_bytes >= 2**20 else f"{n_bytes} bytes"
        return RequestError(413, f"the body is larger than the {allowed} allowed; send a smaller file")


class _Response:
    """What is sent, with the headers that every response has."""

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
            if self.status in {408, 413, 429, 507}:  # the rest of the body is not read
                headers["Connection"] = "close"
        await self._send(message)


def session(token: str) -> str:
    """Return what the page's cookie holds instead of the token."""
    return hmac.new(token.encode(), b"session of the page", hashlib.sha256).hexdigest()


def same(secret: str, other: str) -> bool:
    """Tell whether two secrets are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(secret.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _has_token(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return same(given.strip(), token)
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return False
    return cookie is not None and same(cookie.value, session(token))


def _name(host: str) -> str:
    name, _, port = host.lower().rpartition(":")
    return (name if port.isdecimal() and name else host.lower()).strip("[]")


def _refusal(error: RequestError, scope: Scope | None = None) -> Response:
    """Return an error as a response; browsers without a token get the login page."""
    headers = dict(error.headers or {})
    if error.status_code == 401:
        headers["WWW-Authenticate"] = "Bearer"
        if scope is not None and "text/html" in Headers(scope=scope).get("accept", ""):
            return login_page(scope, "")
    return JSONResponse({"detail": error.detail}, error.status_code, headers)


def login_page(scope: Scope, message: str) -> Response:
    """Return the page that asks for the token."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    headers = {"WWW-Authenticate": "Bearer", "Content-Security-Policy": policy}
    content = _LOGIN_PAGE.format(action=escape(scope.get("root_path", "") + LOGIN), message=escape(message))
    return HTMLResponse(content, 401, headers)
