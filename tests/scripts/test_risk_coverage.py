"""The study of which --min-confidence to choose."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    import risk_coverage

    return risk_coverage


def test_coverage_and_risk_at_a_threshold(script):
    best, correct = np.array([0.9, 0.8, 0.6, 0.4]), np.array([True, True, False, False])
    coverage, risk = script.curve(best, correct, [0.0, 0.5, 0.7, 0.95])
    assert coverage.tolist() == [1.0, 0.75, 0.5, 0.0]
    assert risk.tolist() == pytest.approx([0.5, 1 / 3, 0.0, 0.0])


def test_the_threshold_for_a_risk_is_the_lowest_that_keeps_it(script):
    best = np.linspace(0.305, 0.995, 700)
    correct = np.random.default_rng(0).random(700) < best
    record = script.study({"one": (best, correct), "other": (best, correct)})
    chosen = record["choose"]
    assert chosen["0.4"] == {"min confidence": 0.0, "coverage": 1.0}
    for accepted in (0.3, 0.2, 0.1):
        threshold = chosen[str(accepted)]["min confidence"]
        _, risk = script.curve(best, correct, [threshold, threshold - 0.01])
        assert risk[0] <= accepted < risk[1]
    assert record["risk"][0] == pytest.approx(1 - correct.mean(), abs=1e-3)
    assert "| 30% | 0." in script.table(record)


def test_calm_is_neutral_in_a_corpus_without_calm(script, tmp_path: Path):
    def write(name: str, label: str) -> Path:
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows(
                [["file", "label", "neutral", "calm"], ["a", "neutral", -2, -0.1], ["b", label, -2, -0.1]]
            )
        return tmp_path / name

    best, correct = script.read(write("without.csv", "sad"))
    assert best == pytest.approx(np.exp([-0.1, -0.1]))
    assert correct.tolist() == [True, False]
    assert script.read(write("with.csv", "calm"))[1].tolist() == [False, True]
