"""The study of how many recordings adaptation needs, on made vectors."""

import numpy as np
import pytest

from tests.conftest import ROOT

LABELS = ("neutral", "calm", "happy", "sad")


def test_recordings_of_any_emotion_help_and_one_emotion_needs_shrinkage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    from adaptation import Vectors, study

    targets = np.tile([0, 2, 3], 40)
    speakers = np.repeat(["a", "b", "c", "d"], 30)
    clean = np.eye(4)[targets] * 2 + np.random.default_rng(0).normal(0, 0.3, (120, 4))
    ways = {"a": 3.0, "b": -3.0, "c": 0.0, "d": 0.0}  # how far a speaker is from the training data
    moved = clean + np.array([ways[speaker] for speaker in speakers])[:, None] * [1, 0, 0, 0]
    mean = clean.mean(axis=0).astype(np.float32)
    record, familiar = (
        study([Vectors(pooled.astype(np.float32), np.arange(120), targets, speakers, mean, lambda z: z)], LABELS)
        for pooled in (moved, clean)
    )
    capsys.readouterr()
    assert (record["speakers"], record["recordings"]) == (4, 120)
    many = record["any emotion, 20 recordings"]
    assert many["none"] < 80 < many["shrinkage 5"]["uar"]
    few = familiar["one emotion, 5 recordings"]  # of speakers who need no adaptation
    assert few["shrinkage 0"]["uar"] < few["shrinkage 20"]["uar"] <= few["none"]
