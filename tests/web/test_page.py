"""What a person does on the page, in a real browser: queue, playback, zoom, settings, microphone, language."""

import itertools
import json
import time

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason="needs the extra `web`")
pytest.importorskip("selenium", reason="needs selenium, to drive a browser")

from selenium.webdriver.common.keys import Keys

from audio_emotion.formats import FORMATS
from audio_emotion.web.page import STATIC, TEMPLATE
from tests.conftest import ROOT
from tests.sounds import voice
from tests.web.browser import (
    CHROMIUM,
    DRIVER,
    ITEMS,
    NAMES,
    SAMPLES,
    SHOWN,
    STATUS,
    choose,
    look,
    player,
    slow_requests,
    wait,
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="needs Chromium and chromedriver, to see that the page works"
)

# --- queue ------------------------------------------------------------------------------------------------------------


def test_several_files_are_queued_and_each_keeps_its_prediction(page):
    choose(page, *(SAMPLES / f"{name}.wav" for name in ("calm", "happy", "sad")))
    assert page.execute_script(f"return {NAMES}") == ["sad.wav", "happy.wav", "calm.wav"]
    assert page.execute_script(f"return {SHOWN}") == "calm.wav"
    page.find_elements("css selector", "#list .select")[1].click()
    wait(page, "document.getElementById('about').textContent.startsWith('happy.wav')")
    page.find_element("id", "clear").click()
    assert page.execute_script(f"return {ITEMS}") == []
    assert page.find_element("id", "segments").is_displayed() is False
    assert page.find_element("id", "limits").is_displayed()


def test_a_late_prediction_does_not_replace_what_is_shown(page):
    slow_requests(page, "true")
    page.find_element("id", "file").send_keys(str(SAMPLES / "calm.wav"))
    wait(page, "window.requests.length === 1")
    page.execute_script("window.hold = false")
    page.find_element("id", "file").send_keys(str(SAMPLES / "happy.wav"))
    wait(page, f"({ITEMS}).every(state => state === 'done')")
    assert page.execute_script(f"return {SHOWN}") == "happy.wav"
    assert page.find_element("id", "about").text.startswith("happy.wav")


def test_a_request_can_be_cancelled_and_tried_again(page):
    slow_requests(page, "true")
    page.find_element("id", "file").send_keys(str(SAMPLES / "calm.wav"))
    wait(page, "window.requests.length === 1")
    page.find_element("css selector", "#list .cancel").click()
    assert page.execute_script(f"return {ITEMS}") == ["cancelled"]
    page.execute_script("window.hold = false")
    page.find_element("css selector", "#list .retry").click()
    wait(page, f"({ITEMS})[0] === 'done'")


def test_a_failed_recording_says_why_and_the_next_is_predicted(page, tmp_path):
    (tmp_path / "letter.wav").write_text("Dear reader")
    page.find_element("id", "file").send_keys(f"{tmp_path / 'letter.wav'}\n{SAMPLES / 'calm.wav'}")
    wait(page, f"({ITEMS}).join() === 'done,failed'")
    assert "cannot be decoded" in page.find_element("css selector", "#list .problem").text


def test_before_there_is_a_recording_the_page_names_formats_and_limits_and_has_samples(page):
    wait(page, "document.querySelectorAll('#samples button').length")
    limits = page.find_element("id", "limits").text
    assert all(part in limits for part in ("WAV", "WMA", "MKV", "100 MiB", "60 minutes"))
    page.find_element("css selector", "#samples button").click()
    wait(page, f"({ITEMS}).join() === 'done'")
    assert page.execute_script(f"return {SHOWN}").endswith(".flac")
    assert not page.find_element("id", "empty").is_displayed()


def test_every_format_of_infer_is_a_download_but_the_text_for_a_terminal(page):
    choose(page, SAMPLES / "calm.wav")
    links = page.execute_script("return [...document.querySelectorAll('#downloads a')].map(a => [a.id, a.download])")
    assert {name for name, _ in links} == set(FORMATS) - {"text"}
    assert all(target.startswith("calm.") for _, target in links)


