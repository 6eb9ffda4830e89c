"""The pages that tell figures tell those of the records."""

import json
import re

import pytest

from tests.conftest import ROOT

RECORDS = ROOT / "training" / "records"


def test_the_page_is_what_the_records_say(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    from model_card import render

    page = (ROOT / "docs" / "model-card.md").read_text("utf-8")
    assert page == render(), "run: python training/model_card.py"


def test_the_readme_says_of_other_corpora_what_the_record_says():
    record = json.loads((RECORDS / "cross-corpus.json").read_text("utf-8"))
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"\| trained on RAVDESS, tested on (\w+) .*?\| (.*?) % \| (.*?) % \|", readme)
    assert {name.lower() for name, _, _ in rows} == {"tess", "emodb", "savee"}
    for name, uar, accuracy in rows:
        found = record[name.lower()]
        assert (uar, accuracy) == (f"{100 * found['uar']:.1f}", f"{100 * found['wa']:.1f}"), name


def test_the_readme_says_of_the_folds_what_the_bundled_model_says():
    figures = json.loads((RECORDS / "bundled.json").read_text("utf-8"))["figures"]
    readme = (ROOT / "README.md").read_text("utf-8")
    said = f"| {100 * figures['UAR']:.1f} % ({figures['UAR by seed']}) | {100 * figures['accuracy']:.1f} % |"
    assert said in readme
