from pathlib import Path

import pytest

from audio_emotion import load_model
from audio_emotion.core import paths
from audio_emotion.evaluation.evaluate import evaluate_utterances
from audio_emotion.training.dataset import load_dataset
from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.realdata
def test_twenty_clips_a_label_beat_the_untouched_model(recordings: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    from fine_tune import draw

    dataset, base = load_dataset([f"emodb={recordings / 'emodb'}"], "seven"), paths.bundled_model_dir("open")
    before = evaluate_utterances(load_model("open", "cpu"), dataset.corpus.utterances)
    record = draw(dataset, base, before, seed=0)
    assert record["clips"] <= 20 * len(record["labels"].split(","))
    assert record["UAR fine-tuned"] > record["UAR before"]
