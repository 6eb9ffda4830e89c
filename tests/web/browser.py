"""A service on a port of its own, and Chromium to look at it."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.conftest import ROOT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
SAMPLES = ROOT / "inference" / "samples"
# what the page shows, for wait() and execute_script()
ITEMS = "[...document.querySelectorAll('#list li')].map(row => row.dataset.state)"
NAMES = "[...document.querySelectorAll('#list .select')].map(button => button.textContent)"
STATUS = "document.getElementById('status').textContent"
SHOWN = "document.querySelector('#list .select[aria-current]')?.textContent"

SERVICES: dict[str, Any] = {}
"""What predicts at an address that :func:`live` gave."""


@contextmanager
def live(**settings: Any) -> Iterator[str]:
    """Serve in a thread; give the address."""
    import uvicorn

    from audio_emotion.cli.serve import listening, server_of
    from audio_emotion.web.settings import ServeConfig

    with listening("127.0.0.1", 0) as socket:
        server: uvicorn.Server = server_of(ServeConfig(**settings))
        address = f"http://localhost:{socket.getsockname()[1]}"
        SERVICES[address] = server.config.app._app.state.service  # type: ignore[union-attr]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join(30)


@contextmanager
def chromium(profile: Path, microphone: Path | None = None) -> Iterator[Any]:
    """Give a browser without a window; a recording can be what its microphone hears, from its beginning and once."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "no-first-run",
        "hide-scrollbars",
    ):
        options.add_argument(f"--{argument}")
    options.add_argument("--disable-background-networking")
    options.add_argument("--autoplay-policy=no-user-gesture-required")
    options.add_argument(f"--user-data-dir={profile}")
    if microphone:
        options.add_argument("--use-fake-ui-for-media-stream")
        options.add_argument("--use-fake-device-for-media-stream")
        options.add_argument(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def look(driver: Any, width: int, height: int, dark: bool = False, scale: float = 1) -> None:
    """Set what the page is seen on."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def wait(driver: Any, script: str, seconds: float = 60.0) -> Any:
    """Return what a script returns once that is something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := driver.execute_script(f"return {script}"):
            return found
        time.sleep(0.1)
    raise TimeoutError(f"{script}: {driver.find_element('id', 'status').text!r}")


def conversation(target: Path, rate: int = 48_000) -> Path:
    """Write four of the synthetic samples one after the other, a second apart."""
    import soxr

    parts = []
    for name in ("calm", "happy", "angry", "sad"):
        samples, own = soundfile.read(SAMPLES / f"{name}.wav")
        parts += [soxr.resample(samples, own, rate), np.zeros(rate)]
    soundfile.write(target, np.concatenate(parts), rate, subtype="PCM_16")
    return target


def choose(page, *files):
    """Upload recordings, maybe with transcripts, and wait until each recording has its prediction."""
    page.find_element("id", "file").send_keys("\n".join(map(str, files)))
    n = sum(file.suffix != ".vtt" for file in files)
    wait(page, f"({ITEMS}).filter(state => state === 'done').length >= {n}")


def player(page, what):
    return page.execute_script(f"return document.getElementById('player').{what}")


def slow_requests(page, hold="false"):
    """Make requests to the service wait as long as window.hold is true; keep their addresses in window.requests."""
    page.execute_script(f"""
        [window.hold, window.requests] = [{hold}, []];
        const [open, send] = [XMLHttpRequest.prototype.open, XMLHttpRequest.prototype.send];
        XMLHttpRequest.prototype.open = function (method, url) {{
            window.requests.push(String(url));
            return open.call(this, method, url);
        }};
        XMLHttpRequest.prototype.send = function (body) {{
            let ended = false;
            const abort = this.abort;
            this.abort = () => {{ ended = true; this.onabort(); abort.call(this); }};
            const later = () => {{ if (!ended) window.hold ? setTimeout(later, 50) : send.call(this, body); }};
            later();
        }};""")
