"""Which utterances an epoch reads, and in which order: all of them once, or as many drawn in balance."""

from collections.abc import Sequence

import numpy as np

from audio_emotion.core.types import IntArray
from audio_emotion.training.config import SamplingConfig


def epoch_order(
    config: SamplingConfig, corpora: Sequence[str], targets: Sequence[int], rng: np.random.Generator
) -> IntArray:
    """Return the numbers of the utterances of an epoch, in order.

    Without a balance, each utterance once. With one, as many utterances as there are (or ``config.utterances``): each
    cell of corpus and label gets its share of them, and within a cell each utterance comes as often as any other, give
    or take once.

    Args:
        config: the balance.
        corpora: the corpus of each utterance; empty where all are of one.
        targets: the label's number of each utterance.
        rng: what is drawn from.
    """
    n = len(targets)
    n_drawn = config.utterances or n
    if config.balance == "none":
        whole = [rng.permutation(n) for _ in range(-(-n_drawn // n))]
        return np.concatenate(whole)[:n_drawn] if len(whole) > 1 else whole[0][:n_drawn]
    cells, shares = _cells(config, list(corpora) or [""] * n, targets)
    # The shares seldom give whole numbers. The cumulated shares, moved by one draw, are cut where they pass whole
    # numbers: each cell gets its share rounded up or down, and the sum is right.
    #     shares x n_drawn   |---1.6---|--0.9--|----2.5----|
    #     cut at              0         2       2           5      (offset 0.4)
    edges = np.floor(np.concatenate([[0.0], np.cumsum(shares)]) * n_drawn + rng.random()).astype(int)
    drawn = [_repeated(cell, int(count), rng) for cell, count in zip(cells, np.diff(edges), strict=True)]
    return rng.permutation(np.concatenate(drawn))


def occurrences(order: IntArray) -> IntArray:
    """Return for each place of an order how often its utterance has come before."""
    places = np.argsort(order, kind="stable")
    ordered = order[places]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(order)]]))
    counts = np.empty(len(order), dtype=int)
    counts[places] = np.arange(len(order)) - np.repeat(starts, lengths)
    return counts


def _cells(
    config: SamplingConfig, corpora: Sequence[str], targets: Sequence[int]
) -> tuple[list[IntArray], list[float]]:
    """Return the utterances of each cell, and its share of an epoch; the shares sum to 1."""
    by_corpus, by_label = "corpus" in config.balance, "label" in config.balance
    cells: dict[tuple[str, int], list[int]] = {}
    for number, (corpus, target) in enumerate(zip(corpora, targets, strict=True)):
        cells.setdefault((corpus if by_corpus else "", target if by_label else 0), []).append(number)
    keys = sorted(cells)
    sizes = {name: sum(len(cells[key]) for key in keys if key[0] == name) for name, _ in keys}
    weights = {name: size**config.corpus_power for name, size in sizes.items()}
    total = sum(weights.values())
    n_labels = {name: sum(key[0] == name for key in keys) for name in sizes}
    shares = [weights[name] / total / n_labels[name] for name, _ in keys]
    return [np.array(cells[key]) for key in keys], shares


def _repeated(cell: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """Return ``count`` utterances of a cell: whole passes through it, then some drawn without replacement."""
    passes, rest = divmod(count, len(cell))
    return np.concatenate([np.tile(cell, passes), rng.permutation(cell)[:rest]])