def test_progress_of_a_long_prediction_is_shown(page, tmp_path):
    soundfile.write(tmp_path / "long.flac", np.tile(voice(5.0, 8_000), 120), 8_000)
    page.find_element("id", "file").send_keys(str(tmp_path / "long.flac"))
    bar = "document.querySelector('#list progress')"
    wait(page, f"{bar} && !{bar}.hidden && {bar}.hasAttribute('value') && {bar}.value > 0")
    wait(page, "document.querySelector('#list .state').textContent.startsWith('predicting')")
    page.find_element("css selector", "#list .cancel").click()
    assert page.execute_script(f"return {ITEMS}") == ["cancelled"]


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_are_sent_and_predict_again(page):
    slow_requests(page)
    choose(page, SAMPLES / "calm.wav")
    page.execute_script("document.querySelector('details').open = true")
    for name, value in {"window": "2", "hop": "1", "min_confidence": "0.9"}.items():
        field = page.find_element("name", name)
        field.clear()
        field.send_keys(value, Keys.TAB)
    page.find_element("css selector", "[name=smooth] option[value=median]").click()
    wait(page, "window.requests.at(-1).includes('smooth=median')")
    last = page.execute_script("return window.requests.at(-1)")
    assert all(part in last for part in ("window=2", "hop=1", "min_confidence=0.9", "model=default")), last
    wait(page, f"({ITEMS})[0] === 'done'")
    hop = page.find_element("name", "hop")
    n_requests = page.execute_script("return window.requests.length")
    hop.clear()
    hop.send_keys("5", Keys.TAB)
    assert "at most the window (2 s)" in hop.get_property("validationMessage")
    assert page.execute_script("return window.requests.length") == n_requests


def test_every_choice_of_the_settings_is_accepted_by_the_service(page):
    choose(page, SAMPLES / "calm.wav")
    page.execute_script("document.querySelector('details').open = true")
    for name in ("smooth", "channels"):
        for option in page.find_elements("css selector", f"[name={name}] option"):
            option.click()
            wait(page, f"!['waiting', 'running'].includes(({ITEMS})[0])")
            value = option.get_attribute("value")
            assert page.execute_script(f"return {ITEMS}") == ["done"], (name, value)


def test_a_change_of_the_model_predicts_again(page):
    slow_requests(page)
    choose(page, SAMPLES / "calm.wav")
    page.execute_script("document.getElementById('model').dispatchEvent(new Event('change'))")
    wait(page, "window.requests.length === 2")


def test_the_hop_does_not_depend_on_the_bytes(page, tmp_path):
    soundfile.write(tmp_path / "large.wav", voice(60.0, 96_000), 96_000, subtype="DOUBLE")
    assert (tmp_path / "large.wav").stat().st_size > 2e7
    slow_requests(page)
    choose(page, tmp_path / "large.wav")
    assert "hop=0.5" in page.execute_script("return window.requests[0]")


# --- timeline and playback --------------------------------------------------------------------------------------------


def test_a_segment_is_played_up_to_its_end(page, spoken):
    choose(page, spoken)
    button = page.find_elements("css selector", "#rows button")[1]
    start, end = (float(value) for value in button.text.removesuffix(" s").split(" – "))
    button.click()
    wait(page, "!document.getElementById('player').paused")
    assert player(page, "currentTime") >= start
    wait(page, "document.getElementById('player').paused")
    assert player(page, "currentTime") == pytest.approx(end, abs=0.25)


def test_the_row_that_plays_is_scrolled_to(page, tmp_path, spoken):
    choose(page, spoken)
    page.find_element("id", "merge").click()
    page.execute_script("document.querySelector('.scroll').style.maxHeight = '140px'")
    page.execute_script("const p = document.getElementById('player'); p.currentTime = 9.2; p.play()")
    wait(page, "document.querySelector('tr.now')?.rowIndex > 12")
    inside = """const [row, box] = ['tr.now', '.scroll'].map(s => document.querySelector(s).getBoundingClientRect());
        return row.top >= box.top && row.bottom <= box.bottom + 1"""
    assert page.execute_script(inside)


