from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra `web`")

from starlette.testclient import TestClient

from audio_emotion.web.app import create_app
from audio_emotion.web.service import InferenceService
from audio_emotion.web.settings import ServeConfig
from tests.conftest import ROOT
from tests.sounds import encoded, voice
from tests.web.browser import chromium, conversation, live, look, wait

HOST = "http://localhost"
SAMPLE = ROOT / "inference" / "samples" / "happy.wav"


@contextmanager
def served(**settings: Any) -> Iterator[TestClient]:
    """A service in this process, and a client of it; ``client.service`` is the service."""
    service = InferenceService(ServeConfig(**settings))
    with TestClient(create_app(service), base_url=HOST) as client:
        client.service = service  # type: ignore[attr-defined]
        yield client


@pytest.fixture(scope="session")
def client() -> Iterator[TestClient]:
    """A service as it is by default but for short limits, shared by all tests that leave it as it is."""
    with served(duration_s=60.0, upload_bytes=2**21, idle_s=2.0) as client:
        yield client


@pytest.fixture
def ask(client: TestClient) -> Callable[..., Any]:
    """Upload bytes or a file and return the response."""

    def post(content: bytes | Path, query: str = "", name: str = "clip.wav", by: TestClient = client) -> Any:
        content = content.read_bytes() if isinstance(content, Path) else content
        return by.post(f"/v1/emotions?{query}", files={"file": (name, content)})

    return post


@pytest.fixture(scope="session")
def clip() -> bytes:
    """Nine seconds of a made voice, with a pause."""
    sound = voice(9.0)
    sound[4 * 16_000 : 5 * 16_000] = 0
    return encoded(sound)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of four synthetic voices, one after the other."""
    return conversation(tmp_path_factory.mktemp("sound") / "conversation.wav")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a service with its defaults is."""
    with live() as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, spoken: Path) -> Iterator[Any]:
    """Chromium; its microphone hears the recording."""
    with chromium(tmp_path_factory.mktemp("browser") / "profile", spoken) as driver:
        yield driver


@pytest.fixture
def page(browser: Any, address: str) -> Any:
    """The page as it is first opened."""
    look(browser, 1120, 900)
    browser.get(address)
    wait(browser, "document.querySelectorAll('#model option').length")
    return browser
