"""What labels that a corpus lacks mean for the loss."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from audio_emotion.corpora.coverage import Coverage
from audio_emotion.training import LossConfig
from audio_emotion.training.data import Subset
from audio_emotion.training.optim import Loss
from audio_emotion.training.targets import Masked, NeutralOrCalm, Targets, make_targets

LABELS = ("neutral", "calm", "happy", "sad")
COVERAGE = Coverage(LABELS, {"ravdess": LABELS, "crema-d": ("neutral", "happy")})
# neutral and calm of RAVDESS, neutral and happy of CREMA-D
SIDE = Subset([], [0, 1, 0, 2], corpora=["ravdess", "ravdess", "crema-d", "crema-d"], coverage=COVERAGE)
LOGITS = torch.tensor([[1.0, 0.5, -1.0, 0.0]] * 4)
LOG = log_softmax(LOGITS[0], dim=0)


def losses(rule: str, smoothing: float = 0.0, side: Subset = SIDE) -> Tensor:
    targets = make_targets(side, 4, rule)
    return Loss(LossConfig(label_smoothing=smoothing), targets, side.targets)(LOGITS[: len(side.targets)], targets.rows)


def expect(found: Tensor, expected: Sequence[Tensor]) -> None:
    torch.testing.assert_close(found, torch.stack(list(expected)))


def test_neutral_of_a_corpus_without_calm_means_either():
    either = -torch.logaddexp(LOG[0], LOG[1])
    expect(losses("neutral-or-calm"), [-LOG[0], -LOG[1], either, -LOG[2]])
    smoothed = [0.9 * loss - 0.1 * LOG.mean() for loss in (-LOG[0], -LOG[1], either, -LOG[2])]
    expect(losses("neutral-or-calm", 0.1), smoothed)


def test_masked_labels_take_no_probability():
    own = log_softmax(LOGITS[0, [0, 2]], dim=0)
    expect(losses("mask"), [-LOG[0], -LOG[1], -own[0], -own[1]])
    expect(losses("mask", 0.1)[2:], [-0.9 * own[0] - 0.1 * own.mean(), -0.9 * own[1] - 0.1 * own.mean()])


def test_without_a_rule_every_label_counts_against_all():
    expect(losses("none"), [-LOG[0], -LOG[1], -LOG[0], -LOG[2]])


def test_the_rules_agree_where_nothing_is_lacking_or_no_corpus_has_calm():
    whole = Subset([], [0, 1], corpora=["ravdess"] * 2, coverage=COVERAGE)
    assert {type(make_targets(whole, 4, rule)) for rule in ("neutral-or-calm", "mask", "none")} == {Targets}
    without = Subset([], [0, 2], corpora=["crema-d"] * 2, coverage=COVERAGE)
    assert type(make_targets(without, 4, "neutral-or-calm")) is Targets, "calm and neutral would stay undecided"
    assert type(make_targets(without, 4, "mask")) is Masked
    assert type(make_targets(Subset([], [0, 1]), 4, "mask")) is Targets, "of no known corpus"


@pytest.mark.parametrize("rule", ["neutral-or-calm", "mask"])
def test_mixed_targets_give_finite_losses_and_gradients(rule: str):
    targets = make_targets(SIDE, 4, rule)
    mixed = torch.lerp(targets.rows, targets.rows.flip(0), 0.3)
    logits = LOGITS.clone().requires_grad_()
    loss = Loss(LossConfig(label_smoothing=0.1), targets, SIDE.targets)(logits, mixed)
    loss.sum().backward()
    assert loss.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    answers = torch.full((4, 4), 0.25)
    blended = targets.blend(mixed, answers, 1.0)
    assert Loss(LossConfig(), targets, SIDE.targets)(LOGITS, blended).isfinite().all()
    torch.testing.assert_close(targets.smooth(blended, 0.1).sum(dim=1), torch.ones(4))


def test_class_weights_count_neutral_or_calm_as_neutral():
    targets = make_targets(SIDE, 4, "neutral-or-calm")
    assert isinstance(targets, NeutralOrCalm)
    weighted = Loss(LossConfig(label_smoothing=0.0, class_weights=True), targets, SIDE.targets)
    plain = Loss(LossConfig(label_smoothing=0.0), targets, SIDE.targets)
    ratio = weighted(LOGITS, targets.rows) / plain(LOGITS, targets.rows)
    torch.testing.assert_close(ratio, torch.tensor([4 / 6, 4 / 3, 4 / 6, 4 / 3]))
