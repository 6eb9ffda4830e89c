"""Which labels each corpus has, and what its ``neutral`` may mean where it has no ``calm``.

A corpus says nothing about a label that its speakers were never asked for. RAVDESS tells calm from neutral; in a corpus
without calm, a recording labelled neutral may be either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from audio_emotion.corpora import CORPORA
from audio_emotion.corpora.base import Utterance

NEUTRAL, CALM = "neutral", "calm"


@dataclass(frozen=True)
class Coverage:
    """The labels of a model, and those that each corpus has.

    Attributes:
        labels: the model's labels, in order.
        by_corpus: for each corpus, those of the labels that it has, in the same order.
    """

    labels: tuple[str, ...] = ()
    by_corpus: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def some_have_calm(self) -> bool:
        """Whether calm is among the labels of any corpus."""
        return any(CALM in own for own in self.by_corpus.values())

    def numbers(self, corpus: str) -> list[int]:
        """Return the numbers of the labels that a corpus has."""
        return [self.labels.index(label) for label in self.by_corpus[corpus]]

    def neutral_may_be_calm(self, corpus: str) -> bool:
        """Whether the model has both labels, and the corpus has neutral alone."""
        own = self.by_corpus.get(corpus, self.labels)
        return CALM in self.labels and NEUTRAL in own and CALM not in own

    def as_in_corpus(self, answer: str, corpus: str) -> str:
        """Return an answer as a corpus counts it: calm is neutral where the corpus has no calm."""
        return NEUTRAL if answer == CALM and self.neutral_may_be_calm(corpus) else answer


def coverage(utterances: Sequence[Utterance], labels: Sequence[str]) -> Coverage:
    """Return which of ``labels`` each corpus of the utterances has.

    These are the labels that its authors published, as far as the corpus is a published one, and those that occur.
    """
    occurring: dict[str, set[str]] = {}
    for utterance in utterances:
        occurring.setdefault(utterance.corpus, set()).add(utterance.label)
    for corpus, own in occurring.items():
        if corpus in CORPORA:
            own.update(label for _, label in CORPORA[corpus].published)
    return Coverage(
        tuple(labels),
        {corpus: tuple(label for label in labels if label in own) for corpus, own in sorted(occurring.items())},
    )
