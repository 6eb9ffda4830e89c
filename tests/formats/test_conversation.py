from dataclasses import replace

import pytest

from audio_emotion.core.emotions import NO_SPEECH, UNKNOWN
from audio_emotion.core.types import Prediction, Turn
from audio_emotion.formats.conversation import summarize, text_summary

LABELS = ("neutral", "sad", "angry")


def turn(start: float, end: float, label: str, speaker: str, score: float = 0.8, channel: int | None = None) -> Turn:
    scores = {name: score if name == label else (1 - score) / 2 for name in LABELS}
    if label == NO_SPEECH:
        scores = dict.fromkeys(LABELS, 0.0)
    return Turn(start, end, label, score, scores, 1, channel, speaker, f"{speaker} at {start:g}")


def test_shares_means_and_order_of_first_turns():
    ben, anna = summarize([turn(0, 2, "sad", "ben"), turn(2, 8, "angry", "anna"), turn(8, 10, NO_SPEECH, "anna", 0)])
    assert (ben.name, anna.name) == ("ben", "anna")
    assert (ben.share, anna.share) == (0.2, 0.8)
    assert anna.emotions == {"angry": 0.75, NO_SPEECH: 0.25}
    assert anna.scores == pytest.approx({"neutral": 0.1, "sad": 0.1, "angry": 0.8})
    assert sum(ben.scores.values()) == pytest.approx(1)


def test_a_turn_counts_for_each_step_that_it_reaches():
    (anna,) = summarize([turn(5, 15, "sad", "anna"), turn(15, 20, "angry", "anna"), turn(40, 41, NO_SPEECH, "anna")])
    assert [(step.start, step.end) for step in anna.steps] == [(0, 10), (10, 20)]
    assert anna.steps[1].scores["sad"] == pytest.approx((0.8 + 0.1) / 2)
    parts = tuple(Prediction(s, s + 5, label, 1.0, {"neutral": 0, "sad": label == "sad", "angry": label == "angry"})
                  for s, label in ((5, "sad"), (10, "angry")))  # fmt: skip
    (anna,) = summarize([replace(turn(5, 15, "sad", "anna"), timeline=parts)])
    assert [step.scores["sad"] for step in anna.steps] == [1, 0]


def test_there_are_at_most_24_steps():
    for end in (9, 240, 241, 86_400, 10_000_000):
        (anna,) = summarize([turn(0, end, "sad", "anna")])
        assert len(anna.steps) <= 25


def test_strong_turns_are_neither_neutral_nor_short():
    turns = [
        turn(0, 3, "neutral", "anna", 0.99),
        turn(3, 3.5, "angry", "anna", 0.97),
        *(turn(10 * n, 10 * n + 3, "sad", "anna", 0.5 + 0.1 * n) for n in range(1, 5)),
    ]
    (anna,) = summarize(turns)
    assert [strong.score for strong in anna.strongest] == pytest.approx([0.9, 0.8, 0.7])


def test_changes_are_between_sure_turns_of_one_speaker():
    turns = [
        turn(0, 1, "sad", "anna"),
        turn(1, 2, "angry", "ben"),
        turn(2, 3, UNKNOWN, "anna", 0.4),
        turn(3, 4, "angry", "anna", 0.4),
        turn(4, 5, "angry", "anna"),
        turn(5, 6, "angry", "anna"),
    ]
    anna, ben = summarize(turns)
    assert [(change.turn.start, change.before) for change in anna.changes] == [(4, "sad")]
    assert ben.changes == ()


def test_one_name_on_two_channels_is_two_speakers():
    speakers = summarize([turn(0, 1, "sad", "A", channel=1), turn(0, 1, "sad", "A", channel=2)])
    assert [speaker.name for speaker in speakers] == ["A (1)", "A (2)"]


def test_without_names():
    silent = [replace(turn(0, 1, "sad", ""), channel=1), replace(turn(0, 1, "sad", ""), channel=2)]
    assert summarize(silent) == summarize([]) == ()
    assert [s.name for s in summarize(silent, require_speakers=False)] == ["channel 1", "channel 2"]
    mixed = summarize([turn(0, 1, "sad", "anna"), turn(1, 2, "sad", "")])
    assert [speaker.name for speaker in mixed] == ["anna", "unknown speaker"]


def test_text():
    lines = text_summary(summarize([turn(0, 2, "sad", "anna"), turn(2, 4, "angry", "anna")])).splitlines()
    assert lines[1:3] == [
        "anna: 4.0 s in 2 turn(s), 100.0% of the speaking time",
        "  Share of time: sad 50.0%, angry 50.0%",
    ]
    assert lines[-1] == '    00:00:02.000  angry 80%  "anna at 2" (before: sad)'
