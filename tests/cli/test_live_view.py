"""The view: fixed answers, drawn into text."""

import io
import re
import time
from functools import cache

import numpy as np
from rich.console import Console

from audio_emotion import formats
from audio_emotion.cli._live_view import Smoothed, View
from audio_emotion.core.emotions import NO_SPEECH, emotions
from audio_emotion.core.types import Prediction
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.live import Block, LiveResult, Session, Waiting
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.timeline import Stream
from tests.conftest import ROOT
from tests.inference.live.fakes import RATE, Clock

LABELS = emotions()


def said(start: float, end: float, label: str, score: float = 0.65) -> Prediction:
    if label == NO_SPEECH:
        return Prediction(start, end, label, 0.0, dict.fromkeys(LABELS, 0.0), 0)
    rest = (1 - score) / (len(LABELS) - 1)
    return Prediction(start, end, label, score, dict.fromkeys(LABELS, rest) | {label: score})


def drawn(view: View, width: int = 90) -> str:
    console = Console(width=width, file=io.StringIO(), record=True, legacy_windows=False)
    console.print(view.picture())
    return console.export_text()


@cache
def heard_for_37_s() -> Session:
    clock = Clock()
    session = Session(Stream(load_model(device="cpu"), RATE, TimelineConfig(hop_s=0.5)), clock)
    tone = (4000 * np.sin(np.arange(320) / 3)).astype(np.int16)[:, None]
    for _ in range(50 * 37):
        clock.now += 0.02
        heard_s = clock.now
        for heard in session.take(Block(tone, heard_s)):
            clock.now += 0.044  # what resampling, the model and drawing may take
            session.note(heard)
        clock.now = heard_s
    return session


def half_a_minute(width: int = 90) -> View:
    """Calm, a pause, and anger since, as `docs/live.md` shows it."""
    console = Console(width=width, file=io.StringIO())
    view = View(formats.Source("USB headset", "two-channel-cnn", "cpu"), LABELS, console)
    for number in range(70):
        end = 1.75 + 0.5 * number
        label = "calm" if number < 30 else NO_SPEECH if number < 40 else "angry"
        view.on_result(LiveResult(said(end - 0.5 if number else 0.0, end, label), None))
    view.moved(heard_for_37_s())
    return view


def test_the_page_shows_the_view():
    page = (ROOT / "docs" / "live.md").read_text("utf-8")
    shown = next(code for code in re.findall(r"```text\n(.*?)```", page, flags=re.DOTALL) if "last minute" in code)
    assert [line.rstrip() for line in shown.splitlines()] == [
        line.rstrip() for line in drawn(half_a_minute()).splitlines()
    ]


def test_it_is_drawn_over_and_over_and_leaves_the_terminal_as_it_was():
    terminal = io.StringIO()
    console = Console(width=90, file=terminal, force_terminal=True, legacy_windows=False)
    with View(formats.Source("USB headset", "two-channel-cnn", "cpu"), LABELS, console) as view:
        for label in ("calm", "angry"):
            view.on_result(LiveResult(said(0, 0.5, label, 1.0), time.monotonic()))
            assert f"{label} " in terminal.getvalue()
        view.waiting(Waiting(1.0, 30.0))
        assert "the device is gone" in terminal.getvalue()
    assert terminal.getvalue().count("\x1b[?25l") == terminal.getvalue().count("\x1b[?25h") == 1  # the cursor


def test_a_slow_terminal_does_not_hold_up_the_listening():
    class Slow(io.StringIO):
        def flush(self) -> None:
            time.sleep(0.2)

    console = Console(width=90, file=Slow(), force_terminal=True, legacy_windows=False)
    began = time.monotonic()
    with View(formats.Source("USB headset", "two-channel-cnn", "cpu"), LABELS, console) as view:
        for number in range(50):
            view.moved(heard_for_37_s())
            view.on_result(LiveResult(said(number / 2, number / 2 + 0.5, "calm"), began - 5.0))
    assert time.monotonic() - began < 5.0  # 50 times 0.2 s, and more, were each drawn


def test_bars_strip_and_narrow_terminals():
    lines = drawn(half_a_minute()).splitlines()
    assert lines[1].startswith("angry 65%")
    bar = {line.split()[1]: line.count("█") for line in lines if line[1:2] == " " and line[0].isalpha()}
    assert bar["angry"] > 5 * bar["calm"] > 0
    strip = next(line for line in lines if line.startswith("last minute"))
    assert re.search(r"C{15,16}·{4,6}A{14,16}$", strip.rstrip())
    for width in (40, 70):
        assert max(map(len, drawn(half_a_minute(width), width).splitlines())) <= width


def test_a_device_that_is_gone_is_shown():
    view = half_a_minute()
    view.waiting(Waiting(4.2, 30.0))
    assert "the device is gone; waiting for it (4 of 30 s)" in drawn(view)


def test_bars_move_smoothly_and_a_pause_ends_their_memory():
    smoothed = Smoothed(LABELS)
    smoothed.take(said(0, 0.5, "calm", 0.9))
    assert smoothed.scores["calm"] == 0.9
    smoothed.take(said(0.5, 1.25, "angry", 0.9))  # one half-life
    assert 0.45 < smoothed.scores["angry"] < 0.46
    assert abs(sum(smoothed.scores.values()) - 1) < 1e-9
    smoothed.take(said(1.25, 1.75, NO_SPEECH))
    assert not any(smoothed.scores.values())
    smoothed.take(said(1.75, 2.25, "sad", 0.8))
    assert smoothed.scores["sad"] == 0.8
