from math import log

import numpy as np
import pytest

from audio_emotion.evaluation import metrics
from tests.evaluations import ANSWERS, LABELS, SPEAKERS, TARGETS


def test_uar_is_the_mean_recall_of_the_labels_that_occur():
    # sad 3 of 4, calm 1 of 2, angry 1 of 2; nobody is happy
    assert metrics.uar(TARGETS, ANSWERS) == pytest.approx((3 / 4 + 1 / 2 + 1 / 2) / 3)
    assert metrics.uar([0, 0, 0, 1], [0, 0, 0, -1]) == pytest.approx(1 / 2)


def test_accuracy_is_the_share_of_right_answers():
    assert metrics.accuracy(TARGETS, ANSWERS) == pytest.approx(5 / 8)


def test_f1_goes_over_the_labels_that_occur():
    # precision: sad 3 of 3, calm 1 of 2, angry 1 of 2; so F1: sad 6/7, calm 1/2, angry 1/2
    assert metrics.f1(TARGETS, ANSWERS, "macro") == pytest.approx((6 / 7 + 1 / 2 + 1 / 2) / 3)
    assert metrics.f1(TARGETS, ANSWERS, "weighted") == pytest.approx((4 * 6 / 7 + 2 / 2 + 2 / 2) / 8)


def test_f1_is_not_lowered_by_a_label_that_does_not_occur():
    assert metrics.f1(["sad", "sad"], ["sad", "happy"], "macro") == pytest.approx(2 / 3)  # not halved


def test_per_class():
    sad, calm = metrics.per_class(TARGETS, ANSWERS, ("sad", "calm"))
    assert (sad.label, sad.precision, sad.recall, sad.support) == ("sad", 1.0, 0.75, 4)
    assert sad.f1 == pytest.approx(6 / 7)
    assert calm == metrics.ClassFigures("calm", 0.5, 0.5, 0.5, 2)


def test_per_class_of_a_label_that_was_never_answered():
    (calm,) = metrics.per_class(["calm"], ["sad"], ("calm",))
    assert calm == metrics.ClassFigures("calm", 0.0, 0.0, 0.0, 1)


def test_confusion_has_rows_that_occur_and_columns_for_every_answer():
    confusion = metrics.confusion(TARGETS, ANSWERS, LABELS)
    assert confusion.targets == ("sad", "calm", "angry")
    assert confusion.answers == ("sad", "calm", "angry", "happy", "no speech")
    assert confusion.counts == ((3, 1, 0, 0, 0), (0, 1, 1, 0, 0), (0, 0, 1, 0, 1))


def test_reliability_and_calibration_error():
    # 0.55 and 0.6 fall into bin 9 of 15, (0.533, 0.6], the edge included; 0.95 twice into the last
    bins = metrics.reliability(np.array([0.95, 0.95, 0.55, 0.6]), np.array([True, False, True, False]))
    assert len(bins) == 15
    assert {number: b.count for number, b in enumerate(bins) if b.count} == {8: 2, 14: 2}
    assert (bins[8].lower, bins[8].upper) == (pytest.approx(8 / 15), pytest.approx(9 / 15))
    assert (bins[8].mean_score, bins[8].accuracy) == (pytest.approx(0.575), 0.5)
    assert (bins[0].mean_score, bins[0].accuracy) == (None, None)
    assert metrics.calibration_error(bins) == pytest.approx(0.5 * 0.075 + 0.5 * 0.45)


def test_scores_at_both_ends_have_a_bin():
    bins = metrics.reliability(np.array([0.0, 1.0]), np.array([False, True]))
    assert (bins[0].count, bins[-1].count) == (1, 1)
    assert metrics.calibration_error(bins) == 0


def test_negative_log_likelihood_goes_by_column():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    assert metrics.negative_log_likelihood(probabilities, [0, 1]) == pytest.approx(-(log(0.8) + log(0.6)) / 2)
    assert metrics.negative_log_likelihood(probabilities, [0, 0]) == pytest.approx(-(log(0.8) + log(0.4)) / 2)


def test_brier_is_summed_over_labels():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    assert metrics.brier(probabilities, [0, 1]) == pytest.approx((2 * 0.2**2 + 2 * 0.4**2) / 2)
    assert metrics.brier(np.array([[1.0, 0.0, 0.0]]), [2]) == pytest.approx(2)


def test_intervals_of_two_opposite_speakers():
    # drawn: both times the one (1/4), both times the other (1/4), each once: UAR and WA 1, 0 and 1/2
    intervals = metrics.speaker_intervals(["sad"] * 4, ["sad", "sad", "calm", "calm"], "AABB", np.random.default_rng(0))
    assert intervals == metrics.Intervals((0.0, 1.0), (0.0, 1.0), 2)


def test_intervals_agree_with_drawing_the_utterances_themselves():
    rng = np.random.default_rng(1)
    labels = np.array(["sad", "calm", "angry"])
    targets, speakers = labels[rng.integers(3, size=120)], rng.integers(6, size=120).astype(str)
    targets[speakers == "5"] = "happy"  # a label of one speaker alone, absent from some draws
    answers = np.where(rng.random(120) < 0.6, targets, "sad")
    intervals = metrics.speaker_intervals(list(targets), list(answers), list(speakers), np.random.default_rng(7))
    uars, accuracies = [], []
    for times in np.random.default_rng(7).multinomial(6, np.full(6, 1 / 6), size=metrics.RESAMPLES):
        drawn = np.concatenate([np.flatnonzero(speakers == s) for s in "012345" for _ in range(times[int(s)])])
        right = targets[drawn] == answers[drawn]
        uars.append(np.mean([right[targets[drawn] == label].mean() for label in set(targets[drawn])]))
        accuracies.append(right.mean())
    assert intervals is not None
    assert intervals.uar == pytest.approx(np.percentile(uars, [2.5, 97.5]))
    assert intervals.wa == pytest.approx(np.percentile(accuracies, [2.5, 97.5]))


def test_intervals_repeat_with_the_seed_and_hold_the_figure():
    first, again, other = (
        metrics.speaker_intervals(TARGETS, ANSWERS, SPEAKERS, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert first == again
    assert first is not None
    assert other is not None
    assert first.wa[0] <= 5 / 8 <= first.wa[1]


def test_one_speaker_has_no_interval():
    assert metrics.speaker_intervals(["sad"], ["sad"], ["own/1"], np.random.default_rng(0)) is None
