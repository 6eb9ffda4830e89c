import json

import numpy as np
import pytest

from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora.base import Utterance
from audio_emotion.evaluation import report as er
from audio_emotion.evaluation.evaluate import summarise
from audio_emotion.evaluation.report import Report
from tests.evaluations import TRAINED_ON_OTHERS, config, evaluation


def report(
    source: str = "clips", seed: int = 0, training: dict[str, object] = TRAINED_ON_OTHERS, **changes: object
) -> Report:
    return Report.of(source, config(**training), evaluation(**changes), seed)


def heard(train: list[str], validation: list[str], split: str = "speaker") -> dict[str, object]:
    return {"split": split, "speakers": {"train": train, "validation": validation, "test": ["own/1"]}}


def test_a_model_that_has_heard_nobody_tested():
    assert report().protocol == "speaker-independent"
    assert report().shared_speakers == {"train": [], "validation": []}
    assert not any("speaker-independent" in caution for caution in report().warnings)


def test_training_speakers_in_the_test_set_are_named_first_in_every_format():
    leaking = report(training=heard(["own/1", "own/7"], []))
    assert leaking.protocol == "not speaker-independent"
    assert leaking.shared_speakers == {"train": ["own/1"], "validation": []}
    caution = (
        "The model was trained on 1 of the 2 speakers tested here (own/1): these figures are not speaker-independent."
    )
    assert leaking.warnings[0] == caution
    assert er.text([leaking]).startswith(f"CAUTION: {caution}\n")
    content = json.loads(er.to_json([leaking]))
    assert content["cautions"][0] == content["sets"][0]["cautions"][0] == caution
    assert content["sets"][0]["protocol"] == "not speaker-independent"
    assert content["sets"][0]["shared_speakers"]["train"] == ["own/1"]


def test_speakers_who_chose_the_epoch_count_as_heard():
    leaking = report(training=heard([], ["own/2", "own/1"]))
    assert leaking.protocol == "not speaker-independent"
    assert "epoch and temperature chosen on 2 of the 2 speakers tested here (own/1, own/2)" in leaking.warnings[0]


def test_a_speaker_dependent_model_is_called_so():
    dependent = report(training=heard(["own/8"], [], split="random"))
    assert dependent.model.speaker_dependent
    assert any("random split, which is speaker-dependent" in caution for caution in dependent.warnings)
    assert "split random (speaker-dependent)" in er.text([dependent])
    assert "split speaker (speaker-independent)" in er.text([report()])


def test_a_model_that_records_no_speakers():
    unknown = report(training={})
    assert unknown.protocol == "unknown whether speaker-independent"
    assert any("may have been trained on these speakers" in caution for caution in unknown.warnings)


def test_labels_and_answers_that_do_not_match_are_said():
    cautions = " ".join(report(left_out={"bored": 3, "tired": 1}).warnings)
    assert "4 utterances left out, with labels that the model does not have: bored (3), tired (1)." in cautions
    assert "No utterance is happy: means over labels go over the other 3" in cautions
    assert "none of the labels, which counts as wrong: no speech (1)." in cautions


def test_one_speaker_alone():
    whole = evaluation()
    alone = tuple(Utterance(u.path, u.label, "own/1") for u in whole.utterances)
    single = report(utterances=alone)
    assert single.intervals is None
    assert any("Only one speaker was tested" in caution for caution in single.warnings)
    assert json.loads(er.to_json([single]))["sets"][0]["intervals"] is None
    assert "8 utterances of 1 speaker," in er.text([single])


def test_an_interval_without_width_says_why():
    guessing = report(answers=("sad",) * 8)
    assert guessing.interval("uar") == "33.3 to 33.3 (no width: every answer is sad)"
    assert any(caution.startswith("Every prediction is sad: the figures") for caution in guessing.warnings)
    assert "33.3 to 33.3 (no width: every answer is sad)" in er.text([guessing])
    perfect = report(answers=report().evaluation.targets)
    assert perfect.interval("uar") == "100.0 to 100.0 (no width: every speaker came out alike)"
    assert report().interval("wa") == "25.0 to 100.0"
    assert not [caution for told in (perfect, report()) for caution in told.warnings if "Every answer" in caution]
    one_label = evaluation().utterances[:4]
    alone = evaluation(utterances=one_label, answers=("sad",) * 4, probabilities=evaluation().probabilities[:4])
    assert alone.only_answer is None, "where all are sad, that is as it should be"


def test_text():
    text = er.text([report()])
    assert "Test set: clips\n          8 utterances of 2 speakers, speaker-independent\n" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["WA", "62.5", "%", "25.0", "to", "100.0"] in lines
    assert ["sad", "100.0", "75.0", "85.7", "4"] in lines
    assert ["own/2", "16.7", "25.0", "4"] in lines
    assert ["calm", "taken", "for", "angry", "1", "50.0"] in lines
    assert "By sex" in text
    assert "By intensity" not in text


def test_several_sets_each_have_their_cautions_and_a_row():
    text = er.text([report("first"), report("second", training={})], summarise([evaluation(), evaluation()]))
    assert "CAUTION: second: The model does not record" in text
    assert "first: The model does not record" not in text
    overview = text[text.index("Test sets") :].splitlines()
    assert [line.split()[0] for line in overview[2:4]] == ["first", "second"]
    assert any(line.split() == ["WA", "62.5", "%", "0.0", "%"] for line in overview)


def test_json_comes_back_as_it_was():
    reports = [report("first", left_out={"bored": 2}), report("second", training={}, problems=("x: broken",))]
    document = er.to_json(reports, summarise([r.evaluation for r in reports]))
    again, summary = er.from_json(document)
    assert er.to_json(again, summary) == document


def test_json_keys_are_those_described():
    (found,) = json.loads(er.to_json([report()]))["sets"]
    described = er.__doc__ or ""
    for content in (found, found["model"], found["figures"], found["evaluation"], found["evaluation"]["utterances"][0]):
        for key in content:
            assert f"``{key}``" in described, key


def test_the_intervals_are_drawn_with_the_seed():
    each_their_own = tuple(Utterance(u.path, u.label, f"own/{i}") for i, u in enumerate(evaluation().utterances))
    drawn = [report(seed=seed, utterances=each_their_own) for seed in range(5)]
    for seed, found in enumerate(drawn):
        assert found.intervals == found.evaluation.intervals(np.random.default_rng(seed))
    assert len({found.intervals for found in drawn}) > 1


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"schema": "another"}', '{"schema": 1, "sets": []}'])
def test_from_json_refuses_another_document(document):
    with pytest.raises(CorpusError, match="not an evaluation that this program wrote"):
        er.from_json(document)


def test_figures_by_corpus_stand_in_text_and_json():
    made = report()
    by_corpus = json.loads(er.to_json([made]))["sets"][0]["figures"]["by_corpus"]
    assert [(c["name"], c["labels"], c["n_utterances"], c["n_speakers"]) for c in by_corpus] == [
        ("own", ["sad", "calm", "angry"], 8, 2)
    ]
    assert by_corpus[0]["uar"] == pytest.approx(made.evaluation.uar)
    assert "By corpus" in er.text([made]), "the corpus lacks a label of the model"
    whole = report(labels=("sad", "calm", "angry"), probabilities=np.full((8, 3), 1 / 3))
    assert "By corpus" not in er.text([whole]), "it would repeat the figures"
