"""The state from which a stopped run continues: tensors and plain numbers in one file, replaced atomically."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from audio_emotion.core import paths
from audio_emotion.core.errors import StorageError

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch.

    Attributes:
        number: from 1.
        loss: mean over its utterances.
        validation_uar: 0 to 1; None without a validation set.
        seconds: its duration, with validation.
        lr: the learning rate at its end.
        waiting_s: seconds in which the network waited for data.
    """

    number: int
    loss: float
    validation_uar: float | None
    seconds: float
    lr: float = 0.0
    waiting_s: float = 0.0


@dataclass
class TrainState:
    """The progress of a run.

    Attributes:
        epoch: the epoch it is in.
        batches: how many of that epoch's it has done.
        loss_sum: of the utterances read in it.
        n_utterances: how many those are.
        seconds: its duration so far.
        waiting_s: the part of it spent waiting for data.
        history: the epochs before.
    """

    epoch: int = 1
    batches: int = 0
    loss_sum: float = 0.0
    n_utterances: int = 0
    seconds: float = 0.0
    waiting_s: float = 0.0
    history: list[Epoch] = field(default_factory=list)

    def finish_epoch(self, validation_uar: float | None, lr: float) -> Epoch:
        """Add the epoch to the history and start the next one."""
        loss = self.loss_sum / max(1, self.n_utterances)
        done = Epoch(self.epoch, loss, validation_uar, round(self.seconds, 3), lr, round(self.waiting_s, 3))
        self.history.append(done)
        self.epoch, self.batches, self.loss_sum, self.n_utterances = self.epoch + 1, 0, 0.0, 0
        self.seconds = self.waiting_s = 0.0
        return done

    @property
    def best(self) -> int:
        """The number of the epoch with the best validation UAR, the first of equals; 0: none."""
        validated = [epoch for epoch in self.history if epoch.validation_uar is not None]
        return max(validated, key=lambda e: (e.validation_uar, -e.number)).number if validated else 0

    def is_over(self, epochs: int, patience: int) -> bool:
        """Whether every epoch is run, or the best one is too long ago."""
        done = self.epoch - 1
        return done >= epochs or bool(patience and self.best and done - self.best >= patience)


class CheckpointWriter:
    """Writes a run's state to a file, completely or not at all, and reads it.

    Attributes:
        file: safetensors; its metadata hold the numbers as JSON.
    """

    def __init__(self, file: Path, minutes: float = 10.0) -> None:
        """Save the state in ``file`` after each epoch, and within an epoch every ``minutes`` (0: never)."""
        self.file = file
        self._every_s = 60 * minutes
        self._last = time.monotonic()

    def sibling(self, name: str) -> "CheckpointWriter":
        """Return a writer for another run, with a file of that name in the same folder."""
        return CheckpointWriter(self.file.with_name(name), self._every_s / 60)

    def is_due(self) -> bool:
        """Whether it is time to save the state within an epoch."""
        return bool(self._every_s) and time.monotonic() - self._last >= self._every_s

    def save(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Replace the file.

        Raises:
            StorageError: it cannot be written; the earlier one is whole.
        """
        from safetensors.torch import save

        apart = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
        with paths.writing_file(self.file) as sibling:
            sibling.write_bytes(save(apart, {"numbers": json.dumps(numbers)}))
        self._last = time.monotonic()

    def load(self) -> tuple[Tensors, dict[str, Any]] | None:
        """Return what was saved last; None: nothing.

        Raises:
            StorageError: the file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        if not self.file.exists():
            return None
        try:
            with safe_open(self.file, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
                return tensors, json.loads(file.metadata()["numbers"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"cannot be read ({error})", subject=f"{self.file}", hint="use --restart to start again"
            ) from error


def pack_optimizer(optimizer: torch.optim.Optimizer) -> tuple[Tensors, list[dict[str, Any]]]:
    """Return an optimizer's tensors, named ``NUMBER.KEY``, and its groups as plain numbers."""
    state = optimizer.state_dict()
    tensors = {
        f"{number}.{key}": value
        for number, of_one in state["state"].items()
        for key, value in of_one.items()
        if value is not None
    }
    return tensors, state["param_groups"]


def unpack_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors, groups: list[dict[str, Any]]) -> None:
    """Fill an optimizer with what :func:`pack_optimizer` gave."""
    state: dict[int, Tensors] = {}
    for name, tensor in tensors.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = tensor
    restored = [{k: tuple(v) if k == "betas" else v for k, v in group.items()} for group in groups]
    optimizer.load_state_dict({"state": state, "param_groups": restored})


def read_state(numbers: Mapping[str, Any]) -> TrainState:
    """Read a :class:`TrainState` from JSON."""
    return TrainState(**{**numbers, "history": [Epoch(**epoch) for epoch in numbers["history"]]})


def add_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return tensors with ``PREFIX/`` before their names."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def strip_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return those tensors whose names :func:`add_prefix` made, without the prefix."""
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}


def as_numbers(state: TrainState) -> dict[str, Any]:
    """Return a state for JSON."""
    return asdict(state)
