from pathlib import Path

import pytest

from audio_emotion import load_model
from audio_emotion.evaluation.evaluate import evaluate_utterances
from audio_emotion.training.dataset import load_dataset
from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.realdata
def test_twenty_clips_a_label_beat_the_untouched_model(recordings: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    from fine_tune import draw

    material = load_dataset([f"emodb={recordings / 'emodb'}"], "seven")
    said = draw(material, evaluate_utterances(load_model(device="cpu"), material.corpus.utterances), seed=0)
    assert said["clips"] <= 20 * len(said["labels"].split(","))
    assert said["fine-tuned UAR"] > said["bundled UAR"]