def test_zoom_down_to_a_word_and_back(page, spoken):
    choose(page, spoken)
    ticks = "[...document.querySelectorAll('#axis span')].map(s => s.textContent)"
    whole = page.execute_script(f"return {ticks}")
    for _ in range(6):
        page.find_element("id", "zoom-in").click()
    assert page.find_element("id", "pan").is_displayed()
    near = page.execute_script(f"return {ticks}")
    assert near != whole
    assert all("." in text for text in near)
    page.execute_script("const p = document.getElementById('pan'); p.value = 3; p.dispatchEvent(new Event('input'))")
    assert page.execute_script(f"return {ticks}") != near
    page.find_element("id", "zoom-all").click()
    assert page.execute_script(f"return {ticks}") == whole
    assert not page.find_element("id", "pan").is_displayed()


def test_two_fingers_zoom_and_one_moves(page, spoken):
    look(page, 390, 844)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    choose(page, spoken)
    view = "[...document.querySelectorAll('#axis span')].map(s => s.textContent)"
    whole = page.execute_script(f"return {view}")
    page.execute_script("document.getElementById('tracks').scrollIntoView({ block: 'center' })")
    box = page.execute_script(
        "const { x, y, width, height } = document.getElementById('tracks').getBoundingClientRect();"
        "return { x, width, y: y + height / 2 }"
    )

    def touch(kind, *shares):
        points = [{"x": box["x"] + share * box["width"], "y": box["y"], "id": i} for i, share in enumerate(shares)]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    touch("Start", 0.45, 0.55)
    for step in range(1, 6):
        touch("Move", 0.45 - 0.06 * step, 0.55 + 0.06 * step)
    touch("End")
    near = page.execute_script(f"return {view}")
    assert near != whole
    pan = "const p = document.getElementById('pan'); return [p.hidden, +p.value, +p.max]"
    hidden, start, end = page.execute_script(pan)
    assert not hidden
    assert start == pytest.approx(end / 2, rel=0.1)  # the middle stays in the middle
    touch("Start", 0.7)
    for step in range(1, 6):
        touch("Move", 0.7 - 0.08 * step)
    touch("End")
    assert page.execute_script(pan)[1] > start
    assert player(page, "currentTime") == 0  # neither is a tap, which seeks
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    look(page, 1120, 900)


def test_no_tick_of_the_axis_breaks_or_leaves_it(page, spoken):
    choose(page, spoken)
    for width in (1120, 777, 390, 320):
        look(page, width, 900)
        time.sleep(0.2)
        outside = """const box = document.getElementById('axis').getBoundingClientRect();
            return [...document.querySelectorAll('#axis span')].map(s => s.getBoundingClientRect())
              .filter(r => r.height > 26 || r.bottom > box.bottom + 1 || r.right > box.right + 1
                || r.left < box.left - 1)"""
        assert page.execute_script(outside) == [], width


def test_the_timeline_works_with_the_keyboard(page, spoken):
    choose(page, spoken)
    tracks = page.find_element("id", "tracks")
    tracks.send_keys(Keys.END)
    wait(page, "document.getElementById('player').currentTime > 12")
    tracks.send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    wait(page, "document.getElementById('player').currentTime < 1")
    assert "calm" in tracks.get_attribute("aria-valuetext")
    assert "calm" in page.find_element("id", "values").text
    tracks.send_keys(Keys.SPACE)
    wait(page, "!document.getElementById('player').paused")
    tracks.send_keys(Keys.SPACE)
    wait(page, "document.getElementById('player').paused")


def test_the_legend_names_each_colour(page, spoken):
    choose(page, spoken)
    legend = page.execute_script("return [...document.querySelectorAll('#legend li')].map(item => item.textContent)")
    bars = page.execute_script("return [...document.querySelectorAll('#bars .name')].map(name => name.textContent)")
    assert legend[: len(bars)] == bars


def test_the_focus_goes_through_the_page_from_top_to_bottom(page, spoken):
    choose(page, spoken)
    page.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    order = []
    for _ in range(40):
        page.switch_to.active_element.send_keys(Keys.TAB)
        order.append(page.execute_script("return document.activeElement.id || document.activeElement.className"))
    expected = [
        "model",
        "language",
        "choose",
        "microphone",
        "clear",
        "select",
        "transcript",
        "tracks",
        "player",
        "merge",
    ]
    places = [order.index(name) for name in expected]
    assert places == sorted(places), order


