"""Loss, optimizer and learning-rate schedule, as a config names them."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from audio_emotion.training.config import LossConfig, OptimizerConfig, TrainConfig
from audio_emotion.training.targets import Targets


class Loss:
    """Logits (batch, n_labels) and targets (batch, n_columns) of a training set → each utterance's loss, (batch,).

    With class weights an utterance counts by n / (n_labels × the number of its label), which averages to 1 over the
    training set.
    """

    def __init__(self, config: LossConfig, targets: Targets, labels: Sequence[int]) -> None:
        """Take the training set's targets, and the number of each utterance's label."""
        self._config, self._targets = config, targets
        self._weights: Tensor | None = None
        if config.class_weights:
            counts = torch.bincount(torch.tensor(labels), minlength=targets.n_labels)
            self._weights = targets.weights(len(labels) / (int((counts > 0).sum()) * counts.clamp(min=1)))

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        config = self._config
        smooth = self._targets.smooth(targets, config.label_smoothing)
        if self._weights is not None:
            smooth = smooth * self._weights.to(targets.device)
        log = self._targets.log_probabilities(logits, targets)
        if config.name == "focal":
            log = (1 - log.exp()) ** config.gamma * log
        return -(smooth * log).sum(dim=1)


def make_optimizer(config: OptimizerConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimizer that a config names."""
    decay = config.weight_decay
    if config.name == "sgd":
        nesterov = config.momentum > 0
        return torch.optim.SGD(parameters, config.lr, config.momentum, weight_decay=decay, nesterov=nesterov)
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind(parameters, lr=config.lr, weight_decay=decay)


class Schedule:
    """The learning rate, updated after every step and with every epoch's validation UAR."""

    def __init__(self, run: TrainConfig, optimizer: torch.optim.Optimizer, steps: int) -> None:
        """Make the schedule of a run whose epochs have ``steps`` each."""
        config, epochs = run.schedule, run.epochs - run.averaging.epochs
        self._optimizer, self._averaged, self._done, self._span = optimizer, run.averaging, 0, steps * epochs
        self._by_epoch = config.name == "plateau"
        self._scheduler: torch.optim.lr_scheduler.LRScheduler
        if config.name == "plateau":
            self._scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, "max", config.factor, config.patience, threshold=1e-4, threshold_mode="abs"
            )
        elif config.name == "one-cycle":
            highest = [group["lr"] for group in optimizer.param_groups]
            self._scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, highest, total_steps=steps * epochs)
        else:
            warmup, total = config.warmup_epochs * steps, steps * epochs
            falls = config.name == "cosine"

            def share(step: int) -> float:
                if step < warmup:
                    return (step + 1) / (warmup + 1)
                return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) if falls else 1.0

            self._scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, share)

    def after_step(self) -> None:
        """Update the learning rate after a step of the optimizer."""
        self._done += 1
        if self._averaged.epochs and self._done >= self._span:
            for group in self._optimizer.param_groups:
                group["lr"] = self._averaged.lr
        elif not self._by_epoch:
            self._scheduler.step()

    def after_epoch(self, validation_uar: float | None) -> None:
        """Update the learning rate after an epoch."""
        if self._by_epoch and validation_uar is not None:
            self._scheduler.step(validation_uar)  # type: ignore[arg-type]

    def state(self) -> dict[str, object]:
        """Return plain numbers that :meth:`restore` takes."""
        plain = {k: v for k, v in self._scheduler.state_dict().items() if isinstance(v, int | float | list | None)}
        return {"done": self._done, "scheduler": plain}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state` returned."""
        self._done = state["done"]
        self._scheduler.load_state_dict(state["scheduler"])
