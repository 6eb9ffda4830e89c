"""Label sets: which emotions a model is to tell apart, and which of a corpus's are counted under another."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from audio_emotion.core.emotions import emotion, emotions
from audio_emotion.core.errors import UsageError
from audio_emotion.core.text import composed
from audio_emotion.corpora.base import Corpus, LeftOut, Utterance


@dataclass(frozen=True)
class LabelSet:
    """The labels to train on, in order.

    Attributes:
        name: ``eight``, ``seven``, or ``own``.
        labels: every label, in the order of the model's outputs.
        joined: each label that is counted under another, with that other.

    Raises:
        UsageError: fewer than two labels, a label twice, or one joined to a label that is not there.
    """

    name: str
    labels: tuple[str, ...]
    joined: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        words = [*self.labels, *self.joined]
        doubled = sorted({word for word in words if words.count(word) > 1})
        if doubled:
            raise UsageError(f"the label set {self.name!r} holds {', '.join(doubled)} twice; name each label once")
        if len(self.labels) < 2:
            raise UsageError(f"the label set {self.name!r} holds {len(self.labels)} label(s), expected at least 2")
        lost = sorted(set(self.joined.values()) - set(self.labels))
        if lost:
            raise UsageError(f"the label set {self.name!r} merges labels into {', '.join(lost)}, which it lacks")

    @property
    def description(self) -> str:
        """What it holds, in words.

        >>> label_set("seven").description
        'neutral, happy, sad, angry, fearful, disgust, surprised; calm is counted as neutral'
        """
        joined = "".join(f"; {label} is counted as {other}" for label, other in self.joined.items())
        return ", ".join(self.labels) + joined

    def find(self, word: str) -> str | None:
        """Return the label that a word in a table or a folder's name stands for, before joining; None if unknown."""
        own = {composed(label).lower(): label for label in (*self.labels, *self.joined)}
        return own.get(composed(word).strip().lower()) or emotion(word)

    def apply(self, utterances: Iterable[Utterance]) -> tuple[tuple[Utterance, ...], tuple[Utterance, ...]]:
        """Return the utterances that the set can name, labels joined, and those that it cannot, as they were."""
        kept, dropped = [], []
        for utterance in utterances:
            label = self.joined.get(utterance.label, utterance.label)
            if label not in self.labels:
                dropped.append(utterance)
            else:
                kept.append(utterance if label == utterance.label else replace(utterance, label=label))
        return tuple(kept), tuple(dropped)

    def restrict(self, corpus: Corpus) -> Corpus:
        """Return the corpus with labels joined; what the set cannot name is left out, with the reason."""
        kept, dropped = self.apply(corpus.utterances)
        published: Counter[tuple[str, str]] = Counter()
        for (speaker, label), n_files in corpus.published.items():
            joined = self.joined.get(label, label)
            if joined in self.labels:
                published[speaker, joined] += n_files
        left_out = tuple(LeftOut(u.path, f"{u.label} is not in the label set '{self.name}'") for u in dropped)
        return replace(corpus, utterances=kept, left_out=corpus.left_out + left_out, published=dict(published))


def label_set(text: str = "eight") -> LabelSet:
    """Return a label set by name, or one's own written as ``neutral+calm,happy,sad``: joined labels after a plus.

    ``eight``: all. ``seven``: calm joined to neutral, so that four corpora can be trained on together (CREMA-D
    has neither calm nor surprised).

    >>> label_set("neutral+calm,angry").joined
    {'calm': 'neutral'}

    Raises:
        UsageError: neither a name nor a list of labels.
    """
    if text == "eight":
        return LabelSet(text, emotions())
    if text == "seven":
        return LabelSet(text, tuple(label for label in emotions() if label != "calm"), {"calm": "neutral"})
    if "," not in text:
        raise UsageError(
            f"unknown label set {text!r}; choose eight or seven, or list your own as neutral+calm,happy,sad"
        )
    groups = [[word.strip() for word in group.split("+")] for group in text.split(",")]
    if not all(word for group in groups for word in group):
        raise UsageError(f"the label set {text!r} has an empty label; expected a list such as neutral+calm,happy,sad")
    joined = {label: first for first, *others in groups for label in others}
    return LabelSet("own", tuple(group[0] for group in groups), joined)
