import sys
from xml.etree import ElementTree

import pytest

from audio_emotion.evaluation import plots
from audio_emotion.evaluation.plots import DARK, LIGHT
from tests.evaluations import evaluation

HISTORY = [{"number": n, "loss": 2 / n, "validation_uar": None if n == 1 else n / 10} for n in range(1, 6)]
DRAWINGS = {
    "confusion": lambda theme: plots.confusion_matrix(evaluation().confusion(), theme),
    "reliability": lambda theme: plots.reliability_diagram(evaluation().reliability(), theme),
    "training": lambda theme: plots.training_curves({"one": HISTORY}, theme),
    "training of several": lambda theme: plots.training_curves({"one": HISTORY, "two": HISTORY[:2]}, theme),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_plot_is_an_svg_of_its_own_in_the_colours_of_its_theme(name):
    for theme, other in ((LIGHT, DARK), (DARK, LIGHT)):
        drawing = DRAWINGS[name](theme)
        assert ElementTree.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg"
        assert theme.ink in drawing
        assert theme.muted in drawing
        assert other.muted not in drawing
        assert 'href="http' not in drawing
        assert drawing == DRAWINGS[name](theme)


def test_the_confusion_matrix_labels_rows_with_their_number_and_cells_with_their_share():
    # glyphs are drawn as paths; matplotlib names each text in a comment
    drawing = DRAWINGS["confusion"](LIGHT)
    for words in ("sad (4)", "calm (2)", "angry (2)", "no speech", "happy", "75", "25", "50"):
        assert f"<!-- {words} -->" in drawing
    assert "happy (" not in drawing


def test_a_history_without_a_validation_side_draws():
    history = [{**epoch, "validation_uar": None} for epoch in HISTORY]
    assert "<!-- validation UAR, % -->" in plots.training_curves({"": history}, LIGHT)


def test_plots_leave_pyplot_alone():
    for draw in DRAWINGS.values():
        draw(LIGHT)
    assert "matplotlib.pyplot" not in sys.modules
