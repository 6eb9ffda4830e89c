"""The temperature of bundled models, and the study of which --min-confidence to choose."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.special import log_softmax

from audio_emotion.corpora.base import Utterance
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "training"))


@pytest.fixture
def script() -> ModuleType:
    import risk_coverage

    return risk_coverage


@pytest.fixture
def calibration() -> ModuleType:
    import calibration

    return calibration


def test_coverage_and_risk_at_a_threshold(script: ModuleType):
    best, correct = np.array([0.9, 0.8, 0.6, 0.4]), np.array([True, True, False, False])
    coverage, risk = script.curve(best, correct, [0.0, 0.5, 0.7, 0.95])
    assert coverage.tolist() == [1.0, 0.75, 0.5, 0.0]
    assert risk.tolist() == pytest.approx([0.5, 1 / 3, 0.0, 0.0])


def test_the_threshold_for_a_risk_is_the_lowest_that_keeps_it(script: ModuleType):
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


def test_logits_are_kept_by_corpus(calibration: ModuleType, tmp_path: Path):
    utterances = [Utterance(Path(f"{n}.wav"), "sad", f"{corpus}/1") for n, corpus in enumerate(("a", "b", "a"))]
    logits = np.array([[0.0, 2.0], [1.0, 0.0], [3.0, 3.0]])
    calibration.write(tmp_path / "made" / "folds.csv", utterances, ("neutral", "sad"), logits)
    stored = calibration.read(tmp_path / "made" / "folds.csv")
    assert {corpus: answers.logits.shape for corpus, answers in stored.items()} == {"a": (2, 2), "b": (1, 2)}
    assert stored["a"].labels == ("neutral", "sad")
    assert np.allclose(stored["a"].logits, log_softmax(logits[[0, 2]], axis=1), atol=6e-4)


def test_calm_is_neutral_in_a_corpus_without_calm(calibration: ModuleType):
    logits = np.log([[0.1, 0.9], [0.1, 0.9]])
    without = calibration.Answers(("neutral", "calm"), ("neutral", "sad"), logits)
    best, correct = without.scored(1.0)
    assert best == pytest.approx([0.9, 0.9])
    assert correct.tolist() == [True, False]
    neutral = calibration.Answers(("neutral", "calm"), ("neutral",), logits[:1])
    assert neutral.log_likelihood(1.0) == pytest.approx(0.0), "neutral or calm is certain"
    calm = calibration.Answers(("neutral", "calm"), ("calm", "neutral"), logits)
    assert calm.scored(1.0)[1].tolist() == [True, False]
    assert calm.log_likelihood(1.0) == pytest.approx(np.log([0.9, 0.1]).mean())


def test_the_temperature_makes_scores_the_share_of_right_answers(calibration: ModuleType):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4_000, 3))
    cumulative = np.exp(log_softmax(logits, axis=1)).cumsum(axis=1)
    targets = (rng.random((4_000, 1)) > cumulative).sum(axis=1)
    labels = ("happy", "sad", "angry")
    sharp = calibration.Answers(labels, tuple(labels[i] for i in targets), 3 * logits)
    assert calibration.fit([[sharp]]) == pytest.approx(3, rel=0.05)
    assert calibration.errors({"made": sharp}, 3.0)["made"] < 0.02
    assert calibration.errors({"made": sharp}, 1.0)["all"] > 0.1
    right = calibration.Answers(labels, sharp.targets, logits)
    between = calibration.fit([[sharp], [right]])
    assert 1.1 < between < 2.9, "two groups count alike"
    assert calibration.fit([[sharp], [right, right, right]]) == pytest.approx(between, rel=1e-3)
