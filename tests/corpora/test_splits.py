from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.splits import SIDES, SPLIT_NAMES, Split, split_utterances
from audio_emotion.errors import CorpusError, UsageError

LABELS = ("neutral", "happy", "sad")


def corpus(speakers: int, takes: int) -> list[Utterance]:
    return [
        Utterance(Path(f"{s:02}/{label}-{take}.wav"), label, f"ravdess/{s:02}")
        for s in range(1, speakers + 1)
        for label in LABELS
        for take in range(takes)
    ]


@given(
    name=st.sampled_from(SPLIT_NAMES),
    speakers=st.integers(3, 24),
    takes=st.integers(1, 4),
    seed=st.integers(0, 2**31),
    twins=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=5),
)
def test_no_split_shares_a_recording_and_only_a_random_one_shares_speakers(name, speakers, takes, seed, twins):
    utterances = corpus(speakers, takes)
    for a, b in twins:  # some recordings stand in the corpus twice, under one speaker
        i, j = a % len(utterances), b % len(utterances)
        if utterances[i].speaker == utterances[j].speaker:
            digest = utterances[i].recording
            utterances[i], utterances[j] = (replace(utterances[k], digest=digest) for k in (i, j))
    try:
        split = split_utterances(name, utterances, seed)
    except CorpusError:
        return
    sides = [getattr(split, side) for side in SIDES]
    assert sum(map(len, sides)) == len(utterances)
    for i, a in enumerate(sides):
        for b in sides[i + 1 :]:
            assert not {u.recording for u in a} & {u.recording for u in b}
            if name != "random":
                assert not {u.speaker for u in a} & {u.speaker for u in b}


def test_a_leaking_split_cannot_be_built():
    one, other = Utterance(Path("a"), "sad", "s1"), Utterance(Path("b"), "sad", "s1")
    with pytest.raises(CorpusError, match="speaker on two sides: s1"):
        Split("x", (one,), (), (other,))
    twin = Utterance(Path("c"), "sad", "s2", digest="same")
    with pytest.raises(CorpusError, match="recording on two sides: same"):
        Split("x", (twin,), (), (Utterance(Path("d"), "sad", "s3", digest="same"),), speaker_dependent=True)


def test_emobox_folds_test_their_actors_and_say_which_are_missing():
    split = split_utterances("emobox-5", corpus(24, 1), 0)
    assert split.speakers["test"] == ["ravdess/02", "ravdess/15", "ravdess/16", "ravdess/18"]
    assert split.protocol == "emobox-5, speaker-independent"
    with pytest.raises(CorpusError, match="ravdess/22"):
        split_utterances("emobox-6", corpus(20, 1), 0)


def test_random_is_called_speaker_dependent():
    split = split_utterances("random", corpus(5, 4), 0)
    assert split.protocol == "random, speaker-dependent"
    assert len(split.test) == pytest.approx(0.2 * 60, abs=2)


def test_too_few_speakers_and_unknown_names():
    with pytest.raises(CorpusError, match="at least 3"):
        split_utterances("speaker", corpus(2, 3), 0)
    with pytest.raises(UsageError, match="emobox-1"):
        split_utterances("fold", corpus(5, 1), 0)