def test_probabilities_are_shown_where_the_pointer_is(page, spoken):
    from selenium.webdriver import ActionChains

    choose(page, spoken)
    tracks = page.find_element("id", "tracks")
    ActionChains(page).move_to_element_with_offset(tracks, -300, 0).perform()
    values = page.find_element("id", "values")
    assert values.is_displayed()
    assert "%" in values.text


def test_segments_are_merged_unless_every_prediction_is_wanted(page, spoken):
    choose(page, spoken)
    rows = "[...document.querySelectorAll('#rows tr')].map(r => r.cells[1].textContent)"
    short = page.execute_script(f"return {rows}")
    assert all(one != other for one, other in itertools.pairwise(short))
    page.find_element("id", "merge").click()
    assert len(page.execute_script(f"return {rows}")) > len(short)


def test_an_even_mix_is_no_emotion_in_large_type(page):
    even = """const done = arguments[0];
        import(new URL('static/bars.js', location.href)).then(({ summary, isEven }) => {
            const scores = { calm: .17, sad: .15, happy: .14, angry: .13, neutral: .12, fearful: .11, disgust: .1,
                surprised: .08 };
            const mix = { label: 'calm', score: .17, scores };
            const clear = { label: 'calm', score: .8, scores: { calm: .8, sad: .1, happy: .1 } };
            done([summary(mix), isEven(mix), summary(clear)]);
        })"""
    assert page.execute_async_script(even) == ["no clear emotion", True, "calm, 80 %"]


# --- microphone -------------------------------------------------------------------------------------------------------


def record(page, seconds=1.5):
    page.find_element("id", "microphone").click()
    wait(page, "document.getElementById('microphone').getAttribute('aria-pressed') === 'true'")
    time.sleep(seconds)


def test_a_double_click_on_stop_does_not_start_again(page):
    from selenium.webdriver import ActionChains

    record(page)
    ActionChains(page).double_click(page.find_element("id", "microphone")).perform()
    wait(page, f"({ITEMS})[0] === 'done'")
    assert page.find_element("id", "microphone").get_attribute("aria-pressed") == "false"
    assert page.execute_script(f"return ({ITEMS}).length") == 1


def test_the_microphone_keeps_the_focus_and_its_recording_can_be_saved(page):
    microphone = page.find_element("id", "microphone")
    microphone.send_keys(Keys.ENTER)
    wait(page, "document.getElementById('microphone').getAttribute('aria-pressed') === 'true'")
    assert page.execute_script("return document.activeElement.id") == "microphone"
    time.sleep(1)
    microphone.send_keys(Keys.ENTER)
    wait(page, f"({ITEMS})[0] === 'done'")
    assert page.execute_script("return document.activeElement.id") == "microphone"
    keep = page.find_element("css selector", "#list .keep")
    assert keep.is_displayed()
    assert keep.get_attribute("download").startswith("microphone-")


REFUSED = """
    const Original = window.WebSocket;
    window.WebSocket = class extends Original {
        constructor(url) { super(String(url).replace('/v1/stream', '/v1/nothing')); }
    };"""


def test_a_refused_stream_does_not_lose_the_recording(page):
    page.execute_script(REFUSED)
    record(page, 2)
    wait(page, f"{STATUS}.includes('The recording goes on and is kept')")
    page.find_element("id", "microphone").click()
    wait(page, f"({ITEMS})[0] === 'done'")
    seconds = float(page.execute_script("return document.querySelector('#tracks').getAttribute('aria-valuemax')"))
    assert seconds > 1.5


def test_a_microphone_that_is_taken_away_does_not_lose_the_recording(page):
    page.execute_script("""
        const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (...given) => (window.media = await original(...given));""")
    record(page, 2)
    page.execute_script("window.media.getTracks()[0].dispatchEvent(new Event('ended'))")
    wait(page, f"({ITEMS})[0] === 'done'")
    assert page.find_element("id", "microphone").text == "Use the microphone"
    assert page.find_element("css selector", "#list .keep").is_displayed()


