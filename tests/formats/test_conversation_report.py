"""The page about a conversation: what it contains, and how it behaves in a browser."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import StorageError, UsageError
from audio_emotion.core.types import Prediction, Turn
from audio_emotion.formats import Result, Source
from audio_emotion.formats.conversation_report import COLUMNS, audio_address, check_target, peaks_of, write_report
from tests.sounds import voice
from tests.web.browser import CHROMIUM, DRIVER, chromium

RATE = 16_000
SCORES = {"neutral": 0.125, "angry": 0.75, "bored": 0.125}
ODD = "</script><b>1 & 2</b>\u2028"


def turn(start: float, end: float, label: str, speaker: str, **more: Any) -> Turn:
    scores = {name: 0.75 if name == label else 0.125 for name in SCORES}
    score = scores.get(label, 0.0)
    return Turn(start, end, label, score, scores, channel=1 if speaker == "ANNA" else 2, speaker=speaker, **more)


TURNS = (
    turn(0.5, 2.0, "neutral", "ANNA", text="Good morning!"),
    turn(2.0, 5.0, "angry", ODD, text=ODD, overlap_s=0.5, timeline=(turn(2.0, 5.0, "angry", ""),)),
    turn(4.5, 6.0, "angry", "ANNA", text="Well, no."),
    turn(6.5, 7.0, NO_SPEECH, "ANNA"),
)
RESULT = Result(Source("my call.wav", "made", "cpu"), Prediction(0.5, 7.0, "angry", 0.75, SCORES), TURNS)


class Page(HTMLParser):
    """What a page contains: its tags with their attributes, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "my call.wav"
    soundfile.write(path, np.stack([voice(8), 0.2 * voice(8)], axis=1), RATE)
    return path


def page(recording: Path, result: Result = RESULT, **more: Any) -> str:
    target = recording.parent / "call.html"
    write_report([result], recording, target, **more)
    return target.read_text("utf-8")


def test_the_page_has_every_turn_and_nothing_from_elsewhere(recording: Path):
    content = page(recording)
    found = Page(content)
    text = " ".join("".join(found.words).split())
    for words in ("Good morning!", "Well, no.", "ANNA", "angry 75%", "</script><b>1 & 2</b>", "people at work"):
        assert words in text
    assert [attributes["data-start"] for tag, attributes in found.tags if "data-start" in attributes] == [
        "0.500",
        "2.000",
        "4.500",
        "6.500",
    ]
    addresses = [value for _, attributes in found.tags for name, value in attributes.items() if name in {"src", "href"}]
    assert addresses == ["data:,", "#transcript", "my%20call.wav"]
    assert not re.search(r"https?://", content)
    assert "@import" not in content
    assert [tag for tag, _ in found.tags].count("script") == 1
    assert "<b>" not in content


def test_the_page_is_the_same_each_time(recording: Path):
    assert page(recording) == page(recording)


def test_a_timeline_without_turns_and_one_without_segments(recording: Path):
    segments = tuple(Prediction(s, s + 2, "angry", 0.75, SCORES) for s in range(0, 8, 2))
    content = page(recording, replace(RESULT, segments=segments))
    assert "unknown speaker" not in content
    assert content.count("data-start=") == 4
    assert page(recording, replace(RESULT, segments=())).count("data-start=") == 0
    each = [
        replace(RESULT, segments=tuple(replace(segment, channel=channel) for segment in segments)) for channel in (1, 2)
    ]
    write_report(each, recording, recording.parent / "each.html")
    content = (recording.parent / "each.html").read_text("utf-8")
    assert content.count('class="lane"') == 2
    assert "channel 2" in content


def test_where_the_sound_is(recording: Path, tmp_path: Path):
    (tmp_path / "pages").mkdir()
    assert audio_address(recording, tmp_path / "pages" / "a.html", embed=False) == "../my%20call.wav"
    assert audio_address(recording, tmp_path / "a.html", embed=True).startswith("data:audio/x-wav;base64,UklGR")
    other = recording.rename(recording.with_suffix(".sound"))
    assert audio_address(other, tmp_path / "a.html", embed=True).startswith("data:audio/mpeg;base64,")


@pytest.mark.parametrize("seconds", [0.01, 3.0, 400.0])
def test_peaks_stand_at_their_time(seconds: float, tmp_path: Path):
    samples = np.zeros(round(seconds * 8000))
    samples[: len(samples) // 2] = 0.25
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    peaks = peaks_of(tmp_path / "a.wav", None, seconds)
    assert peaks.shape == (COLUMNS,)
    if seconds > 1:
        assert peaks[: COLUMNS // 2 - 12].min() > 0.9
        assert peaks[COLUMNS // 2 + 12 :].max() < 0.1
        assert peaks_of(tmp_path / "a.wav", None, 2 * seconds)[COLUMNS // 2 + 12 :].max() < 0.1


def test_names_that_are_no_page_are_refused(tmp_path: Path, recording: Path):
    with pytest.raises(UsageError, match=r"a report is an \.html file"):
        check_target(tmp_path / "report.pdf")
    check_target(tmp_path / "report.html")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        write_report([RESULT], recording, tmp_path / "file" / "report.html")


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Chromium and its driver")
def test_in_a_browser(recording: Path, tmp_path: Path):
    page(recording, embed_audio=True)
    with chromium(tmp_path / "profile") as browser:
        browser.get((recording.parent / "call.html").as_uri())
        run = browser.execute_script
        browser.execute_async_script(
            "const done = arguments[0]; if (sound.readyState) done();"
            "else sound.addEventListener('loadedmetadata', () => done())"
        )
        assert run("return sound.duration") == pytest.approx(8, abs=0.1)
        # A click on the waveform plays the turn, and marks it in the transcript.
        run("document.querySelector('g[data-turn=\"1\"] .hit').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
        assert run("return [sound.currentTime >= 2, stopAt]") == [True, 5]
        assert run("return items[1].classList.contains('now')")
        # Arrow keys move, and the emotion's filter leaves the angry turns.
        run("buttons[1].focus(); list.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown'}))")
        assert run("return document.activeElement === buttons[2]")
        run("document.querySelector('[data-filter-label=\"1\"]').click()")
        assert run("return items.map((item) => item.hidden)") == [True, False, False, True]
        assert run("return document.getElementById('count').textContent") == "2 of 4 turns"
        assert run("return document.documentElement.scrollWidth <= innerWidth")
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
        assert json.loads(
            run("return JSON.stringify(performance.getEntriesByType('resource').map((e) => e.name.slice(0, 5)))")
        ) in ([], ["data:"])
