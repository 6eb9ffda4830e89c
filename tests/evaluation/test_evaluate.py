from collections import Counter
from math import log
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora.base import Utterance
from audio_emotion.evaluation.evaluate import (
    UNREADABLE,
    ConfusedPair,
    Evaluation,
    Group,
    Summary,
    evaluate_utterances,
    fit_temperature,
    pool,
    summarise,
)
from tests.evaluations import LABELS, clip, evaluation, model


def test_scores():
    # each answer among the labels has 0.7, five of seven are right; the eighth is a wrong answer at 1/4
    scores = evaluation().scores()
    assert scores["uar"] == pytest.approx(7 / 12)
    assert scores["wa"] == pytest.approx(5 / 8)
    assert scores["macro_f1"] == pytest.approx(13 / 21)
    assert scores["weighted_f1"] == pytest.approx(38 / 56)
    assert scores["ece"] == pytest.approx(7 / 8 * abs(5 / 7 - 0.7) + 1 / 8 * 0.25)
    assert scores["nll"] == pytest.approx(-(5 * log(0.7) + 2 * log(0.1) + log(0.25)) / 8)
    right, wrong, unsure = 0.3**2 + 3 * 0.1**2, 0.7**2 + 0.9**2 + 2 * 0.1**2, 0.75**2 + 3 * 0.25**2
    assert scores["brier"] == pytest.approx((5 * right + 2 * wrong + unsure) / 8)


def test_labels_that_occur_and_answers_that_are_none():
    assert evaluation().occurring == ("sad", "calm", "angry")
    assert evaluation().absent == ("happy",)
    assert evaluation().unanswered == {NO_SPEECH: 1}


def test_an_answer_outside_the_labels_is_never_right_however_the_scores_lie():
    u = Utterance(Path("a.wav"), "sad", "own/1")
    nothing = Evaluation(LABELS, (u,), (NO_SPEECH,), np.full((1, 4), 0.25))  # its first label would be sad
    assert nothing.scores()["uar"] == 0
    assert nothing.scores()["ece"] == pytest.approx(0.25)


def test_answers_among_some_labels_alone():
    # the fourth is heard as calm, which may not be said: sad, 0.1, is first of the equal rest; no speech stays
    assert evaluation().among(("sad", "angry"))[3:5] == ("sad", "sad")
    assert evaluation().among(("sad", "angry"))[5:] == ("angry", "angry", NO_SPEECH)


def test_by_group():
    # own/1: sad sad calm angry, all right; own/2: sad half, calm and angry wrong
    assert evaluation().by("speaker") == (
        Group("own/1", 4, 1.0, 1.0),
        Group("own/2", 4, pytest.approx(0.5 / 3), 0.25),
    )
    assert [group.name for group in evaluation().by("sex")] == ["female", "male"]


def test_by_an_attribute_that_is_not_stated():
    assert evaluation().by("intensity") == ()


def test_confused_pairs_come_with_their_files_and_without_the_unanswered():
    assert evaluation().confused() == (
        ConfusedPair("sad", "calm", 1, 0.25, (Path("clips/3.wav"),)),
        ConfusedPair("calm", "angry", 1, 0.5, (Path("clips/5.wav"),)),
    )


def test_the_most_confused_pair_comes_first():
    answers = ("sad", "sad", "sad", "calm", "angry", "angry", "angry", NO_SPEECH)
    assert [(p.target, p.answer, p.count) for p in evaluation(answers=answers).confused()] == [
        ("calm", "angry", 2),
        ("sad", "calm", 1),
    ]


def test_table_names_the_labels_that_occur():
    table = evaluation().table()
    assert "angry" in table
    assert "happy" not in table


def test_as_dict_comes_back():
    before = evaluation(left_out={"bored": 2}, problems=("x: broken",))
    after = Evaluation.from_dict(before.as_dict())
    assert after.as_dict() == before.as_dict()
    assert after.utterances == before.utterances
    assert after.scores() == before.scores()
    assert (after.left_out, after.problems) == ({"bored": 2}, ("x: broken",))


def test_evaluate_utterances(tmp_path):
    told = [("sad", "sad"), ("calm", "angry"), ("angry", None), ("bored", "sad"), ("happy", "happy")]
    utterances = [
        Utterance(clip(tmp_path / f"{i}.wav", heard), label, f"own/{i}") for i, (label, heard) in enumerate(told)
    ]
    (tmp_path / "broken.wav").write_bytes(b"no sound at all")
    utterances.insert(1, Utterance(tmp_path / "broken.wav", "calm", "own/9"))
    steps = Counter[str]()
    found = evaluate_utterances(model(), utterances, lambda: steps.update(["step"]))
    assert found.targets == ("sad", "calm", "calm", "angry", "happy")
    assert found.answers == ("sad", UNREADABLE, "angry", NO_SPEECH, "happy")
    assert [u.speaker for u in found.utterances] == ["own/0", "own/9", "own/1", "own/2", "own/4"]
    assert found.left_out == {"bored": 1}
    assert len(found.problems) == 1
    assert "broken.wav" in found.problems[0]
    assert steps["step"] == len(utterances)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(found.probabilities[[1, 3]], 0.25)
    assert found.probabilities[0].argmax() == LABELS.index("sad")


