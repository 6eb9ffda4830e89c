from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from audio_emotion.core.emotions import NO_SPEECH, UNKNOWN
from audio_emotion.core.types import Prediction
from audio_emotion.inference import smoothing


def said(*labels: str, score: float = 0.6) -> list[Prediction]:
    """Answers of a second each, over two labels."""
    rows = {"a": (score, 1 - score), "b": (1 - score, score), NO_SPEECH: (0.0, 0.0)}
    return [
        Prediction(
            i, i + 1, label, max(rows[label]), dict(zip("ab", rows[label], strict=True)), int(label != NO_SPEECH)
        )
        for i, label in enumerate(labels)
    ]


def through(answers: list[Prediction], **settings: object) -> list[Prediction]:
    stages = smoothing.stages(**settings)  # type: ignore[arg-type]
    one_by_one = [out for answer in answers for out in smoothing.run_stages(stages, [answer])]
    return one_by_one + smoothing.run_stages(stages, [], last=True)


def test_merge() -> None:
    merged = through(said("a", "a", NO_SPEECH, NO_SPEECH, "a", "b"), merge=True)
    assert [(one.label, one.start, one.end, one.n_windows) for one in merged] == [
        ("a", 0, 2, 2),
        (NO_SPEECH, 2, 4, 0),
        ("a", 4, 5, 1),
        ("b", 5, 6, 1),
    ]
    one, other = said("a", score=0.9)[0], replace(said("a", score=0.6)[0], start=1, end=4)
    (joined,) = through([one, other], merge=True)
    assert joined.score == pytest.approx((0.9 + 3 * 0.6) / 4)
    assert joined.scores == pytest.approx({"a": 0.675, "b": 0.325})


def test_min_duration_leaves_short_segments_out() -> None:
    found = through(said("a", "a", "b", "a", "a", "a"), min_duration_s=2)
    assert [(one.label, one.start, one.end) for one in found] == [("a", 0, 2), ("a", 3, 6)]


def test_min_confidence() -> None:
    answers = [*said("a", score=0.6), *said("b", score=0.8), *said(NO_SPEECH)]
    found = through(answers, min_confidence=0.7)
    assert [one.label for one in found] == [UNKNOWN, "b", NO_SPEECH]
    assert found[0].score == 0.6
    assert found[0].scores == answers[0].scores


def test_median_takes_single_windows_out() -> None:
    assert [one.label for one in through(said(*"aabaabbbb"), smooth="median")] == list("aaaabbbbb")
    found = through(said(*"aab"), smooth="median")
    assert found[0].scores == pytest.approx({"a": 0.6, "b": 0.4})


def test_smoothing_stops_at_pauses() -> None:
    for smooth in ("median", "viterbi"):
        labels = ["a", "a", NO_SPEECH, "b", NO_SPEECH, "a"]
        assert [one.label for one in through(said(*labels), smooth=smooth)] == labels


def likeliest(answers: list[Prediction]) -> list[str]:
    """The likeliest of all sequences of two labels, by trying each."""
    emitted = np.log([list(one.scores.values()) for one in answers])

    def value(path: tuple[int, ...]) -> float:
        moves = sum(np.log(0.9 if one == other else 0.1) for one, other in pairwise(path))
        return float(moves + sum(emitted[i, label] for i, label in enumerate(path)))

    best = max(np.ndindex(*(2,) * len(answers)), key=value)
    return ["ab"[label] for label in best]


@pytest.mark.parametrize("seed", range(5))
def test_viterbi_finds_the_likeliest_sequence(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.uniform(0.02, 0.98, 12)
    answers = [replace(one, scores={"a": p, "b": 1 - p}) for one, p in zip(said(*"a" * 12), shares, strict=True)]
    found = through(answers, smooth="viterbi")
    assert [one.label for one in found] == likeliest(answers)
    assert [one.scores for one in found] == [one.scores for one in answers]
    assert all(one.score == one.scores[one.label] for one in found)


def test_viterbi_holds_few_windows_back() -> None:
    stage = smoothing.Viterbi()
    given_back = [len(stage.push(one)) for one in said(*"ab" * 500)]
    assert sum(given_back) == 1000 - 64
    assert len(stage.flush()) == 64
