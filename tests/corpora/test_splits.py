import hashlib
import json
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_emotion.core.errors import CorpusError, UsageError
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.splits import SIDES, Split, cross_corpus, folds, split_utterances

LABELS = ("neutral", "happy", "sad")
SETS = ("emobox", "luna-jimenez", "leave-one-speaker-out", "3-fold", "5-fold", "random-4-fold")
SINGLE = ("speaker", "random", "all", "emobox-2", "luna-jimenez-1", "leave-one-speaker-out-2", "4-fold-1")


def corpus(speakers: int, takes: int) -> list[Utterance]:
    return [
        Utterance(Path(f"{s:02}/{label}-{take}.wav"), label, f"ravdess/{s:02}")
        for s in range(1, speakers + 1)
        for label in LABELS
        for take in range(takes)
    ]


@st.composite
def corpora(draw) -> list[Utterance]:
    """Corpora in which some recordings stand twice, mostly under one speaker, as RAVDESS has one, sometimes not."""
    utterances = corpus(draw(st.integers(1, 24)), draw(st.integers(1, 4)))
    for _ in range(draw(st.integers(0, 4))):
        i, j = (draw(st.integers(0, len(utterances) - 1)) for _ in range(2))
        if utterances[i].speaker == utterances[j].speaker or draw(st.booleans()):
            digest = utterances[i].recording
            utterances[i], utterances[j] = (replace(utterances[k], digest=digest) for k in (i, j))
    return utterances


def assert_no_leak(split: Split, utterances: list[Utterance]) -> None:
    sides = [getattr(split, side) for side in SIDES]
    assert sum(map(len, sides)) == len(utterances)
    for i, a in enumerate(sides):
        for b in sides[i + 1 :]:
            assert not {u.recording for u in a} & {u.recording for u in b}
            if not split.name.startswith("random"):
                assert not {u.speaker for u in a} & {u.speaker for u in b}


@given(st.sampled_from(SINGLE), corpora(), st.integers(0, 2**31), st.booleans(), st.booleans())
def test_no_split_shares_a_recording_nor_a_speaker(name, utterances, seed, validate, allow_missing):
    try:
        split = split_utterances(name, utterances, seed, validate, allow_missing)
    except (CorpusError, UsageError):
        return
    assert_no_leak(split, utterances)
    assert validate or not split.validation


@given(st.sampled_from(SETS), corpora(), st.integers(0, 2**31), st.booleans())
def test_folds_share_nothing_and_test_everything_once(name, utterances, seed, validate):
    try:
        members = folds(name, utterances, seed, validate, allow_missing=True)
    except CorpusError:
        return
    for split in members:
        assert_no_leak(split, utterances)
    tested = [u for split in members for u in split.test]
    assert len(tested) == len({u.path for u in tested}) == len(utterances)


def test_a_leaking_split_cannot_be_built():
    one, other = Utterance(Path("a"), "sad", "s1"), Utterance(Path("b"), "sad", "s1")
    with pytest.raises(CorpusError, match="speaker in two sets: s1"):
        Split("x", (one,), (), (other,))
    twin = Utterance(Path("c"), "sad", "s2", digest="same")
    with pytest.raises(CorpusError, match="recording in two sets: c = d; leave all but one of each out"):
        Split("random", (twin,), (), (Utterance(Path("d"), "sad", "s3", digest="same"),))


def test_the_twins_of_ravdess_stay_on_one_side():
    utterances = corpus(8, 4)
    twins = [replace(u, digest="twin") if u.path.name.startswith("happy") else u for u in utterances[:12]]
    for split in folds("random-10-fold", [*twins, *utterances[12:]], 0):
        assert sum(any(u.digest for u in getattr(split, side)) for side in SIDES) == 1


def test_named_folds_test_their_actors_and_say_which_are_missing():
    split = split_utterances("emobox-5", corpus(24, 1), 0)
    assert split.speakers["test"] == ["ravdess/02", "ravdess/15", "ravdess/16", "ravdess/18"]
    assert split.protocol == "emobox-5, speaker-independent"
    with pytest.raises(CorpusError, match=r"emobox.*fold 4: ravdess/24.*fold 6: ravdess/22.*--allow-missing"):
        folds("emobox", corpus(20, 1) + corpus(21, 1)[-3:], 0)
    split = split_utterances("luna-jimenez-4", corpus(20, 1), 0, allow_missing=True)
    assert split.protocol == "luna-jimenez-4, speaker-independent, without ravdess/21, ravdess/23, ravdess/24"


def test_cross_corpus_tests_on_the_other_and_shares_nobody():
    other = [Utterance(Path(f"e{i}.wav"), "sad", f"emodb/{i:02}") for i in range(5)]
    split = cross_corpus(corpus(6, 1), other, 0)
    assert split.test == tuple(other)
    assert (len(split.speakers["train"]), len(split.speakers["validation"])) == (5, 1)
    assert split.protocol == "cross-corpus, speaker-independent, trained on ravdess, tested on emodb"
    with pytest.raises(CorpusError, match="in two sets"):
        cross_corpus(corpus(6, 1), corpus(2, 2), 0, validate=False)


