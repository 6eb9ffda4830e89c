from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_emotion.core.emotions import emotions
from audio_emotion.core.errors import UsageError
from audio_emotion.corpora.base import Corpus, Utterance
from audio_emotion.corpora.labels import LabelSet, label_set


def utterances(*labels: str) -> list[Utterance]:
    return [Utterance(Path(f"{i}.wav"), label, "x/1") for i, label in enumerate(labels)]


def test_the_eight_and_the_seven():
    assert label_set().labels == label_set("eight").labels == emotions()
    assert label_set("eight").apply(utterances(*emotions())) == (tuple(utterances(*emotions())), ())
    seven = label_set("seven")
    assert seven.labels == ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    kept, dropped = seven.apply(utterances(*emotions()))
    assert [u.label for u in kept] == ["neutral", "neutral", *emotions()[2:]]
    assert not dropped
    assert "calm is counted as neutral" in seven.description


def test_an_own_set():
    own = label_set("neutral+calm,angry + fearful")
    assert (own.name, own.labels, dict(own.joined)) == (
        "own",
        ("neutral", "angry"),
        {"calm": "neutral", "fearful": "angry"},
    )
    kept, dropped = own.apply(utterances("calm", "happy", "fearful"))
    assert [u.label for u in kept] == ["neutral", "angry"]
    assert dropped == (utterances("calm", "happy")[1],)


@given(st.lists(st.sampled_from(emotions()), max_size=30), st.permutations(emotions()), st.integers(2, 8))
def test_every_utterance_is_kept_or_dropped(labels, order, size):
    chosen = LabelSet("own", tuple(order[:size]))
    kept, dropped = chosen.apply(utterances(*labels))
    assert sorted([*kept, *dropped], key=lambda u: int(u.path.stem)) == utterances(*labels)
    assert {u.label for u in kept} <= set(chosen.labels)
    assert not {u.label for u in dropped} & set(chosen.labels)


def test_restrict_says_what_it_left_out_and_counts_on():
    published = {("x/1", "calm"): 8, ("x/1", "neutral"): 4, ("x/1", "happy"): 8}
    corpus = Corpus("x", tuple(utterances("calm", "neutral", "happy")), "unknown", (), published)
    restricted = label_set("neutral+calm,sad").restrict(corpus)
    assert [u.label for u in restricted.utterances] == ["neutral", "neutral"]
    assert [(f.path.name, f.reason) for f in restricted.left_out] == [("2.wav", "happy is not in the label set 'own'")]
    assert restricted.published == {("x/1", "neutral"): 12}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nine", "choose eight or seven"),
        ("happy,", "an empty label"),
        ("happy,happy", "happy twice"),
        ("happy+sad,sad", "sad twice"),
        (",", "an empty label"),
    ],
)
def test_wrong_sets(text: str, words: str):
    with pytest.raises(UsageError, match=words):
        label_set(text)


def test_a_set_cannot_contradict_itself():
    with pytest.raises(UsageError, match="at least 2"):
        LabelSet("own", ("happy",))
    with pytest.raises(UsageError, match="merges labels into sad, which it lacks"):
        LabelSet("own", ("happy", "angry"), {"calm": "sad"})