def test_evaluate_answers_as_predict_does(tmp_path):
    path = clip(tmp_path / "a.wav", "angry")
    said = model().predict(path)
    found = evaluate_utterances(model(), [Utterance(path, "sad", "own/1")])
    assert found.answers == (said.label,)
    assert found.probabilities[0].tolist() == list(said.scores.values())


@pytest.mark.parametrize("labels", [(), ("bored", "tired")])
def test_nothing_to_test_on(tmp_path, labels):
    utterances = [Utterance(tmp_path / "a.wav", label, "own/1") for label in labels]
    with pytest.raises(
        CorpusError, match=r"nothing to test: the model has the labels sad, calm, angry, happy.*"
    ) as error:
        evaluate_utterances(model(), utterances)
    assert all(label in str(error.value) for label in labels)


def test_pool_counts_every_utterance():
    other = evaluation(Path("more"), left_out={"bored": 2})
    both = pool([evaluation(left_out={"bored": 1, "tired": 1}), other])
    assert len(both.utterances) == len(both.answers) == len(both.probabilities) == 16
    assert both.left_out == {"bored": 3, "tired": 1}
    assert both.uar == pytest.approx(7 / 12)


def test_pool_refuses_different_labels():
    with pytest.raises(ValueError, match="2 sets of labels"):
        pool([evaluation(), evaluation(labels=("sad", "calm", "angry", "tired"))])


def test_summarise_gives_mean_and_sample_deviation():
    perfect = evaluation(answers=evaluation().targets)
    summary = summarise([evaluation(), perfect])
    assert summary["wa"].mean == pytest.approx((5 / 8 + 1) / 2)
    assert summary["wa"].sd == pytest.approx((1 - 5 / 8) / 2**0.5)
    assert set(summary) == set(evaluation().scores())


def test_summary_of_one_run_has_no_deviation():
    assert summarise([evaluation()])["wa"] == Summary(5 / 8, None)


def test_fit_temperature_finds_what_the_logits_were_multiplied_by():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4))
    odds = np.exp(logits)
    targets = [int(rng.choice(4, p=row / row.sum())) for row in odds]
    assert fit_temperature((3 * logits).astype(np.float32), targets) == pytest.approx(3, rel=0.15)


def test_figures_by_corpus_go_by_the_labels_that_each_corpus_has():
    labels = ("neutral", "calm", "happy", "surprised")
    cases = [  # corpus and speaker, target, then the model's probabilities of the four labels
        ("ravdess/01", "neutral", (0.6, 0.2, 0.1, 0.1)),
        ("ravdess/02", "calm", (0.6, 0.2, 0.1, 0.1)),
        ("crema-d/1001", "neutral", (0.2, 0.6, 0.1, 0.1)),  # calm, which CREMA-D counts as neutral
        ("crema-d/1001", "happy", (0.1, 0.1, 0.3, 0.5)),  # surprised, which CREMA-D does not have
        ("crema-d/1002", "happy", (0.1, 0.3, 0.2, 0.4)),  # and then calm, and so neutral
        ("ravdess/01", "happy", (0.1, 0.1, 0.7, 0.1)),
    ]
    probabilities = np.array([row for _, _, row in cases])
    utterances = tuple(Utterance(Path(f"{i}"), target, who) for i, (who, target, _) in enumerate(cases))
    answers = tuple(labels[i] for i in probabilities.argmax(axis=1))
    crema_d, ravdess = Evaluation(labels, utterances, answers, probabilities).by_corpus(np.random.default_rng(0))
    assert (crema_d.name, crema_d.labels, crema_d.n_utterances, crema_d.n_speakers) == (
        *("crema-d", ("neutral", "happy"), 3, 2),
    )
    assert (crema_d.uar_own_labels, crema_d.uar, crema_d.wa) == pytest.approx((0.75, 0.5, 1 / 3))
    assert crema_d.intervals is not None
    assert crema_d.intervals.n_speakers == 2
    assert ravdess.labels == labels
    assert (ravdess.uar_own_labels, ravdess.uar, ravdess.wa) == pytest.approx((2 / 3, 2 / 3, 2 / 3))


def test_fit_temperature_counts_both_labels_where_either_is_right():
    logits = np.array([[4.0, 3.9, -5.0], [3.9, 4.0, -5.0]] * 20, np.float32)
    targets = [0] * 40
    assert fit_temperature(logits, targets, dict.fromkeys(range(40), 1)) < 0.5 * fit_temperature(logits, targets)
