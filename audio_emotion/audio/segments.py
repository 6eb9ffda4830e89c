"""Segments of a recording: who speaks when, on which channel, and in which words."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

PAUSE_S = 0.6
"""Seconds without a word that end an utterance."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of a recording, such as one speaker's turn.

    Attributes:
        start: seconds from the beginning of the recording.
        end: seconds from the beginning of the recording.
        speaker: who speaks; empty if unknown.
        text: the words; empty if unknown.
        channel: which channel the speaker is on, counted from 1; None if unknown.
    """

    start: float
    end: float
    speaker: str = ""
    text: str = ""
    channel: int | None = None


def segment_problem(segment: Segment) -> tuple[str, str] | None:
    """Return what is wrong with a segment's times, as (kind, message); None if nothing is."""
    start, end = segment.start, segment.end
    if not (math.isfinite(start) and math.isfinite(end)):
        return "infinite", f"{start:g} to {end:g} s is not a time span"
    if start < 0:
        return "negative", f"the segment starts at {start:g} s, expected 0 or more"
    if end == start:
        return "empty", f"the segment at {start:g} s has no length"
    if end < start:
        return "reversed", f"the segment ends at {end:g} s, before its start at {start:g} s"
    return None


def group_words(words: Iterable[Segment], pause_s: float = PAUSE_S) -> Iterator[Segment]:
    """Join words to utterances; a pause of ``pause_s`` or more, another speaker or another channel ends one.

    >>> words = [Segment(0.0, 0.4, text="Good"), Segment(0.5, 1.0, text="morning"), Segment(2.0, 2.2, text="Yes")]
    >>> [(utterance.start, utterance.end, utterance.text) for utterance in group_words(words)]
    [(0.0, 1.0, 'Good morning'), (2.0, 2.2, 'Yes')]
    """
    group: list[Segment] = []
    end = 0.0
    for word in words:
        # words      |Good| |morning|            |Yes|
        # end                       ^ end   pause  ^ word.start      a pause of `pause_s` ends the utterance
        same_voice = not group or (word.speaker, word.channel) == (group[-1].speaker, group[-1].channel)
        if group and (not same_voice or word.start - end >= pause_s):
            yield _join(group)
            group = []
        # Words may overlap or come out of order: the end is the latest end so far, not the end of the last word.
        end = max(end, word.end) if group else word.end
        group.append(word)
    if group:
        yield _join(group)


def _join(words: Sequence[Segment]) -> Segment:
    # Whisper's words carry the blank before them (" good", "-morning"), whisperX's do not ("good", "morning").
    gap = "" if any(word.text.startswith(" ") for word in words) else " "
    text = gap.join(word.text for word in words).strip()
    end = max(word.end for word in words)
    return replace(words[0], start=min(word.start for word in words), end=end, text=text)


def overlap_seconds(segments: Sequence[Segment]) -> list[float]:
    """Return for how many seconds of each segment another one sounds on the same channel.

    A segment without a channel sounds on all of them.

    >>> overlap_seconds([Segment(0, 4), Segment(3, 5), Segment(6, 7)])
    [1.0, 1.0, 0.0]
    """
    seconds = [0.0] * len(segments)
    for channel in {segment.channel for segment in segments}:
        # A segment without a channel sounds on every channel, so it overlaps with all of them.
        audible = [s for s in segments if channel is None or s.channel in (None, channel)]
        overlapped = _overlapped_time(audible)
        own = [i for i, segment in enumerate(segments) if segment.channel == channel]
        # The overlap of a segment is the difference of two running totals, at its end and at its start, so that
        # thousands of segments take one pass instead of one comparison for each pair.
        bounds = sorted({bound for i in own for bound in (segments[i].start, segments[i].end)})
        at = dict(zip(bounds, _cumulative(overlapped, bounds), strict=True))
        for i in own:
            seconds[i] = at[segments[i].end] - at[segments[i].start]
    return seconds


def _overlapped_time(segments: Sequence[Segment]) -> list[tuple[float, float]]:
    """Return the spans in which two or more segments sound, in order.

    ::

        segments   |-------|        |---|
                        |-----|
        count      1    2  1  0     1   0
        overlapped      |--|
    """
    # Ends sort before starts at the same time (-1 < 1), so segments that only touch do not overlap.
    events = sorted([(s.start, 1) for s in segments] + [(s.end, -1) for s in segments])
    spans, count = [], 0
    for (time, step), (until, _) in pairwise(events):
        count += step
        if count > 1 and until > time:
            spans.append((time, until))
    return spans


def _cumulative(spans: Sequence[tuple[float, float]], times: Sequence[float]) -> Iterator[float]:
    """Yield how many seconds of ``spans`` lie before each of ``times``; both are in order."""
    total, i = 0.0, 0
    for time in times:
        while i < len(spans) and spans[i][1] <= time:
            total += spans[i][1] - spans[i][0]
            i += 1
        # spans   |--0--|   |----1----|
        # time                   ^            all of span 0, and the part of span 1 before the time
        partial = max(0.0, time - spans[i][0]) if i < len(spans) else 0.0
        yield total + partial
