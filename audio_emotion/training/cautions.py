"""What few recordings mean for the figures of a run: said before it is begun."""

from collections import Counter
from collections.abc import Iterator, Sequence

from audio_emotion.corpora.base import Utterance

FEW_LABELS = 3
"""Emotions up to which figures cannot be set beside those of eight."""

FEW_UTTERANCES = 10
"""Utterances of a label below which a single answer moves its recall by more than a tenth."""


def data_warnings(utterances: Sequence[Utterance]) -> Iterator[str]:
    """Yield a line for each way in which the recordings of a run, those tested among them, are few."""
    counts = Counter(utterance.label for utterance in utterances)
    if len(counts) <= FEW_LABELS:
        yield (
            f"recordings of {len(counts)} emotion(s) alone ({', '.join(sorted(counts))}): guessing has a UAR of "
            f"{100 / len(counts):.0f} %, so do not compare with figures of more, and no other emotion is learnt"
        )
    few = {label: count for label, count in sorted(counts.items()) if count < FEW_UTTERANCES}
    if few:
        yield (
            f"fewer than {FEW_UTTERANCES} utterances of {', '.join(f'{label} ({n})' for label, n in few.items())}: "
            "hardly enough to learn from, and one answer more or less moves the figures a lot"
        )
    speakers = {utterance.speaker for utterance in utterances}
    if len(speakers) == 1:
        yield f"one speaker alone ({speakers.pop()}): no figure of this run says anything of another voice"
