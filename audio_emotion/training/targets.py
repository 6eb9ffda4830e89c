"""Targets: the label of an utterance as a distribution, and the logits that the loss compares with it.

Corpora have different labels. ``LossConfig.missing_labels`` says what that means:

neutral-or-calm   a neutral utterance of a corpus without calm teaches "neutral or calm": the loss looks at the sum of
                  both probabilities. Every other label counts against all labels.
mask              an utterance counts against the labels of its own corpus alone.
none              every label counts against all labels.

Targets have more columns than there are labels where the rule needs them, so that mixup blends them like any others.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from audio_emotion.corpora.coverage import CALM, NEUTRAL
from audio_emotion.training.data import Subset


class Targets:
    """One column for each label: every label counts against all.

    Attributes:
        n_labels: the model's.
        rows: the target of each utterance, (n_utterances, n_columns).
    """

    def __init__(self, side: Subset, n_labels: int) -> None:
        self.n_labels = n_labels
        self.rows = F.one_hot(torch.tensor(list(side.targets), dtype=torch.int64), n_labels).float()

    def smooth(self, targets: Tensor, amount: float) -> Tensor:
        """Spread ``amount`` of targets (batch, n_columns) over all labels."""
        return targets * (1 - amount) + amount / self.n_labels

    def log_probabilities(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the log-probability of each column of ``targets``, given logits (batch, n_labels)."""
        return F.log_softmax(logits, dim=1)

    def weights(self, of_labels: Tensor) -> Tensor:
        """Return the weight of each column, given that of each label, (n_labels,)."""
        return of_labels

    def blend(self, targets: Tensor, answers: Tensor, share: float) -> Tensor:
        """Replace ``share`` of targets (batch, n_columns) by answers (batch, n_labels), as of a teacher."""
        return (1 - share) * targets + share * answers


class NeutralOrCalm(Targets):
    """One more column, the last one, for "neutral or calm"."""

    def __init__(self, side: Subset, n_labels: int) -> None:
        super().__init__(side, n_labels)
        labels = side.coverage.labels
        self._pair = [labels.index(NEUTRAL), labels.index(CALM)]
        either = torch.tensor([side.also_right(i) is not None for i in range(len(side.targets))])
        self.rows = torch.cat([self.rows * ~either[:, None], either[:, None].float()], dim=1)

    def smooth(self, targets: Tensor, amount: float) -> Tensor:
        kept = targets * (1 - amount)
        return torch.cat([kept[:, : self.n_labels] + amount / self.n_labels, kept[:, self.n_labels :]], dim=1)

    def log_probabilities(self, logits: Tensor, targets: Tensor) -> Tensor:
        log = F.log_softmax(logits, dim=1)
        return torch.cat([log, log[:, self._pair].logsumexp(dim=1, keepdim=True)], dim=1)

    def weights(self, of_labels: Tensor) -> Tensor:
        return torch.cat([of_labels, of_labels[self._pair[:1]]])

    def blend(self, targets: Tensor, answers: Tensor, share: float) -> Tensor:
        return (1 - share) * targets + share * F.pad(answers, (0, 1))


class Masked(Targets):
    """As many columns again, above 0 for the labels that an utterance's corpus has.

    Where utterances of two corpora are mixed, the labels of both count.
    """

    def __init__(self, side: Subset, n_labels: int) -> None:
        super().__init__(side, n_labels)
        known = torch.zeros_like(self.rows)
        for row, corpus in zip(known, side.corpora, strict=True):
            row[side.coverage.numbers(corpus)] = 1
        self.rows = torch.cat([self.rows, known], dim=1)

    def _known(self, targets: Tensor) -> Tensor:
        return targets[:, self.n_labels :] > 0

    def smooth(self, targets: Tensor, amount: float) -> Tensor:
        known = self._known(targets)
        return targets[:, : self.n_labels] * (1 - amount) + amount * known / known.sum(dim=1, keepdim=True)

    def log_probabilities(self, logits: Tensor, targets: Tensor) -> Tensor:
        known = self._known(targets)
        # The log-probability of a masked label is -inf, and -inf times 0 is NaN.
        return F.log_softmax(logits.masked_fill(~known, -torch.inf), dim=1).masked_fill(~known, 0)

    def blend(self, targets: Tensor, answers: Tensor, share: float) -> Tensor:
        known = self._known(targets)
        answers = answers * known / (answers * known).sum(dim=1, keepdim=True)
        mixed = (1 - share) * targets[:, : self.n_labels] + share * answers
        return torch.cat([mixed, targets[:, self.n_labels :]], dim=1)


def make_targets(side: Subset, n_labels: int, rule: str) -> Targets:
    """Return the targets of a training set by a rule of :class:`~audio_emotion.training.LossConfig`.

    Where every corpus has every label, the rules are the same. Where no corpus has calm, "neutral or calm" would leave
    the two undecided, so neutral stays neutral.
    """
    present = set(side.corpora)
    lacking = any(len(side.coverage.by_corpus[corpus]) < n_labels for corpus in present)
    if rule == "mask" and lacking:
        return Masked(side, n_labels)
    taught = {side.coverage.labels[target] for target in set(side.targets)} if present else set()
    if rule == "neutral-or-calm" and CALM in taught and any(map(side.coverage.neutral_may_be_calm, present)):
        return NeutralOrCalm(side, n_labels)
    return Targets(side, n_labels)
