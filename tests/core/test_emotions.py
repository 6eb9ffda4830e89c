import pytest

from audio_emotion.core.emotions import corpus_codes, emotion, emotions, is_outside


def test_the_eight_are_in_ravdess_order():
    assert emotions() == ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    assert list(corpus_codes("ravdess").values()) == list(emotions())
    assert list(corpus_codes("ravdess")) == [f"{i:02}" for i in range(1, 9)]


@pytest.mark.parametrize("corpus", ["ravdess", "crema-d", "savee", "tess", "emodb", "named"])
def test_every_code_names_an_emotion_that_is_known(corpus: str):
    for label in corpus_codes(corpus).values():
        assert label in emotions() or is_outside(label)


def test_other_names_and_what_is_outside():
    assert [emotion(word) for word in ("Happy", " ANGER ", "fear", "pleasant surprise")] == [
        "happy",
        "angry",
        "fearful",
        "surprised",
    ]
    assert emotion("boredom") is None
    assert is_outside("Boredom")
    assert emotion("angri") is None
    assert not is_outside("angri")
    assert not any(is_outside(label) for label in emotions())


def test_codes_cannot_be_altered_by_a_caller():
    corpus_codes("ravdess")["01"] = "x"
    assert corpus_codes("ravdess")["01"] == "neutral"
