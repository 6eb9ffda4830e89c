import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from audio_emotion.audio.mel import to_hertz, to_mel
from audio_emotion.core.types import Prediction, Waveform
from audio_emotion.explanation import Explanation
from audio_emotion.explanation.attribution import Attribution
from audio_emotion.explanation.plot import AGAINST, FOR, draw_explanation
from audio_emotion.formats.plot import BANDS, save
from tests.conftest import ROOT
from tests.sounds import RATE, voice

SCORES = {"sad": 0.2, "happy": 0.7, "calm": 0.1}


def made(heat: np.ndarray, method: str = "occlusion", start: float = 0.0) -> Explanation:
    sound = voice(2.0)
    edges = np.linspace(0, len(sound), heat.shape[1] + 1).astype(np.int64)
    hertz = to_hertz(np.linspace(0, to_mel(RATE / 2), len(heat) + 1))
    weighed = Attribution(edges, hertz, heat, heat.sum(axis=0), 1.5, -2.0)
    said = Prediction(start, start + 2, "happy", 0.7, SCORES)
    return Explanation(Waveform(sound, RATE, RATE, start), said, "happy", method, weighed)


def pixels(path: Path) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"), np.float64)


def test_heat_is_drawn_where_it_is_and_in_its_colour(tmp_path: Path):
    heat = np.zeros((12, 20))
    heat[1:4, 2:6], heat[8:11, 14:18] = 1.0, -1.0
    figure = draw_explanation(made(heat), "a$b.wav")
    save(figure, tmp_path / "x.png")
    image = pixels(tmp_path / "x.png")
    assert image.shape[:2] == (720, 1320)
    axes = figure.axes[0]

    def near(time: float, row: float, colour: str) -> bool:
        x, y = axes.transData.transform((time, row)) * 120 / figure.dpi
        patch = image[round(720 - y) - 4 : round(720 - y) + 4, round(x) - 4 : round(x) + 4].mean(axis=(0, 1))
        toward = 255 * np.array(to_rgb(colour)) - 127
        return float((patch - patch.mean()) @ (toward - toward.mean())) > 1_500

    low, high = 2.5 / 12 * BANDS, 9.5 / 12 * BANDS
    assert near(0.4, low, FOR)
    assert near(1.6, high, AGAINST)
    for time, row in ((0.4, high), (1.6, low), (1.0, low), (1.0, high)):
        assert not near(time, row, FOR)
        assert not near(time, row, AGAINST)


def test_next_to_nothing_looks_so():
    figure = draw_explanation(made(1e-3 * np.ones((12, 20))), "x.wav")
    heat = figure.axes[0].images[-1]
    assert heat.get_clim() == (-0.1, 0.1)
    low, high = figure.axes[2].get_ylim()
    assert high - low > 0.1


def test_the_probabilities_stand_beside_it():
    figure = draw_explanation(made(np.ones((12, 20))), "a$b.wav")
    _, scores, along, *_ = figure.axes
    assert [label.get_text() for label in scores.get_yticklabels()] == list(SCORES)
    assert [round(bar.get_width()) for bar in scores.patches] == [20, 70, 10]
    tints = [bar.get_facecolor()[:3] for bar in scores.patches]
    assert [tint == pytest.approx(to_rgb(FOR)) for tint in tints] == [False, True, False]
    assert figure.get_suptitle() == r"a\$b.wav: parts that support “happy”"
    assert along.get_xlim() == (0, 2)


@pytest.mark.parametrize("heat", [np.zeros((12, 1)), -np.ones((16, 40)), np.eye(12)])
@pytest.mark.parametrize("method", ["occlusion", "gradients"])
def test_any_explanation_is_drawn_over_its_time(tmp_path: Path, heat: np.ndarray, method: str):
    figure = draw_explanation(made(heat, method, start=61.0), "x.wav")
    assert figure.axes[0].get_xlim() == figure.axes[2].get_xlim() == (61, 63)
    save(figure, tmp_path / "x.svg")
    assert ET.parse(tmp_path / "x.svg").getroot().tag.endswith("svg")
    assert "log-odds +1.50, of the background -2.00" in [text.get_text() for text in figure.axes[3].texts]


def test_occlusion_and_its_picture_need_no_torch():
    program = (
        "import sys; from audio_emotion import load_model, explain\n"
        "from audio_emotion.explanation.plot import draw_explanation\n"
        "draw_explanation(explain(load_model(device='cpu'), 'inference/samples/sad.wav'), 'sad.wav')\n"
        "print(*{'torch', 'librosa', 'scipy', 'matplotlib.pyplot'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.stdout.strip(), result.stderr) == ("", "")
