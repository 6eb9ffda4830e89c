"""Which utterances an epoch reads."""

from collections import Counter

import numpy as np
import pytest

from audio_emotion.core.errors import UsageError
from audio_emotion.training import SamplingConfig
from audio_emotion.training.config import from_table
from audio_emotion.training.sampling import epoch_order, occurrences

# 6 neutral and 2 happy of one corpus, 80 neutral and 12 sad of another
CORPORA = ["small"] * 8 + ["large"] * 92
TARGETS = [0] * 6 + [1] * 2 + [0] * 80 + [2] * 12


def draw(seed: int = 0, **table: object) -> np.ndarray:
    return epoch_order(SamplingConfig(**table), CORPORA, TARGETS, np.random.default_rng(seed))


def counts(order: np.ndarray, of: list) -> dict:
    return dict(Counter(of[i] for i in order))


def test_without_a_balance_every_utterance_is_read_once():
    assert sorted(draw()) == list(range(100))
    assert len(set(draw(utterances=40))) == 40
    assert set(Counter(draw(utterances=250).tolist()).values()) == {2, 3}


def test_corpora_and_their_labels_are_read_alike():
    order = draw(balance="corpus-and-label")
    cells = list(zip(CORPORA, TARGETS, strict=True))
    assert counts(order, cells) == dict.fromkeys(cells, 25)
    times = Counter(order.tolist())
    assert {times[i] for i in range(6)} == {4, 5}, "no utterance of a cell is read more often than another, but once"
    assert counts(draw(balance="corpus", utterances=40), CORPORA) == {"small": 20, "large": 20}
    by_label = counts(draw(balance="label", utterances=60), TARGETS)
    assert by_label == {0: 20, 1: 20, 2: 20}


def test_the_power_lies_between_equal_corpora_and_their_sizes():
    assert counts(draw(balance="corpus", corpus_power=1.0), CORPORA) == {"small": 8, "large": 92}
    half = counts(draw(balance="corpus", corpus_power=0.5), CORPORA)["small"]
    assert half == pytest.approx(100 * 8**0.5 / (8**0.5 + 92**0.5), abs=1)
    with pytest.raises(UsageError, match=r"sampling\.corpus_power is given, and balance is label"):
        from_table({"sampling": {"balance": "label", "corpus_power": 0.5}})


def test_an_epoch_is_drawn_from_the_generator_alone():
    assert np.array_equal(draw(3, balance="corpus-and-label"), draw(3, balance="corpus-and-label"))
    assert not np.array_equal(draw(3, balance="corpus-and-label"), draw(4, balance="corpus-and-label"))


def test_occurrences_count_what_came_before():
    assert occurrences(np.array([4, 2, 4, 4, 0, 2])).tolist() == [0, 0, 1, 2, 0, 1]
