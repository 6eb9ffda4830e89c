import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_emotion.audio.segments import Segment, group_words, overlap_seconds, segment_problem


def word(start: float, end: float, text: str, speaker: str = "", channel: int | None = None) -> Segment:
    return Segment(start, end, speaker, text, channel)


def test_a_pause_another_speaker_and_another_channel_end_an_utterance():
    words = [
        word(0.0, 0.4, "Good", "ann"),
        word(0.5, 0.9, "morning", "ann"),
        word(0.9, 1.2, "Hi", "bob"),
        word(1.3, 1.5, "there", "bob", 2),
        word(2.2, 2.5, "Well", "bob", 2),
    ]
    assert list(group_words(words)) == [
        word(0.0, 0.9, "Good morning", "ann"),
        word(0.9, 1.2, "Hi", "bob"),
        word(1.3, 1.5, "there", "bob", 2),
        word(2.2, 2.5, "Well", "bob", 2),
    ]
    assert list(group_words(words, pause_s=9))[-1] == word(1.3, 2.5, "there Well", "bob", 2)
    assert list(group_words([])) == []


def test_words_that_carry_their_blanks_are_joined_without_further_ones():
    words = [word(0, 1, " Twenty"), word(1, 2, "-one"), word(2, 3, " calls")]
    assert [utterance.text for utterance in group_words(words)] == ["Twenty-one calls"]


def test_overlap_counts_on_the_same_channel():
    ann, bob, eve = Segment(0, 4, "ann", "", 1), Segment(3, 6, "bob", "", 2), Segment(5, 7, "eve", "")
    assert overlap_seconds([ann, bob]) == [0, 0]
    assert overlap_seconds([ann, bob, eve]) == [0, 1, 1]
    assert overlap_seconds([Segment(0, 10), Segment(2, 4), Segment(3, 6)]) == [4, 2, 3]
    assert overlap_seconds([Segment(0, 1), Segment(1, 2)]) == [0, 0]
    assert overlap_seconds([]) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from([None, 1, 2])), max_size=12))
def test_overlap_is_what_counting_tick_by_tick_says(spans: list[tuple[int, int, int | None]]):
    segments = [Segment(start, start + length, channel=channel) for start, length, channel in spans]
    expected = [
        sum(
            any(
                other.start <= tick < other.end and (own.channel is None or other.channel in (None, own.channel))
                for j, other in enumerate(segments)
                if j != i
            )
            for tick in range(int(own.start), int(own.end))
        )
        for i, own in enumerate(segments)
    ]
    assert overlap_seconds(segments) == expected


@pytest.mark.parametrize(
    ("start", "end", "kind"),
    [(0, 1, None), (1, 1, "empty"), (2, 1, "reversed"), (-1, 1, "negative"), (0, float("nan"), "infinite")],
)
def test_times_that_make_no_sense(start: float, end: float, kind: str | None):
    problem = segment_problem(Segment(start, end))
    assert (problem and problem[0]) == kind


def test_a_hundred_thousand_words_are_grouped_in_one_pass():
    words = [word(0.3 * n, 0.3 * n + 0.2, "x") for n in range(100_000)]
    began = time.process_time()
    (utterance,) = group_words(words)
    assert utterance.end == pytest.approx(30_000 - 0.1)
    assert overlap_seconds(words)[-1] == 0
    assert time.process_time() - began < 60  # hours, if it were quadratic
