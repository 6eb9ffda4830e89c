"""Functions that a run calls with its progress."""

from collections.abc import Callable
from dataclasses import dataclass

from audio_emotion.corpora.base import Progress, silent
from audio_emotion.training.checkpointing import Epoch


def _nothing(_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Step:
    """Where a run is within an epoch: batches done and their number, mean loss of the last step, learning rate."""

    epoch: int
    batches: int
    n_batches: int
    loss: float
    lr: float


@dataclass(frozen=True)
class Callbacks:
    """What is called after each step, after each epoch (when its state was saved), and during long preparations."""

    on_step: Callable[[Step], None] = _nothing
    on_epoch: Callable[[Epoch], None] = _nothing
    progress: Progress = silent
