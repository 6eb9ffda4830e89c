from pathlib import Path

from audio_emotion.core.emotions import emotions
from audio_emotion.corpora.base import Utterance
from audio_emotion.training.cautions import data_warnings


def utterances(speakers: str, **counts: int) -> list[Utterance]:
    """So many utterances of each label by each speaker."""
    return [Utterance(Path(), label, f"own/{s}") for label, n in counts.items() for s in speakers for _ in range(n)]


def test_enough_of_everything_needs_no_caution():
    many = utterances("ab", **dict.fromkeys(emotions()[:4], 10))
    assert list(data_warnings(many, many)) == []


def test_few_emotions_raise_what_guessing_reaches():
    (warning,) = data_warnings(utterances("ab", sad=10, happy=10))
    assert warning.startswith("only 2 emotion(s) (happy, sad): guessing has a UAR of 50 %")


def test_few_utterances_of_a_label_are_counted():
    (warning,) = data_warnings(utterances("ab", sad=10, happy=10, angry=4, calm=1, neutral=5))
    assert warning.startswith("fewer than 10 utterances of angry (8), calm (2): ")


def test_one_speaker_is_named():
    (warning,) = data_warnings(utterances("a", **dict.fromkeys(emotions(), 10)))
    assert warning == "only one speaker (own/a): the figures of this run say nothing about other voices"


def test_a_small_test_side_is_counted():
    many = utterances("ab", **dict.fromkeys(emotions(), 10))
    few, one_voice = data_warnings(many, utterances("a", sad=4, happy=4))
    assert few.startswith("only 8 test utterance(s): each changes the accuracy by 12 points")
    assert one_voice.startswith("only one test speaker (own/a): the figures have no interval")
