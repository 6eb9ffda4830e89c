"""Pages with figures show the figures of the committed records."""

import re

import pytest

from scripts import readme_figures
from tests.conftest import ROOT


def test_the_model_card_matches_the_records(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    from model_card import render

    page = (ROOT / "docs" / "model-card.md").read_text("utf-8")
    assert page == render(), "run: python training/model_card.py"


def test_the_readme_and_the_pages_match_the_records():
    assert not readme_figures.outdated(), "run: python -m scripts.readme_figures"


def test_the_readme_has_no_figure_typed_by_hand():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert {"uar", "elsewhere", "weights"} <= set(re.findall(r"<!-- figure:([\w-]+) -->", readme))
    rest = re.sub(r"<!-- figure:.*?<!-- /figure -->", "", readme, flags=re.DOTALL)
    typed = re.findall(r"[\d.]+ (?:%|[kMG]B|thousand|million)", rest)
    assert typed == ["12.5 %"]  # guessing among eight emotions


def test_a_figure_is_replaced_between_its_comments_alone():
    text = "UAR <!-- figure:uar -->1 %<!-- /figure -->, before 1 %"
    assert readme_figures.fill(text, {"uar": "2 %"}) == "UAR <!-- figure:uar -->2 %<!-- /figure -->, before 1 %"
    with pytest.raises(KeyError, match="recall"):
        readme_figures.fill("<!-- figure:recall -->1 %<!-- /figure -->", {"uar": "2 %"})
