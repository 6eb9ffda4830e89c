"""The page in a real browser, held to what the library says of the same sound."""

import csv
import io
import json
import time
from base64 import b64decode

import pytest
import soundfile

pytest.importorskip("fastapi", reason="needs the extra `web`")
pytest.importorskip("selenium", reason="needs selenium, to drive a browser")

from audio_emotion import TimelineConfig, load_model, timeline
from audio_emotion.inference.prediction import overall
from tests.web.browser import CHROMIUM, DRIVER, chromium, conversation, live, look, wait

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="needs Chromium and chromedriver, to see that the page works"
)

BARS = "[...document.querySelectorAll('#bars li')].map(i => [i.dataset.label, +i.dataset.score])"
ROWS = "[...document.querySelectorAll('#rows tr')].map(r => [...r.cells].map(c => c.textContent))"


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    return conversation(tmp_path_factory.mktemp("sound") / "conversation.wav")


@pytest.fixture(scope="module")
def page(tmp_path_factory, spoken):
    with live() as address, chromium(tmp_path_factory.mktemp("browser") / "profile", spoken) as driver:
        look(driver, 1120, 900)
        driver.get(address)
        wait(driver, "document.querySelectorAll('#model option').length")
        yield driver


@pytest.fixture(scope="module")
def answered(page, spoken):
    """The page once the recording has been uploaded."""
    page.find_element("id", "file").send_keys(str(spoken))
    wait(page, "!document.getElementById('segments').hidden")
    page.find_element("id", "merge").click()
    return page


@pytest.fixture(scope="module")
def expected(spoken):
    model = load_model(device="cpu")
    segments = list(timeline(model, spoken, config=TimelineConfig(hop_s=0.5)))
    return overall(segments, model.config), segments


def test_bars_and_table_say_what_infer_does(answered, expected):
    whole, segments = expected
    assert dict(answered.execute_script(f"return {BARS}")) == pytest.approx(whole.scores, abs=1e-4)
    assert answered.find_element("id", "answer").text.startswith(whole.label)
    rows = answered.execute_script(f"return {ROWS}")
    assert [row[:2] for row in rows] == [[f"{s.start:.2f} – {s.end:.2f} s", s.label] for s in segments]


def test_what_is_downloaded_is_what_infer_writes(answered, expected, tmp_path):
    answered.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    texts = {}
    for kind in ("json", "csv", "srt"):
        answered.find_element("id", kind).click()
        target, until = tmp_path / f"conversation.{kind}", time.monotonic() + 20
        while not target.exists() and time.monotonic() < until:
            time.sleep(0.05)
        texts[kind] = target.read_text("utf-8")
    _, segments = expected
    assert [s["label"] for s in json.loads(texts["json"])["segments"]] == [s.label for s in segments]
    assert [row["label"] for row in csv.DictReader(io.StringIO(texts["csv"]))] == [s.label for s in segments]
    assert texts["srt"].startswith("1\n00:00:00,000 --> ")


def test_the_timeline_is_drawn_and_follows_the_sound(answered, expected):
    drawn = """[...document.querySelectorAll('canvas')].map(c =>
        new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size)"""
    assert all(
        colours >= least for colours, least in zip(answered.execute_script(f"return {drawn}"), (2, 100, 4), strict=True)
    )
    _, segments = expected
    wanted = segments[len(segments) // 2]
    at = (wanted.start + wanted.end) / 2
    answered.execute_script("document.getElementById('player').currentTime = arguments[0]", at)
    wait(answered, f"document.querySelector('tr.now')?.textContent.includes('{wanted.start:.2f} –')")
    assert dict(answered.execute_script(f"return {BARS}")) == pytest.approx(wanted.scores, abs=1e-4)
    head = answered.execute_script("return parseFloat(document.getElementById('head').style.left)")
    assert head == pytest.approx(100 * at / segments[-1].end, abs=0.5)
    answered.execute_script("document.getElementById('player').currentTime = 0")


def test_it_works_with_a_keyboard_and_has_names_for_a_screen_reader(answered):
    tree = answered.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]]
    named = {"button", "combobox", "link", "image", "list", "table", "region", "group", "heading"}
    assert not [node for node in told if node[0] in named - {"table", "list"} and not node[1].strip()]
    assert ("button", "Use the microphone") in told
    assert any(role == "status" for role, _ in told)
    focusable = """return [...document.querySelectorAll('button, a[href], select, audio, [tabindex]')]
        .filter(e => e.offsetParent !== null && e.tabIndex >= 0).map(e => e.id || e.className)"""
    assert {"choose", "microphone", "model", "player", "json", "csv", "srt", "scroll"} <= set(
        answered.execute_script(focusable)
    )


