"""Limits and the token, in front of every route."""

import asyncio
import re
import threading

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from audio_emotion.core.errors import UsageError
from audio_emotion.web import guard
from audio_emotion.web.settings import ServeConfig, is_loopback
from tests.web.conftest import HOST, SAMPLE, served

TOKEN = "a-token-nobody-guesses"
STREAM = "ws://localhost/v1/stream"


@pytest.fixture(scope="module")
def locked():
    with served(token=TOKEN) as client:
        yield client


def routes(client: TestClient) -> list[tuple[str, str]]:
    """Every route of the app behind the guard, whatever put it there, with a method."""
    app = client.app._app
    found = [(min(getattr(route, "methods", None) or {"GET"}), route.path) for route in flat(app.routes)]
    assert {"/", "/v1/emotions", "/page/predict", "/static", "/docs", "/openapi.json"} <= {path for _, path in found}
    return [(method, path) for method, path in found if path != "/v1/stream"]


def flat(routes):
    for route in routes:
        yield from [route] if hasattr(route, "path") else flat(route.original_router.routes)


def test_no_route_is_open_without_the_token(locked):
    for method, path in [*routes(locked), ("GET", "/static/index.html"), ("POST", "/nothing"), ("GET", "/static/../x")]:
        if path != "/login":
            response = locked.request(method, path)
            assert response.status_code == 401, path
            assert response.headers["www-authenticate"] == "Bearer"
    with pytest.raises(WebSocketDenialResponse) as denied, locked.websocket_connect(STREAM):
        pass
    assert denied.value.status_code == 401


@pytest.mark.parametrize("shown", ["Bearer wrong", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", "Bearer é"])
def test_a_wrong_token_opens_nothing(locked, shown):
    assert locked.get("/healthz", headers={"Authorization": shown.encode()}).status_code == 401


def test_the_token_opens_all(locked):
    header = {"Authorization": f"Bearer {TOKEN}"}
    assert locked.get("/healthz", headers=header).status_code == 200
    response = locked.post("/v1/emotions", files={"file": SAMPLE.read_bytes()}, headers=header)
    assert response.status_code == 200
    with locked.websocket_connect(STREAM, headers=header) as stream:
        stream.send_text("end")


def test_a_person_logs_in(locked):
    page = locked.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 401
    assert '<form method="post" action="/login">' in page.text
    assert locked.post("/login", data={"token": "wrong"}).status_code == 401
    with served(token=TOKEN) as browser:
        opened = browser.post("/login", data={"token": TOKEN})
        assert opened.status_code == 200
        assert opened.url.path == "/"
        cookie = opened.history[0].headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert browser.get("/v1/models").status_code == 200


def test_pages_of_other_sites_are_refused(client):
    for origin in ("http://evil.example", "null", "http://localhost.evil.example", "http://localhost:1"):
        assert client.get("/healthz", headers={"Origin": origin}).status_code == 403
        with pytest.raises(WebSocketDenialResponse), client.websocket_connect(STREAM, headers={"Origin": origin}):
            pass
    response = client.get("/healthz", headers={"Origin": HOST})
    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_name_that_was_made_to_point_here_is_refused(client):
    for host in ("evil.example", "evil.example:8000", "", "localhost.evil.example"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 421, host
    for host in ("localhost:9", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200, host


def test_a_server_for_other_machines_knows_its_names(monkeypatch):
    from audio_emotion.web import settings

    monkeypatch.setattr(settings, "_own_names", lambda: {"lab", "lab.local"})
    insecure = ServeConfig(host="0.0.0.0", hosts=("Lab.example",))
    for name in ("lab", "lab.local", "localhost", "192.168.1.7", "fe80::1", "lab.example"):
        assert insecure.knows_host(name), name
    for name in ("evil.example", "", "lab.evil.example"):
        assert not insecure.knows_host(name), name
    assert ServeConfig(host="0.0.0.0", token=TOKEN).knows_host("any.example")  # the page of a stranger has no token


def test_a_body_over_the_limit_is_refused_however_it_comes(client):
    stated = client.post("/v1/emotions", files={"file": bytes(2**21)})
    assert stated.status_code == 413
    assert "larger than the 2 MiB allowed" in stated.json()["detail"]
    read = []

    def chunks():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for number in range(64):
            read.append(number)
            yield bytes(2**16)

    for path in ("/v1/emotions", "/page/predict", "/login"):
        sent = client.post(path, content=chunks(), headers={"Content-Type": "multipart/form-data; boundary=x"})
        assert sent.status_code == 413
        assert sent.headers["connection"] == "close"


def test_a_body_that_does_not_come_is_given_up():
    async def slow(message_every_s: float, config: ServeConfig) -> int:
        async def receive():
            await asyncio.sleep(message_every_s)
            return {"type": "http.request", "body": b"x", "more_body": True}

        body = guard.Body({"type": "http", "headers": []}, receive, guard._BodyLimits.of(config, is_login=False))
        try:
            while True:
                await body()
        except guard.RequestError as refused:
            return refused.status_code

    assert asyncio.run(slow(1.0, ServeConfig(idle_s=0.05))) == 408
    assert asyncio.run(slow(0.01, ServeConfig(body_s=0.1))) == 408


def test_one_too_many_is_told_when_to_come_again():
    with served(jobs=1, max_queue=1, max_streams=1) as client:
        begun, leave = threading.Semaphore(0), threading.Event()
        original = client.service._task

        def held(*arguments):
            begun.release()
            leave.wait(10)
            return original(*arguments)

        client.service._task = held
        statuses = []

        def post() -> None:
            statuses.append(client.post("/v1/emotions", files={"file": SAMPLE.read_bytes()}).status_code)

        two = [threading.Thread(target=post) for _ in range(2)]
        for thread in two:
            thread.start()
        begun.acquire(timeout=10)
        while client.service.metrics.in_flight.collect()[0].samples[0].value < 2:
            pass
        refused = client.post("/v1/emotions", files={"file": SAMPLE.read_bytes()})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200
        leave.set()
        for thread in two:
            thread.join(20)
        assert statuses == [200, 200]
        with client.websocket_connect(STREAM):
            with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(STREAM):
                pass
            assert denied.value.status_code == 429
            assert denied.value.headers["retry-after"]


def test_every_answer_says_what_a_browser_may_do(client):
    for path in ("/", "/docs", "/healthz", "/nothing", "/v1/models"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert client.get("/healthz").headers["cache-control"] == "no-store"
    assert not re.search("unsafe", client.get("/").headers["content-security-policy"])


@pytest.mark.parametrize(
    "wrong",
    [
        *({"jobs": 0}, {"upload_bytes": 0}, {"idle_s": 0}, {"max_queue": -1}, {"token": "short"}),
        *({"models": ()}, {"models": ("ours/mine", "theirs/mine")}),
    ],
)
def test_settings_that_cannot_be(wrong):
    with pytest.raises(UsageError):
        ServeConfig(**wrong)


def test_what_is_this_machine_alone():
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "")))
