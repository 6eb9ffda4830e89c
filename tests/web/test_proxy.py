"""The service behind the proxies of docs/serve.md, on a path of its own; and its login, in a real browser."""

import json
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi", reason="needs the extra `web`")
pytest.importorskip("selenium", reason="needs selenium, to drive a browser")

import requests

from audio_emotion.core.errors import UsageError
from audio_emotion.web.settings import ServeConfig
from tests.conftest import ROOT
from tests.web.browser import CHROMIUM, DRIVER, SAMPLES, chromium, live, wait
from tests.web.conftest import SAMPLE, served

TOKEN = "a-token-nobody-guesses"
NEEDS_BROWSER = pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="needs Chromium and chromedriver")


def snippet(language: str) -> str:
    """The example of docs/serve.md."""
    return re.search(rf"```{language}\n(.*?)```", (ROOT / "docs" / "serve.md").read_text("utf-8"), re.S)[1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def nginx(folder: Path, upstream: int):
    """Run nginx with the example, without its certificate and on a free port; give the address of the service."""
    port = free_port()
    server = snippet("nginx").replace("listen 443 ssl;", f"listen 127.0.0.1:{port};").replace(":8000/", f":{upstream}/")
    server = re.sub(r" *ssl_certificate.*\n", "", server).replace("example.org", "localhost")
    paths = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder / 'pid'}; error_log {folder / 'error.log'}; events {{}}\n"
        f"http {{ access_log off; {paths} {server} }}"
    )
    with running(["nginx", "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "error.log"], port):
        yield f"http://localhost:{port}/emotions/"


@contextmanager
def caddy(folder: Path, upstream: int):
    """Run Caddy with the example, without HTTPS and on a free port."""
    port = free_port()
    site = snippet("caddy").replace("example.org", f"http://localhost:{port}").replace(":8000", f":{upstream}")
    (folder / "Caddyfile").write_text("{\n    admin off\n    auto_https off\n}\n" + site)
    with running(["caddy", "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"], port):
        yield f"http://localhost:{port}/emotions/"


@contextmanager
def running(command: list, port: int):
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"], scope="module")
def proxied(request, tmp_path_factory):
    """The address of a service behind a proxy, under /emotions/."""
    if not shutil.which(request.param.__name__):
        pytest.skip(f"needs {request.param.__name__} (apt-get install {request.param.__name__})")
    with (
        live(root_path="/emotions", token=TOKEN) as address,
        request.param(tmp_path_factory.mktemp("proxy"), urlsplit(address).port) as outside,
    ):
        yield outside


def test_every_route_works_behind_a_proxy(proxied):
    origin = proxied.removesuffix("/emotions/")
    with requests.Session() as client:
        client.headers["Origin"] = origin
        assert client.get(proxied).status_code == 401
        login = client.post(proxied + "login", {"token": TOKEN}, allow_redirects=False)
        assert login.status_code == 303
        assert login.headers["location"] == "/emotions/"
        assert "static/page.js" in client.get(proxied).text
        for path in ("static/page.js", "v1/models", "page/about", "docs", "openapi.json", "healthz"):
            assert client.get(proxied + path).status_code == 200, path
        assert "/emotions/openapi.json" in client.get(proxied + "docs").text
        assert client.post(proxied + "v1/emotions", files={"file": SAMPLE.read_bytes()}).status_code == 200
        cookies = client.cookies.get_dict()
    from websockets.sync.client import connect

    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    address = proxied.replace("http", "ws", 1) + "v1/stream"
    with connect(address, origin=origin, additional_headers={"Cookie": cookie}) as stream:
        stream.send(bytes(2 * 16_000 * 5))
        assert json.loads(stream.recv())["label"] == "no speech"


@NEEDS_BROWSER
def test_the_page_works_under_a_path(proxied, tmp_path):
    """The form of the login works in Chromium, a wrong token shows the form again, and the page finds all it needs."""
    with chromium(tmp_path / "profile") as driver:
        driver.get(proxied)
        driver.find_element("name", "token").send_keys("not-the-token")
        driver.find_element("css selector", "button").click()
        wait_for(driver, "That is not the token. Try again.")
        driver.find_element("name", "token").send_keys(TOKEN)
        driver.find_element("css selector", "button").click()
        wait_for(driver, "Choose files")
        wait(driver, "document.querySelectorAll('#model option').length")
        driver.find_element("id", "file").send_keys(str(SAMPLES / "happy.wav"))
        wait(driver, "!document.getElementById('segments').hidden")
        driver.find_element("css selector", "footer a").click()
        wait_for(driver, "/v1/emotions")


def wait_for(driver, text: str) -> None:
    for _ in range(200):
        shown = driver.execute_script("return document.body?.innerText") or ""
        if text in shown:
            return
        time.sleep(0.1)
    raise TimeoutError(shown)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("ser.example.org", "https://ser.example.org", 200),
        ("ser.example.org:443", "https://ser.example.org", 200),
        ("ser.example.org", "https://ser.example.org:443", 200),
        ("ser.example.org:80", "http://ser.example.org", 200),
        ("ser.example.org:8443", "https://ser.example.org:8443", 200),
        ("ser.example.org", "https://ser.example.org:8443", 403),
        ("ser.example.org:8443", "https://ser.example.org", 403),
        ("ser.example.org", "null", 403),
        ("ser.example.org", "https://evil.example", 403),
        ("ser.example.org", "file://ser.example.org", 403),
        ("ser.example.org", "https://ser.example.org:x", 403),
    ],
)
def test_a_default_port_is_the_same_as_none(host, origin, status):
    with served(hosts=("ser.example.org",)) as client:
        response = client.get("/healthz", headers={"Host": host, "Origin": origin})
        assert response.status_code == status
        if status == 403:
            detail = response.json()["detail"]
            assert origin in detail
            assert host in detail
            assert "$http_host" in detail


@pytest.mark.parametrize(("proto", "secure"), [("https", True), ("http", False)])
def test_the_cookie_is_secure_behind_https(proto, secure):
    with served(token=TOKEN) as client:
        response = client.post(
            "/login", data={"token": TOKEN}, headers={"X-Forwarded-Proto": proto}, follow_redirects=False
        )
        assert ("Secure" in response.headers["set-cookie"]) is secure


def test_pages_may_tell_their_own_server_where_they_are(client):
    """With no-referrer, Chromium sends `Origin: null` with forms, and the login is refused."""
    assert client.get("/").headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["emotions", "/a b", "/", "//evil.example"])
def test_a_root_path_is_a_path(path):
    with pytest.raises(UsageError, match="expected a path such as /emotions"):
        ServeConfig(root_path=path)
