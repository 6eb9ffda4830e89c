"""Features are computed once, for whoever trains on them."""

from pathlib import Path

import numpy as np
import pytest

from audio_emotion.core.types import FloatArray, IntArray
from audio_emotion.corpora.base import silent
from audio_emotion.training.feature_store import FeatureStore


class Computer:
    """Makes features that tell which version and utterance they are of."""

    def __init__(self) -> None:
        self.n_computed = 0

    def __call__(self, version: int, numbers: IntArray) -> FloatArray:
        self.n_computed += len(numbers)
        return np.stack([np.full((2, 3), 10 * version + n, np.float32) for n in numbers])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIO_EMOTION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def complete(settings: object, ids: list[str]) -> tuple[FeatureStore, Computer]:
    store, compute = FeatureStore(settings, ids, 2), Computer()
    store.complete(compute, silent)
    return store, compute


def test_each_version_of_each_utterance_is_read_back():
    store, compute = complete({"hop": 160}, [f"clip {n}" for n in range(40)])
    assert compute.n_computed == 80
    assert store.read(0, 3).tolist() == [[3] * 3] * 2
    assert store.read(1, 39).tolist() == [[49] * 3] * 2
    assert store.read(1, 39).dtype == np.float32


def test_another_run_computes_only_what_is_missing():
    complete("settings", ["a", "b"])
    store, compute = complete("settings", ["c", "b", "a"])
    assert compute.n_computed == 2
    assert store.read(0, 2)[0, 0] == 0  # of "a", which was number 0 in the first run


def test_other_settings_have_features_of_their_own():
    complete("settings", ["a"])
    _, compute = complete("other settings", ["a"])
    assert compute.n_computed == 2


def test_where_nothing_can_be_written_they_stay_in_memory(cache: Path):
    cache.write_text("a file, not a folder")
    store, _ = complete("settings", ["a"])
    assert store.read(1, 0)[0, 0] == 10