def test_when_the_stream_breaks_no_old_prediction_stays_on_the_screen(page):
    page.execute_script("""
        const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (data) { window.stream = this; return send.call(this, data); };""")
    page.find_element("id", "microphone").click()
    wait(page, f"{STATUS}.startsWith('Now: ')")
    page.execute_script("window.stream.close()")
    wait(page, f"{STATUS}.startsWith('No live predictions')")
    assert not page.find_element("id", "result").is_displayed()
    page.find_element("id", "microphone").click()
    wait(page, f"({ITEMS})[0] === 'done'")


def test_a_file_chosen_while_recording_is_kept_and_the_recording_too(page):
    record(page)
    page.find_element("id", "file").send_keys(str(SAMPLES / "calm.wav"))
    wait(page, f"({ITEMS}).includes('done')")
    assert page.execute_script(f"return {SHOWN}") is None
    page.find_element("id", "microphone").click()
    wait(page, f"({ITEMS}).length === 2 && ({ITEMS}).every(state => state === 'done')")
    assert page.execute_script(f"return {SHOWN}").startswith("microphone-")
    assert "calm.wav" in page.execute_script(f"return {NAMES}")


# --- looks ------------------------------------------------------------------------------------------------------------


def test_the_page_speaks_german(page, spoken):
    choose(page, spoken)
    page.find_element("css selector", "#language option[value=de]").click()
    wait(page, "document.documentElement.lang === 'de'")
    assert page.find_element("id", "choose").text == "Dateien auswählen"
    assert page.find_element("id", "time-title").text == "Im Verlauf"
    wait(page, "document.querySelector('#rows').textContent.includes('ruhig')")
    assert page.find_element("id", "segments").find_element("css selector", ".scroll").get_attribute("aria-label") == (
        "Tabelle der Abschnitte"
    )
    page.find_element("css selector", "#language option[value=en]").click()
    wait(page, "document.getElementById('choose').textContent === 'Choose files'")


def test_every_message_exists_in_every_language():
    texts = {path.stem: json.loads(path.read_text("utf-8")) for path in (STATIC / "messages").iterdir()}
    assert set(texts) == {"en", "de"}
    labels = {key for key in texts["de"] if key.startswith("label.")}
    assert set(texts["de"]) - labels == set(texts["en"])
    files = [*STATIC.iterdir(), TEMPLATE, *(ROOT / "audio_emotion" / "export" / "page").iterdir()]
    sources = "".join(path.read_text("utf-8") for path in files if path.suffix in {".js", ".j2"})
    for key in texts["en"]:
        assert key in sources or key.partition(".")[0] in {"list"}, f"{key} is used nowhere"
        holes = [sorted(part.partition("}")[0] for part in texts[name][key].split("{")[1:]) for name in texts]
        assert holes[0] == holes[1], key


def test_the_name_of_a_button_holds_what_it_shows(page, spoken):
    """Otherwise people who speak to their computer cannot press it (WCAG 2.5.3)."""
    choose(page, spoken, SAMPLES / "calm.wav")
    pairs = page.execute_script("""return [...document.querySelectorAll('button[aria-label], a[aria-label]')]
        .map(e => [e.textContent, e.getAttribute('aria-label')])""")
    assert len(pairs) > 10
    assert not [pair for pair in pairs if pair[0] not in {"−", "+"} and pair[0] not in pair[1]]


def test_forced_colours_keep_everything_visible(page, spoken):
    choose(page, spoken)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "forced-colors", "value": "active"}]})
    assert page.execute_script("return matchMedia('(forced-colors: active)').matches")
    fills = page.execute_script(
        "return [...document.querySelectorAll('.bars .fill')].map(f => getComputedStyle(f).backgroundColor)"
    )
    track = page.execute_script("return getComputedStyle(document.querySelector('.bars .track')).borderTopStyle")
    assert len(set(fills)) == 1
    assert track == "solid"
    look(page, 1120, 900)
