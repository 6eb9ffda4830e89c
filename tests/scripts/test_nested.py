"""Nested folds: who judges a recipe is neither who trains it nor who tests it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.splits import NAMED_FOLDS
from tests.conftest import ROOT

ACTORS = sorted(actor for fold in NAMED_FOLDS["emobox"][:5] for actor in fold)


@pytest.mark.parametrize("fold", range(1, 6))
def test_a_fold_is_judged_by_actors_of_the_next_one(fold: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    from nested import split

    utterances = [Utterance(Path(f"{actor}-{n}.wav"), "sad", f"ravdess/{actor}") for actor in ACTORS for n in range(2)]
    sides = split(fold, SimpleNamespace(corpus=SimpleNamespace(utterances=utterances)))
    own, judges = NAMED_FOLDS["emobox"][fold - 1], NAMED_FOLDS["emobox"][fold % 5]
    assert sides.speakers["test"] == sorted(f"ravdess/{actor}" for actor in judges)
    assert sides.speakers["train"] == [f"ravdess/{actor}" for actor in ACTORS if actor not in {*own, *judges}]
    assert not sides.validation
    assert not sides.speaker_dependent


def test_songs_train_and_judge_nobody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    from nested import is_song, split

    utterances = [
        Utterance(Path(f"03-{channel}-04-01-01-01-{actor}.wav"), "sad", f"ravdess/{actor}")
        for actor in ACTORS
        for channel in ("01", "02")
    ]
    sides = split(1, SimpleNamespace(corpus=SimpleNamespace(utterances=utterances)))
    assert sum(map(is_song, sides.train)) == len(sides.train) / 2 == 12
    assert len(sides.test) == 4
    assert not any(map(is_song, sides.test))