def test_random_is_called_speaker_dependent():
    split = split_utterances("random", corpus(5, 4), 0)
    assert split.protocol == "random, speaker-dependent"
    assert split.sizes == {"train": 42, "validation": 6, "test": 12}


def test_too_few_speakers_and_unknown_names():
    with pytest.raises(CorpusError, match="2 speaker"):
        split_utterances("speaker", corpus(2, 3), 0)
    with pytest.raises(CorpusError, match="5 folds need as many speakers, and the data has 4"):
        folds("5-fold", corpus(4, 3), 0)
    for name in ("fold", "emobox", "emobox-9", "fold-1", "1-fold"):
        with pytest.raises(UsageError):
            split_utterances(name, corpus(24, 1), 0)


def test_without_speakers_the_recordings_are_split_and_it_is_called_so():
    utterances = [replace(u, speaker="k/unknown") for u in corpus(5, 4)]
    split = split_utterances("speaker", utterances, 0)
    assert split.protocol == "random, speaker-dependent, speakers of k have no names"
    assert split.sizes == {"train": 42, "validation": 9, "test": 9}
    assert {u.label for u in split.test} == set(LABELS)
    assert_no_leak(split, utterances)
    with pytest.raises(CorpusError, match=r"2 recording\(s\) are too few"):
        split_utterances("speaker", utterances[:2], 0)


def test_speakers_without_names_on_two_sides_are_no_speakers_apart():
    train, test = ([replace(u, speaker=f"{name}/unknown") for u in corpus(2, n)] for name, n in (("k", 2), ("k", 1)))
    test = [replace(u, path=Path("test") / u.path) for u in test]
    split = cross_corpus(train, test, 0, validate=False)
    assert "speaker-dependent" in split.protocol
    assert split.speaker_dependent
    other = cross_corpus(train, [replace(u, speaker="m/unknown") for u in test], 0, validate=False)
    assert "speaker-independent" in other.protocol


def test_two_spellings_are_one_speaker_on_two_sides():
    train, test = Utterance(Path("a"), "sad", "k/Anna"), Utterance(Path("b"), "sad", "k/anna")
    with pytest.raises(CorpusError, match="a speaker in two sets: k/Anna, k/anna"):
        Split("x", (train,), (), (test,))
    split = Split("x", (train,), (), (replace(test, speaker="k/ben"),), base_speakers=("k/Ben",))
    assert split.protocol == "x, speaker-dependent, the base model was trained on k/ben"


def several_corpora() -> list[Utterance]:
    speakers = {"ravdess": range(1, 25), "crema-d": (1001, 1002, 1003, 1004), "emodb": ("03", "08"), "tess": ("OAF",)}
    return [
        Utterance(Path(f"{name}-{speaker}-{label}"), label, f"{name}/{speaker:02}")
        for name, own in speakers.items()
        for speaker in own
        for label in LABELS
    ]


def test_one_corpus_after_the_other_is_left_out_and_songs_go_with_their_singers():
    songs = [Utterance(Path(f"song-{s}"), "sad", f"ravdess/{s:02}", {"channel": "song"}) for s in (1, 2)]
    utterances = several_corpora() + songs
    members = folds("leave-one-corpus-out", utterances, 0)
    assert [{u.speaker.split("/")[0] for u in split.test} for split in members] == [
        *({"crema-d"}, {"emodb"}, {"ravdess"}, {"tess"}),
    ]
    assert members[2].protocol == "leave-one-corpus-out-3, speaker-independent, tested on ravdess"
    assert {u.speaker.split("/")[0] for u in members[1].validation} == {"ravdess", "crema-d"}, "of each with enough"
    for split in members:
        assert_no_leak(split, utterances)
    with pytest.raises(CorpusError, match="needs at least 2 corpora, and the data has ravdess alone"):
        folds("leave-one-corpus-out", corpus(4, 1), 0)


def test_the_folds_over_the_union_are_written_down():
    utterances = several_corpora()
    with pytest.raises(CorpusError, match="actors are missing"):
        folds("union", utterances, 0)
    members = folds("union", utterances, 0, allow_missing=True)
    tested = [u.speaker for split in members for u in split.test]
    assert len(tested) == len(set(tested)) * len(LABELS)
    assert set(tested) == {u.speaker for u in utterances} - {
        *("ravdess/06", "ravdess/13", "ravdess/17", "ravdess/22", "crema-d/1005", "tess/OAF"),
    }
    assert members[0].speakers["test"][-4:] == ["ravdess/01", "ravdess/11", "ravdess/20", "ravdess/21"]
    for split in members:
        assert_no_leak(split, utterances)
    groups = json.loads(files("audio_emotion.corpora").joinpath("union_folds.json").read_text("utf-8"))["folds"]
    speakers = [speaker for group in groups for speaker in group]
    assert Counter(speaker.split("/")[0] for speaker in speakers) == {
        "ravdess": 20,
        "crema-d": 72,
        "emodb": 10,
        "savee": 4,
    }
    assert hashlib.sha256(json.dumps(groups).encode()).hexdigest()[:16] == "982dee0babceb96e", (
        "published figures depend on them"
    )
