"""Summaries of a conversation, speaker by speaker."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from audio_emotion.core.emotions import NO_SPEECH, UNKNOWN
from audio_emotion.core.paths import encodable
from audio_emotion.core.types import Prediction, Turn
from audio_emotion.formats.result import shares
from audio_emotion.formats.writer import clock, percentage, speaker_of, text_of

_STEPS_S = (10, 30, 60, 300, 600, 1800, 3600)
_MAX_STEPS = 24
_STRONGEST = 3
_MIN_STRONG_S = 1.0  # a word or two is not enough sound for a strong claim
_MIN_CHANGE_SCORE = 0.5
_EVEN = ("neutral", "calm")  # not what is meant by a strong emotion


@dataclass(frozen=True, slots=True)
class Step:
    """The mean scores of a speaker in one step of the conversation's time.

    Attributes:
        start: seconds.
        end: seconds.
        scores: each label's mean, weighted by duration.
    """

    start: float
    end: float
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Change:
    """A turn whose emotion differs from that of the speaker's turn before, both with a score of 0.5 or more."""

    turn: Prediction
    before: str


@dataclass(frozen=True, slots=True)
class SpeakerSummary:
    """One speaker's part of a conversation.

    Attributes:
        name: the speaker; with the channel, if another one has the same name.
        channel: the speaker's channel, counted from 1; None if unknown.
        turns: the speaker's turns in order.
        seconds: how long the speaker talks.
        share: of the speaking time of all, 0 to 1.
        emotions: each label's share of the speaker's time, the largest first.
        scores: each label's mean score over the speaker's speech, weighted by duration; empty without speech.
        steps: the same over the conversation's time; steps without speech of this speaker are left out.
        strongest: the turns with the highest score of an emotion other than neutral and calm.
        changes: where the emotion changes.
    """

    name: str
    channel: int | None
    turns: tuple[Prediction, ...]
    seconds: float
    share: float
    emotions: dict[str, float]
    scores: dict[str, float]
    steps: tuple[Step, ...]
    strongest: tuple[Prediction, ...]
    changes: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in JSON's terms."""
        content: dict[str, Any] = {"speaker": encodable(self.name)}
        if self.channel is not None:
            content["channel"] = self.channel
        return content | {
            "turns": len(self.turns),
            "seconds": round(self.seconds, 3),
            "share": round(self.share, 6),
            "emotions": {label: round(share, 6) for label, share in self.emotions.items()},
            "scores": {label: round(score, 6) for label, score in self.scores.items()},
            "over_time": [
                {
                    "start": round(step.start, 3),
                    "end": round(step.end, 3),
                    "scores": {label: round(score, 6) for label, score in step.scores.items()},
                }
                for step in self.steps
            ],
            "strongest": [_short(turn) for turn in self.strongest],
            "changes": [_short(change.turn) | {"before": change.before} for change in self.changes],
        }


def _short(turn: Prediction) -> dict[str, Any]:
    content: dict[str, Any] = {"start": round(turn.start, 3), "end": round(turn.end, 3), "label": turn.label}
    content["score"] = turn.score
    text = text_of(turn)
    return content | ({"text": encodable(text)} if text else {})


def speaker_key(prediction: Prediction) -> tuple[str, int | None]:
    """Return what tells speakers apart: the name and the channel."""
    return speaker_of(prediction), prediction.channel


def summarize(segments: Sequence[Prediction], require_speakers: bool = True) -> tuple[SpeakerSummary, ...]:
    """Return a summary of each speaker, in the order of their first turns.

    Speakers are told apart by name and channel. Without any name there is none, unless ``require_speakers`` is
    False: then a channel, or the whole recording, counts as a speaker.
    """
    if not segments or (require_speakers and not any(speaker_of(segment) for segment in segments)):
        return ()
    groups: dict[tuple[str, int | None], list[Prediction]] = {}
    for segment in segments:
        groups.setdefault(speaker_key(segment), []).append(segment)
    names = [name for name, _ in groups]
    total = sum(segment.end - segment.start for segment in segments) or 1.0
    step_s = _step_seconds(max(segment.end for segment in segments))
    return tuple(
        _summary(_display_name(name, channel, names), channel, turns, total, step_s)
        for (name, channel), turns in groups.items()
    )


