import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from audio_emotion.core.errors import StorageError, UsageError
from audio_emotion.core.types import Prediction, Turn, Waveform
from audio_emotion.formats import Result, Source
from audio_emotion.formats.plot import COLUMNS, draw_timeline, mel_levels, save, score_grid
from tests.conftest import ROOT

RATE = 16_000
HAPPY = Prediction(0.0, 1.0, "happy", 0.75, {"sad": 0.25, "happy": 0.75})
SILENT = Prediction(1.0, 2.0, "no speech", 0.0, {"sad": 0.0, "happy": 0.0})
ANSWER = Result(
    Source("a$b\n.wav", "default", "cpu"), replace(HAPPY, end=4.0), (HAPPY, SILENT, replace(HAPPY, start=3.0, end=4.0))
)


def tone(hertz: float, seconds: float = 4.0) -> Waveform:
    samples = np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return Waveform(samples.astype(np.float32), RATE, RATE)


def draw(waveform: Waveform, *results: Result) -> "Figure":
    return draw_timeline(lambda _: waveform, *results)


@pytest.mark.parametrize("answer", [ANSWER, replace(ANSWER, segments=None), replace(ANSWER, segments=())])
@pytest.mark.parametrize("seconds", [0.001, 4.0])
def test_all_panels_have_one_time_and_the_title_the_verdict(tmp_path: Path, answer: Result, seconds: float):
    figure = draw(tone(440, seconds), answer)
    end = max([seconds, *(row.end for row in answer.rows)])
    assert [axes.get_xlim() for axes in figure.axes] == [(0, end)] * 4
    assert figure.axes[0].get_title(loc="left") == r"a\$b .wav: happy 75%"
    save(figure, tmp_path / "plot.svg")
    assert ET.parse(tmp_path / "plot.svg").getroot().tag.endswith("svg")
    save(figure, tmp_path / "plot.PNG")
    assert (tmp_path / "plot.PNG").read_bytes()[:4] == b"\x89PNG"
    assert len(list(tmp_path.iterdir())) == 2


def test_the_ribbon_names_emotions_in_their_colors_and_the_legend_those_that_occur():
    figure = draw(tone(440), ANSWER)
    ribbon = figure.axes[1]
    assert [text.get_text() for text in ribbon.texts] == ["happy", "happy"]
    colors = [to_hex(bar.get_facecolor()[0]) for bar in ribbon.collections]
    assert colors == ["#dba520", "#e3e9ec", "#dba520"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["happy", "no speech"]
    assert [text.get_text() for text in figure.axes[3].get_yticklabels()] == ["sad", "happy"]


def test_each_speaker_and_each_channel_has_a_lane():
    turns = tuple(
        Turn(start, start + 1.0, "happy", 0.75, HAPPY.scores, channel=channel, speaker=speaker)
        for start, speaker, channel in ((0.0, "ann$", 1), (1.0, "bob", 2), (2.0, "ann$", 1))
    )
    asked = []

    def waveform_of(channel: int | None) -> Waveform:
        asked.append(channel)
        return tone(440)

    figure = draw_timeline(waveform_of, replace(ANSWER, segments=turns))
    assert asked == [1, 2]
    assert [axes.get_ylabel() for axes in figure.axes] == [r"ann\$", "", "bob", ""]
    each = [
        replace(ANSWER, prediction=replace(HAPPY, channel=n), segments=(replace(HAPPY, channel=n),)) for n in (1, 2)
    ]
    figure = draw(tone(440), *each)
    assert [axes.get_ylabel() for axes in figure.axes] == ["channel 1", "", "channel 2", ""]
    assert figure.axes[0].get_title(loc="left").endswith("channel 1 happy 75%, channel 2 happy 75%")


@pytest.mark.parametrize(("seconds", "first"), [(59.0, "0"), (300.0, "0:00"), (7200.0, "0:00")])
def test_minutes_are_minutes(seconds: float, first: str):
    figure = draw(Waveform(np.zeros(round(seconds * 10), np.float32), 10, 10), replace(ANSWER, segments=None))
    figure.canvas.draw()
    ticks = figure.axes[-1].get_xticklabels()
    labels = [text.get_text() for text in ticks if 0 <= text.get_position()[0] <= seconds]
    assert labels[0] == first
    assert len(labels) <= 14


def test_scores_stand_at_their_time():
    grid = score_grid(ANSWER.segments)
    assert grid.shape == (2, COLUMNS)
    quarter = COLUMNS // 4
    assert grid[:, : quarter - 1].T.tolist() == [[0.25, 0.75]] * (quarter - 1)
    assert np.isnan(grid[:, quarter + 1 : 3 * quarter - 1]).all()
    assert grid[:, -1].tolist() == [0.25, 0.75]
    overlapping = (HAPPY, replace(HAPPY, scores={"sad": 0.75, "happy": 0.25}))
    assert score_grid(overlapping)[:, 0].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("hertz", [200, 1_000, 4_000])
def test_a_tone_is_loudest_in_its_band(hertz: float):
    levels = mel_levels(tone(hertz).samples, RATE)
    assert len(levels) == 96
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    band = 2595 * np.log10(1 + hertz / 700) / top * 97 - 1
    assert levels[:, levels.shape[1] // 2].argmax() == pytest.approx(band, abs=1)


def test_a_long_recording_has_no_more_columns_than_a_screen():
    assert mel_levels(np.zeros(RATE * 600, np.float32), RATE).shape == (96, COLUMNS)


def test_other_names_and_places_are_refused(tmp_path: Path):
    figure = draw(tone(440, 0.1), ANSWER)
    with pytest.raises(UsageError, match=r"\.png or an \.svg"):
        save(figure, tmp_path / "plot.gif")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        save(figure, tmp_path / "file" / "plot.png")


def test_drawing_needs_neither_librosa_nor_pyplot():
    program = (
        "import numpy, sys; from audio_emotion.formats.plot import draw_timeline\n"
        "from audio_emotion.formats import Result, Source\n"
        "from audio_emotion.core.types import Prediction, Waveform\n"
        "said = Prediction(0, 1, 'sad', 1, {'sad': 1.0})\n"
        "draw_timeline(lambda _: Waveform(numpy.zeros(999, 'f'), 999, 999), Result(Source('a', 'm', 'cpu'), said))\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"librosa", "torch", "scipy", "matplotlib.pyplot"} & set(loaded.stdout.split())
