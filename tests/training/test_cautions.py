from pathlib import Path

from audio_emotion.core.emotions import emotions
from audio_emotion.corpora.base import Utterance
from audio_emotion.training import cautions


def utterances(speakers: str, **counts: int) -> list[Utterance]:
    """So many utterances of each label by each speaker."""
    return [Utterance(Path(), label, f"own/{s}") for label, n in counts.items() for s in speakers for _ in range(n)]


def test_enough_of_everything_needs_no_caution():
    assert list(cautions(utterances("ab", **dict.fromkeys(emotions()[:4], 5)))) == []


def test_few_emotions_raise_what_guessing_reaches():
    (said,) = cautions(utterances("ab", sad=10, happy=10))
    assert said.startswith("recordings of 2 emotion(s) alone (happy, sad): guessing has a UAR of 50 %")


def test_few_utterances_of_a_label_are_counted():
    (said,) = cautions(utterances("ab", sad=10, happy=10, angry=4, calm=1, neutral=5))
    assert said.startswith("fewer than 10 utterances of angry (8), calm (2): ")


def test_one_speaker_is_named():
    (said,) = cautions(utterances("a", **dict.fromkeys(emotions(), 10)))
    assert said == "one speaker alone (own/a): no figure of this run says anything of another voice"
