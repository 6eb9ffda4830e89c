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
    ways = {"a": 3.0, "b": -3.0, "c": 0.0, "d": 0.0}  # how far a speaker is from the training data
    pooled = np.eye(4, dtype=np.float32)[targets] * 2
    pooled += np.array([ways[speaker] for speaker in speakers], np.float32)[:, None] * [1, 0, 0, 0]
    mean = pooled[speakers == "c"].mean(axis=0)
    vectors = Vectors(pooled.astype(np.float32), np.arange(120), targets, speakers, mean, lambda z: z)
    record = study([vectors], LABELS)
    capsys.readouterr()
    assert (record["speakers"], record["recordings"]) == (4, 120)
    many = record["any emotion, 20 recordings"]
    assert many["none"] < 90 < many["shrinkage 5"]["uar"]
    few = record["one emotion, 5 recordings"]
    assert few["shrinkage 0"]["uar"] < few["shrinkage 20"]["uar"]
