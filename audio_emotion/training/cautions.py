"""What few recordings mean for the figures of a run, noted before it starts."""

from collections import Counter
from collections.abc import Iterator, Sequence

from audio_emotion.corpora.base import Utterance

FEW_LABELS = 3
"""Emotions up to which figures cannot be set beside those of eight."""

FEW_UTTERANCES = 10
"""Utterances of a label below which a single answer moves its recall by more than a tenth."""


FEW_TESTED = 30
"""Test utterances below which a figure says little."""


def data_warnings(utterances: Sequence[Utterance], tested: Sequence[Utterance] = ()) -> Iterator[str]:
    """Yield a line for each way in which the recordings of a run, or those that it is ``tested`` on, are few."""
    counts = Counter(utterance.label for utterance in utterances)
    if len(counts) <= FEW_LABELS:
        yield (
            f"only {len(counts)} emotion(s) ({', '.join(sorted(counts))}): guessing has a UAR of "
            f"{100 / len(counts):.0f} %, so do not compare with figures of more emotions; no other emotion is learned"
        )
    few = {label: count for label, count in sorted(counts.items()) if count < FEW_UTTERANCES}
    if few:
        yield (
            f"fewer than {FEW_UTTERANCES} utterances of {', '.join(f'{label} ({n})' for label, n in few.items())}: "
            "too few to learn much from, and each prediction changes the figures a lot"
        )
    speakers = {utterance.speaker for utterance in utterances}
    if len(speakers) == 1:
        yield f"only one speaker ({speakers.pop()}): the figures of this run say nothing about other voices"
    elif tested:
        yield from _test_warnings(tested)


def _test_warnings(tested: Sequence[Utterance]) -> Iterator[str]:
    """Yield a line for each way in which the test set is small."""
    speakers = sorted({utterance.speaker for utterance in tested})
    if len(tested) < FEW_TESTED:
        yield (
            f"only {len(tested)} test utterance(s): each changes the accuracy by {100 / len(tested):.0f} points, "
            "so a high figure may be luck"
        )
    if len(speakers) == 1:
        yield f"only one test speaker ({speakers[0]}): the figures have no interval, and other voices may differ much"
