from pathlib import Path

from audio_emotion.core.emotions import emotions
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.coverage import coverage


def test_a_published_corpus_has_its_labels_even_where_few_occur():
    utterances = [
        Utterance(Path("a"), "sad", "ravdess/01"),
        Utterance(Path("b"), "sad", "crema-d/1001"),
        Utterance(Path("c"), "sad", "mine/anna"),
        Utterance(Path("d"), "sad", "ravdess/01", {"channel": "song"}),
    ]
    known = coverage(utterances, emotions())
    assert known.by_corpus["ravdess"] == emotions()
    assert known.by_corpus["ravdess-song"] == ("neutral", "calm", "happy", "sad", "angry", "fearful")
    assert known.by_corpus["crema-d"] == ("neutral", "happy", "sad", "angry", "fearful", "disgust")
    assert known.by_corpus["mine"] == ("sad",)
    assert [known.as_in_corpus("calm", corpus) for corpus in known.by_corpus] == ["neutral", "calm", "calm", "calm"]
