"""A page that hears emotion in the browser: what is written, and what Chromium makes of it."""

import functools
import http.server
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion import load_model
from audio_emotion.core import paths
from audio_emotion.core.errors import DownloadError, UsageError
from audio_emotion.export import web
from tests.sounds import RATE, voice
from tests.web.browser import CHROMIUM, DRIVER, SAMPLES, chromium, wait


class Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """Put a folder on a plain file host; give its address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def scores(driver: object) -> dict[str, float]:
    """What the bars of the page show."""
    items = driver.execute_script(
        "return [...document.querySelectorAll('#bars li')].map((row) => [row.dataset.label, +row.dataset.score])"
    )
    return dict(items)


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")
@pytest.mark.slow
def test_the_page_says_what_infer_says(tmp_path: Path):
    try:
        web.write_page(paths.bundled_model_dir(), tmp_path / "page")
    except DownloadError as error:
        pytest.skip(f"ONNX Runtime Web cannot be had here: {error}")
    assert {path.name for path in (tmp_path / "page").iterdir()} >= {"index.html", "model.onnx", *web._KEPT}
    soundfile.write(tmp_path / "long.wav", voice(7.0, seed=3), RATE)
    soundfile.write(tmp_path / "silence.wav", 0 * voice(1.0), RATE)
    soundfile.write(tmp_path / "noise.wav", np.random.default_rng(0).normal(0, 0.1, 4 * RATE), RATE)
    model = load_model(device="cpu", backend="onnx")
    with hosted(tmp_path / "page") as address, chromium(tmp_path / "profile", SAMPLES / "happy.wav") as driver:
        driver.get(address)
        wait(driver, "!document.getElementById('choose').disabled")
        driver.execute_script("document.getElementById('merge').checked = false")
        for sound in (SAMPLES / "happy.wav", SAMPLES / "sad.wav", tmp_path / "long.wav"):
            driver.find_element("id", "file").send_keys(str(sound))
            wait(driver, f"document.getElementById('about').textContent.startsWith({sound.name!r})")
            expected = model.predict(sound)
            assert driver.find_element("id", "answer").text.startswith(expected.label)
            assert scores(driver) == pytest.approx(dict(expected.scores), abs=1e-3)
        assert "tells speech from other sounds" in driver.find_element("id", "not-speech").text
        for sound in ("silence", "noise"):
            driver.find_element("id", "file").send_keys(str(tmp_path / f"{sound}.wav"))
            wait(driver, f"document.getElementById('about').textContent.startsWith('{sound}')")
            assert driver.find_element("id", "answer").text == "no speech"
        driver.find_element("id", "microphone").click()
        wait(driver, "document.getElementById('microphone').getAttribute('aria-pressed') === 'true'")
        time.sleep(2.5)
        driver.find_element("id", "microphone").click()
        wait(driver, "document.getElementById('about').textContent.startsWith('Recording')")
        assert sum(scores(driver).values()) == pytest.approx(1, abs=1e-6)
        assert driver.execute_script("return document.getElementById('player').src").startswith("blob:")
        links = driver.execute_script(
            "return [...document.querySelectorAll('#downloads a')].map((link) => link.download)"
        )
        assert links == ["Recording.json", "Recording.csv", "Recording.srt"]
        messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        assert asked
        assert not [url for url in asked if not url.startswith((address, "data:", "blob:", "chrome://"))]
        assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")
def test_the_page_says_what_is_missing_when_its_model_cannot_be_loaded(tmp_path: Path):
    for source in (*web._OWN.iterdir(), *(web._STYLE / name for name in web._SHARED)):
        shutil.copyfile(source, tmp_path / source.name)
    (tmp_path / "index.html").write_text(web.markup(), "utf-8")
    shutil.copytree(web._STYLE / "messages", tmp_path / "messages")
    with hosted(tmp_path) as address, chromium(tmp_path / "profile") as driver:
        driver.get(address)
        text = wait(driver, "document.querySelector('.status.problem')?.textContent")
    assert text.startswith("The model cannot be loaded (model.json: 404")


def test_nothing_else_is_overwritten_and_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="contains something other than a page"):
        web.write_page(paths.bundled_model_dir(), tmp_path / "mine")
    monkeypatch.setenv("AUDIO_EMOTION_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DownloadError, match="download failed"):
        web.write_page(paths.bundled_model_dir(), tmp_path / "page", "http://127.0.0.1:9/")
    (tmp_path / "onnxruntime-web" / "-").mkdir(parents=True)
    (tmp_path / "onnxruntime-web" / "-" / f"onnxruntime-web-{web.VERSION}.tgz").write_bytes(b"something else")
    with hosted(tmp_path) as address, pytest.raises(DownloadError, match="does not match its checksum"):
        web.write_page(paths.bundled_model_dir(), tmp_path / "page", address)
    assert not (tmp_path / "page").exists()
