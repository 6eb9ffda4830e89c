import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.core.errors import StorageError, UsageError
from audio_emotion.core.types import Prediction, Waveform
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


@pytest.mark.parametrize("answer", [ANSWER, replace(ANSWER, segments=None), replace(ANSWER, segments=())])
@pytest.mark.parametrize("seconds", [0.001, 4.0])
def test_a_plot_has_three_panels_over_one_time(tmp_path: Path, answer: Result, seconds: float):
    figure = draw_timeline(tone(440, seconds), answer)
    assert [axes.get_xlim() for axes in figure.axes] == [(0, seconds)] * 3
    assert figure.axes[0].get_title() == r"a\$b .wav"
    save(figure, tmp_path / "plot.svg")
    assert ET.parse(tmp_path / "plot.svg").getroot().tag.endswith("svg")
    save(figure, tmp_path / "plot.PNG")
    assert (tmp_path / "plot.PNG").read_bytes()[:4] == b"\x89PNG"
    assert len(list(tmp_path.iterdir())) == 2


def test_rows_are_labels_and_marks_are_answers():
    axes = draw_timeline(tone(440), ANSWER).axes[2]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["sad", "happy"]
    sad, happy = axes.collections
    assert [len(sad.get_paths()), len(happy.get_paths())] == [0, 2]


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
    figure = draw_timeline(tone(440, 0.1), ANSWER)
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
        "draw_timeline(Waveform(numpy.zeros(999, 'f'), 999, 999), Result(Source('a', 'm', 'cpu'), said))\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"librosa", "torch", "scipy", "matplotlib.pyplot"} & set(loaded.stdout.split())