@pytest.mark.parametrize(("width", "dark"), [(1120, False), (390, True), (320, False)])
def test_nothing_sticks_out_and_words_are_legible(answered, width, dark):
    look(answered, width, 900, dark)
    assert answered.execute_script("return document.documentElement.scrollWidth") <= width
    contrast = """const luminance = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
          .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b };
        const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
          if (!/, 0\\)$/.test(c) && c !== 'transparent') return c } return 'rgb(255, 255, 255)' };
        return [...document.querySelectorAll('h1, h2, p, button, a, td, th, label, span')]
          .filter(e => e.offsetParent && e.textContent.trim())
          .map(e => { const [a, b] = [getComputedStyle(e).color, behind(e)].map(luminance);
            return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.textContent.trim().slice(0, 30)] })
          .filter(([ratio]) => ratio < 4.5)"""
    assert answered.execute_script(contrast) == []
    look(answered, 1120, 900)


def test_a_file_that_is_no_recording_is_told(answered, tmp_path):
    (tmp_path / "letter.wav").write_text("Dear reader")
    answered.find_element("id", "file").send_keys(str(tmp_path / "letter.wav"))
    told = wait(answered, "document.querySelector('.status.problem')?.textContent")
    assert told.startswith("letter.wav: cannot be decoded")


def test_the_microphone_says_what_infer_does_of_the_same_windows(page, spoken):
    """The fake microphone plays the recording; what the page streamed and kept is compared with the library."""
    page.execute_script("""
        window.heard = [];
        const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (data) {
            if (!this.watched) this.addEventListener('message', e => window.heard.push(JSON.parse(e.data)));
            this.watched = true;
            return send.call(this, data);
        };
        window.kept = null;
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => { if (blob.type === 'audio/wav') window.kept = blob; return make(blob); };
    """)
    page.find_element("id", "microphone").click()
    wait(page, "window.heard.length >= 3")
    assert page.find_element("id", "microphone").text == "Stop"
    live_bars = dict(page.execute_script(f"return {BARS}"))
    assert sum(live_bars.values()) == pytest.approx(1, abs=0.01)
    page.find_element("id", "microphone").click()
    wait(
        page,
        "window.kept && document.getElementById('answer').textContent && !document.getElementById('segments').hidden",
    )
    read = """const done = arguments[0]; const reader = new FileReader();
        reader.onload = () => done(reader.result.split(',')[1]); reader.readAsDataURL(window.kept)"""
    content = b64decode(page.execute_async_script(read))
    sound, rate = soundfile.read(io.BytesIO(content), dtype="int16")
    assert len(sound) / rate > 3.5
    segments = list(timeline(load_model(device="cpu"), content, config=TimelineConfig(hop_s=0.5)))
    heard = page.execute_script("return window.heard")
    for told, said in zip(heard[:3], segments, strict=False):
        assert (told["start"], told["end"]) == pytest.approx((said.start, said.end), abs=1e-3)
        assert told["scores"] == pytest.approx(said.scores, abs=1e-3)
    assert any(said.label != "no speech" for said in segments)


def test_nothing_was_asked_of_others_and_nothing_went_wrong(page):
    requests = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = [r["params"]["request"]["url"] for r in requests if r["method"] == "Network.requestWillBeSent"]
    assert urls
    own = page.execute_script("return location.origin")
    assert not [url for url in urls if not url.startswith((own, "blob:", "data:", "chrome"))]
    troubles = [entry["message"] for entry in page.get_log("browser") if "422" not in entry["message"]]
    assert not troubles