def _display_name(name: str, channel: int | None, names: Sequence[str]) -> str:
    if name:
        return f"{name} ({channel})" if names.count(name) > 1 and channel is not None else name
    if channel is not None:
        return f"channel {channel}"
    return "unknown speaker" if any(names) else "recording"


def _step_seconds(end: float) -> int:
    """Return the length of a step, so that there are at most 24."""
    return next((step for step in _STEPS_S if end <= step * _MAX_STEPS), max(1, round(end / _MAX_STEPS)))


def _summary(name: str, channel: int | None, turns: Sequence[Prediction], total: float, step_s: int) -> SpeakerSummary:
    seconds = sum(turn.end - turn.start for turn in turns)
    judged = [turn for turn in turns if turn.label not in (NO_SPEECH, UNKNOWN)]
    strong = [turn for turn in judged if turn.label not in _EVEN and turn.end - turn.start >= _MIN_STRONG_S]
    confident = [turn for turn in judged if turn.score >= _MIN_CHANGE_SCORE]
    return SpeakerSummary(
        name=name,
        channel=channel,
        turns=tuple(turns),
        seconds=seconds,
        share=seconds / total,
        emotions=shares(turns),
        scores=_mean_scores([(part, part.end - part.start) for turn in turns for part in _parts(turn)]),
        steps=_steps(turns, step_s),
        strongest=tuple(sorted(strong, key=lambda turn: -turn.score)[:_STRONGEST]),
        changes=tuple(Change(turn, before.label) for before, turn in pairwise(confident) if turn.label != before.label),
    )


def _parts(turn: Prediction) -> tuple[Prediction, ...]:
    """Return a turn's own timeline, if it has one, else the turn."""
    return turn.timeline if isinstance(turn, Turn) and turn.timeline else (turn,)


def _mean_scores(weighted: Sequence[tuple[Prediction, float]]) -> dict[str, float]:
    """Return each label's mean over speech; empty if there is none."""
    speech = [(prediction, weight) for prediction, weight in weighted if prediction.label != NO_SPEECH and weight > 0]
    total = sum(weight for _, weight in speech)
    if not total:
        return {}
    labels = speech[0][0].scores
    return {label: sum(p.scores[label] * weight for p, weight in speech) / total for label in labels}


def _steps(turns: Sequence[Prediction], step_s: int) -> tuple[Step, ...]:
    """Return the mean scores in each step; a turn counts for each step with the seconds that lie in it."""
    weighted: dict[int, list[tuple[Prediction, float]]] = {}
    for part in (part for turn in turns for part in _parts(turn)):
        for number in range(int(part.start // step_s), int(part.end // step_s) + 1):
            inside = min(part.end, (number + 1) * step_s) - max(part.start, number * step_s)
            if inside > 0:
                weighted.setdefault(number, []).append((part, inside))
    steps = ((number, _mean_scores(weighted[number])) for number in sorted(weighted))
    return tuple(Step(number * step_s, (number + 1) * step_s, scores) for number, scores in steps if scores)


def text_summary(speakers: Sequence[SpeakerSummary]) -> str:
    """Return summaries as lines for a terminal."""
    return "".join(f"\n{_speaker_text(speaker)}" for speaker in speakers)


def _speaker_text(speaker: SpeakerSummary) -> str:
    shown = ", ".join(f"{label} {100 * share:.1f}%" for label, share in speaker.emotions.items())
    lines = [
        f"{speaker.name}: {speaker.seconds:.1f} s in {len(speaker.turns)} turn(s), "
        f"{100 * speaker.share:.1f}% of the speaking time",
        f"  Share of time: {shown}",
    ]
    if speaker.strongest:
        lines += ["  Strongest:", *(f"    {_turn_text(turn)}" for turn in speaker.strongest)]
    if speaker.changes:
        lines += ["  Changes:", *(f"    {_turn_text(c.turn)} (before: {c.before})" for c in speaker.changes)]
    return "\n".join(lines) + "\n"


def _turn_text(turn: Prediction) -> str:
    text = text_of(turn)
    quoted = f'  "{text}"' if text else ""
    return f"{clock(turn.start)}  {turn.label} {percentage(turn)}{quoted}"
