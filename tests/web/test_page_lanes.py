"""What the page shows of channels, speakers, two models and other formats; and what axe-core says of it."""

import io
import shutil

import av
import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason="needs the extra `web`")
pytest.importorskip("selenium", reason="needs selenium, to drive a browser")

from audio_emotion.core import paths
from tests.sounds import encoded, voice
from tests.web.axe import axe_source, violations
from tests.web.browser import (
    CHROMIUM,
    DRIVER,
    ITEMS,
    SAMPLES,
    STATUS,
    choose,
    chromium,
    live,
    look,
    player,
    slow_requests,
    wait,
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="needs Chromium and chromedriver, to see that the page works"
)

LANES = "[...document.querySelectorAll('.lane-name')].map(each => each.textContent)"
BUTTONS = "[...document.querySelectorAll('#lane-buttons button')].map(each => each.textContent)"
BARS = "[...document.querySelectorAll('#bars li')].map(i => [i.dataset.label, +i.dataset.score])"
HEADS = "[...document.querySelectorAll('th')].filter(th => !th.hidden).map(th => th.textContent)"
ROWS = "[...document.querySelectorAll('#rows tr')].map(r => [...r.cells].map(c => c.textContent))"
VTT = """WEBVTT

00:00.200 --> 00:02.000
<v Anna>Good morning.

00:03.000 --> 00:07.500
<v Ben>A long turn, which has a timeline of its own.

00:08.000 --> 00:09.500
<v Anna>Good bye.
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, spoken):
    """A conversation and its transcript, and a call whose sides are on two channels."""
    folder = tmp_path_factory.mktemp("lanes")
    shutil.copyfile(spoken, folder / "talk.wav")
    (folder / "talk.vtt").write_text(VTT, "utf-8")
    sides = np.zeros((6 * 16_000, 2))
    for side, name in enumerate(("happy", "sad")):
        sound = soundfile.read(SAMPLES / f"{name}.wav")[0][: 3 * 16_000]
        sides[side * 3 * 16_000 : side * 3 * 16_000 + len(sound), side] = sound
    soundfile.write(folder / "call.wav", sides, 16_000)
    return folder


def shown(page, script):
    return page.execute_script(f"return {script}")


# --- lanes ------------------------------------------------------------------------------------------------------------


def test_the_sides_of_a_call_have_lanes_of_their_own(page, folder):
    choose(page, folder / "call.wav")
    assert shown(page, LANES) == ["Channel 1", "Channel 2"]
    one, other = shown(page, BUTTONS)
    assert one.startswith("Channel 1: ")
    assert other.startswith("Channel 2: ")
    first = shown(page, BARS)
    page.find_elements("css selector", "#lane-buttons button")[1].click()
    assert shown(page, BARS) != first
    assert shown(page, HEADS) == ["Time", "Channel", "Emotion", "Probability"]
    assert {row[1] for row in shown(page, ROWS)} == {"Channel 1", "Channel 2"}
    canvases = shown(page, "[...document.querySelectorAll('.lane')].map(l => [...l.querySelectorAll('canvas')].length)")
    assert canvases == [3, 3]  # waveform, spectrogram and emotions of each


def test_the_speakers_of_a_transcript_have_lanes_and_their_words_are_listed(page, folder):
    choose(page, folder / "talk.wav", folder / "talk.vtt")
    assert shown(page, LANES) == ["Anna", "Ben"]
    assert [text.partition(":")[0] for text in shown(page, BUTTONS)] == ["All speakers", "Anna", "Ben"]
    assert shown(page, HEADS) == ["Time", "Speaker", "Text", "Emotion", "Probability"]
    rows = shown(page, ROWS)
    assert [row[1] for row in rows] == ["Anna", "Ben", "Anna"]
    assert rows[0][:3] == ["0.20 – 2.00 s", "Anna", "Good morning."]
    assert page.find_element("css selector", "#list .transcript").text == "talk.vtt"
    assert not page.find_element("id", "merge-box").is_displayed()
    page.execute_script("document.getElementById('player').currentTime = 5")
    wait(page, "document.querySelector('tr.now')?.textContent.includes('Ben')")
    assert "at 0:05" in page.find_element("id", "about").text
    page.execute_script("document.getElementById('player').currentTime = 2.5")  # nobody speaks
    wait(page, "!document.querySelector('tr.now')")
    assert "at 0:02" not in page.find_element("id", "about").text
    assert {"rttm", "textgrid", "eaf"} <= set(
        shown(page, "[...document.querySelectorAll('#downloads a')].map(a => a.id)")
    )


def test_a_transcript_can_be_added_later_and_removed(page, folder):
    choose(page, folder / "talk.wav")
    page.find_element("id", "transcript-file").send_keys(str(folder / "talk.vtt"))
    wait(page, f"({LANES}).join() === 'Anna,Ben'")
    button = page.find_element("id", "transcript")
    assert button.text == "Remove the transcript talk.vtt"
    button.click()
    wait(page, f"({LANES}).length === 0")
    assert button.text == "Add a transcript"


def test_a_transcript_by_itself_is_no_recording(page, folder):
    page.find_element("id", "file").send_keys(str(folder / "talk.vtt"))
    wait(page, f"{STATUS}.startsWith('talk.vtt: choose it together with its recording')")
    assert shown(page, ITEMS) == []


def test_what_was_skipped_of_a_transcript_is_noted(page, folder, tmp_path):
    (tmp_path / "bad.vtt").write_text(VTT.replace("00:02.000", "00:00.100"), "utf-8")
    choose(page, folder / "talk.wav", tmp_path / "bad.vtt")
    notes = page.find_element("id", "notes")
    assert notes.is_displayed()
    assert notes.text.startswith("bad.vtt, ")


def test_speakers_are_found(page, folder):
    slow_requests(page)
    page.execute_script("document.querySelector('details').open = true")
    page.find_element("css selector", "[name=speakers] option[value='2']").click()
    choose(page, folder / "talk.wav")
    assert "speakers=2" in shown(page, "window.requests.at(-1)")
    assert shown(page, LANES) == ["speaker 1", "speaker 2"]


# --- adaptation -------------------------------------------------------------------------------------------------------


def test_the_model_is_adapted_to_the_recordings_of_the_list(page, folder):
    choose(page, folder / "talk.wav", SAMPLES / "sad.wav", SAMPLES / "angry.wav")
    before = shown(page, BARS)
    button = page.find_element("id", "adapt")
    assert button.text == "Adapt to these recordings"
    button.click()
    wait(page, "document.getElementById('adapt').textContent === 'Adapted to 3 recordings'")
    wait(page, f"({ITEMS}).every(state => state === 'done')")
    wait(page, f"JSON.stringify({BARS}) !== JSON.stringify({before})")
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    wait(page, f"JSON.stringify({BARS}) === JSON.stringify({before})")
    assert button.text == "Adapt to these recordings"


def test_each_speaker_can_be_adapted_to(page, folder):
    slow_requests(page)
    page.execute_script("document.querySelector('details').open = true")
    page.find_element("name", "adapt").click()
    choose(page, folder / "talk.wav", folder / "talk.vtt")
    assert "adapt=speaker" in shown(page, "window.requests.at(-1)")


# --- two models -------------------------------------------------------------------------------------------------------


def test_two_models_can_be_compared_on_one_recording(tmp_path, spoken):
    shutil.copytree(paths.bundled_model_dir(), tmp_path / "other")
    with live(models=("default", str(tmp_path / "other"))) as address, chromium(tmp_path / "profile") as page:
        look(page, 1120, 900)
        page.get(address)
        wait(page, "document.querySelectorAll('#model option').length")
        choose(page, spoken)
        assert page.find_element("id", "compare").is_displayed()
        page.find_element("css selector", "#compare option[value=other]").click()
        wait(page, f"({LANES}).join() === 'default,other'")
        assert [text.partition(":")[0] for text in shown(page, BUTTONS)] == ["default", "other"]
        assert {row[1] for row in shown(page, ROWS)} == {"default", "other"}
        page.find_element("css selector", "#compare option[value='']").click()
        wait(page, f"({LANES}).length === 0")


# --- playback ---------------------------------------------------------------------------------------------------------


def wma(sound, rate):
    """What FFmpeg writes as Windows Media Audio, 64 kbit/s."""
    file = io.BytesIO()
    with av.open(file, "w", format="asf") as out:
        stream = out.add_stream("wmav2", rate=rate, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["aiff", "wma"])
def test_formats_that_browsers_do_not_know_are_played(page, tmp_path, kind):
    sound = voice(2.5, 44_100)
    content = encoded(sound, 44_100, "AIFF") if kind == "aiff" else wma(sound, 44_100)
    (tmp_path / f"clip.{kind}").write_bytes(content)
    choose(page, tmp_path / f"clip.{kind}")
    wait(page, "document.getElementById('player').readyState >= 2")
    assert page.find_element("id", "player").is_displayed()
    assert not page.find_element("id", "mute").is_displayed()
    assert player(page, "duration") == pytest.approx(2.5, abs=0.2)


# --- accessibility ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(page, folder, dark):
    source = axe_source()
    look(page, 1120, 900, dark)
    assert violations(page, source) == []
    choose(page, folder / "talk.wav", folder / "talk.vtt")
    page.execute_script("document.querySelector('details').open = true")
    assert violations(page, source) == []
    look(page, 320, 900, dark)
    choose(page, folder / "call.wav")
    assert violations(page, source) == []
    look(page, 1120, 900)


def test_axe_finds_nothing_on_the_exported_page_and_the_login(tmp_path):
    from audio_emotion.export.web import markup

    source = axe_source()
    with live(token="a-token-nobody-guesses") as address, chromium(tmp_path / "profile") as page:
        page.get(address)
        assert violations(page, source) == []
        (tmp_path / "index.html").write_text(markup(), "utf-8")
        page.get((tmp_path / "index.html").as_uri())
        assert violations(page, source) == []
