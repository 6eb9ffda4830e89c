"""The training loop: decoded utterances in, a trained network out.

All random draws are functions of the seed, the epoch, the batch and the process. So no generator's state needs to be
saved: a resumed run draws the same as one that was never stopped.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audio_emotion.core.errors import TrainingError
from audio_emotion.core.types import FloatArray, IntArray
from audio_emotion.models import build
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training import accelerator
from audio_emotion.training.averaging import Average, clean_batches, update_batchnorm
from audio_emotion.training.callbacks import Callbacks, Step
from audio_emotion.training.checkpointing import (
    CheckpointWriter,
    Tensors,
    TrainState,
    add_prefix,
    as_numbers,
    pack_optimizer,
    read_state,
    strip_prefix,
    unpack_optimizer,
)
from audio_emotion.training.config import TrainConfig
from audio_emotion.training.data import Loader, Shard, Subset
from audio_emotion.training.distillation import Teachers
from audio_emotion.training.interrupts import interrupts
from audio_emotion.training.optim import Loss, Schedule, make_optimizer
from audio_emotion.training.targets import make_targets
from audio_emotion.training.validation import Validator

_LAYOUT: dict[str, Any] = {"memory_format": torch.channels_last}
"""Channels last in memory: a step on a CPU takes a quarter less time."""

Chunk = list[tuple[IntArray, FloatArray]]
"""The batches of one step: the utterances of each, and what this process reads of them."""


@dataclass(frozen=True)
class FitJob:
    """What the loop needs.

    Attributes:
        train: the training set.
        validation: predicted after each epoch; empty: there is none.
        n_labels: of the model.
        config: the settings.
        device: where it trains.
        callbacks: called after each step and epoch.
        begin: returns the network to start from, with what of it is frozen; None: a new one.
        teachers: whose answers become part of the targets; None: none.
    """

    train: Subset
    validation: Subset
    n_labels: int
    config: TrainConfig
    device: str
    callbacks: Callbacks = field(default_factory=Callbacks)
    begin: Callable[[], EmotionModel] | None = None
    teachers: Teachers | None = None


def fit(job: FitJob, writer: CheckpointWriter | None = None) -> EmotionModel:
    """Train a network, or continue a run of the same job whose state ``writer`` has.

    With a validation set and patience, the weights of its best epoch are kept; else those of the last one. torch's
    global generator is seeded, for the first weights and dropout, and restored afterwards.

    Raises:
        TrainingError: the loss or its gradient is no number, or memory ends.
        StorageError: the state cannot be written or read.
        KeyboardInterrupt: Ctrl-C, when the step was done and its state kept; its message says how to go on.
    """
    config, device = job.config, job.device
    with torch.random.fork_rng(), accelerator.oom_hint(config, device):
        trainer = Trainer(job)
        if writer and (saved := writer.load()):
            trainer.restore(*saved)
        validator = Validator(job.validation, trainer.model, config, device) if job.validation.sounds else None
        with interrupts() as interrupted:
            while not trainer.state.is_over(config.epochs, config.patience):
                trainer.epoch(validator, writer, interrupted)
    return trainer.result()


class Trainer:
    """A model with everything that changes during training.

    Attributes:
        model: what is trained.
        state: how far it has come.
    """

    def __init__(self, job: FitJob) -> None:
        self._job, self._config, self._side = job, job.config, job.train
        config, device = job.config, job.device
        self._accelerator = accelerator.make_accelerator(device)
        self._shard = Shard(self._accelerator.process_index, self._accelerator.num_processes)
        self._dtype = accelerator.precision(config, device)
        torch.manual_seed(config.seed)
        new = partial(build, config.architecture, job.n_labels, config.parameters, config.frontend_table)
        self.model = (job.begin or new)()
        self.model.to(self._accelerator.device).to(**_LAYOUT)
        self._average = Average(self.model, config)
        self._loader = Loader(job.train, self.model, config, self._shard, job.callbacks.progress)
        self._targets = make_targets(job.train, job.n_labels, config.loss.missing_labels)
        self._loss = Loss(config.loss, self._targets, job.train.targets)
        self._optimizer = make_optimizer(config.optimizer, [p for p in self.model.parameters() if p.requires_grad])
        self._n_batches = self._loader.batches_per_epoch()
        # The last step of an epoch may accumulate fewer batches, so the number is rounded up.
        steps = -(-self._n_batches // config.accumulation)
        self._schedule = Schedule(config, self._optimizer, steps)
        self._scaler = torch.amp.GradScaler(device, enabled=self._dtype == torch.float16)
        self._network = self._accelerator.prepare(self.model.network)
        self._best: Tensors = {}
        self.state = TrainState()

    @property
    def evaluated(self) -> EmotionModel:
        """The model that is validated and kept: the mean of some weights, or the trained one itself."""
        return self._average.model

    def epoch(self, validator: Validator | None, writer: CheckpointWriter | None, interrupted: threading.Event) -> None:
        """Run the rest of an epoch, validate, and save the state."""
        for _ in self._steps():
            stop = accelerator.any_process(self._accelerator, interrupted.is_set())
            if self._accelerator.is_main_process and writer and (stop or writer.is_due()):
                self._keep(writer)
            if stop:
                raise KeyboardInterrupt(
                    f"{writer.file} has the run's state; the same command continues it" if writer else ""
                )
        began = time.monotonic()
        self._average.after_epoch(self.state.epoch)
        score = self._validate(validator) if validator else None
        self._schedule.after_epoch(score)
        self.state.seconds += time.monotonic() - began
        done = self.state.finish_epoch(score, self._lr)
        if self._config.patience and self.state.best == done.number:
            self._best = {name: t.detach().clone() for name, t in self.evaluated.state_dict().items()}
        if self._accelerator.is_main_process and writer:
            self._keep(writer)
        self._job.callbacks.on_epoch(done)

    def times(self) -> list[float]:
        """Go through the data once and return the seconds of each batch, with the time spent waiting for data."""
        marks = [time.monotonic()] + [time.monotonic() for _ in self._steps()]
        return [(b - a) / self._config.accumulation for a, b in pairwise(marks)]

    def result(self) -> EmotionModel:
        """Return the model with the weights of the best epoch, else of the last, or with the mean of the last ones."""
        if self._best:
            self.evaluated.load_state_dict(self._best)
        self._refresh()
        return self.evaluated

    def restore(self, tensors: Tensors, numbers: dict[str, Any]) -> None:
        """Restore a saved state."""
        self.model.load_state_dict(strip_prefix("model", tensors))
        self._average.restore(strip_prefix("average", tensors))
        unpack_optimizer(self._optimizer, strip_prefix("optimizer", tensors), numbers["optimizer"])
        self._schedule.restore(numbers["schedule"])
        self._scaler.load_state_dict(numbers["scaler"])
        self._best = strip_prefix("best", tensors)
        self.state = read_state(numbers["state"])

    def _keep(self, writer: CheckpointWriter) -> None:
        of_optimizer, groups = pack_optimizer(self._optimizer)
        tensors = add_prefix("model", self.model.state_dict()) | add_prefix("average", self._average.state())
        tensors |= add_prefix("optimizer", of_optimizer) | add_prefix("best", self._best)
        numbers = {
            "state": as_numbers(self.state),
            "optimizer": groups,
            "schedule": self._schedule.state(),
            "scaler": self._scaler.state_dict(),
        }
        writer.save(tensors, numbers)

    def _steps(self) -> Iterator[None]:
        """Do the remaining steps of the epoch, yielding after each."""
        state = self.state
        self.model.train()
        batches = self._loader.epoch(state.epoch, state.batches)
        began = time.monotonic()
        while chunk := list(islice(batches, self._config.accumulation)):
            n = sum(len(group) for group, _ in chunk)
            loss_sum = self._step(chunk, n)
            state.batches += len(chunk)
            state.loss_sum += loss_sum
            state.n_utterances += n
            state.waiting_s, self._loader.waited_s = state.waiting_s + self._loader.waited_s, 0.0
            now = time.monotonic()
            state.seconds, began = state.seconds + now - began, now
            where = state.epoch, state.batches, self._n_batches
            self._job.callbacks.on_step(Step(*where, loss_sum / n, self._lr))
            yield

    def _step(self, chunk: Chunk, n: int) -> float:
        """Update the weights once from ``n`` utterances; return the sum of their losses."""
        self._optimizer.zero_grad()
        loss_sum = torch.zeros((), device=self._accelerator.device)
        for number, (group, inputs) in enumerate(chunk):
            is_last = number == len(chunk) - 1
            with nullcontext() if is_last else self._accelerator.no_sync(self._network):
                loss = self._forward(group, inputs, self.state.batches + number)
                # The launcher's processes take the mean of their gradients, and each has read its share of n alone.
                self._accelerator.backward(self._scaler.scale(loss * (self._shard.of / n)))
            loss_sum += loss.detach()
        total = float(accelerator.all_reduce_sum(self._accelerator, loss_sum))
        # Gradients of fp16 are scaled up against underflow; the norm is that of the true gradients.
        self._scaler.unscale_(self._optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._config.clip_norm or math.inf)
        if not math.isfinite(total) or not (self._scaler.is_enabled() or math.isfinite(float(norm))):
            raise self._no_number(chunk, total / n, float(norm))
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._schedule.after_step()
        self._average.after_step()
        return total

    def _forward(self, group: IntArray, inputs: FloatArray, batch: int) -> Tensor:
        """Return the sum of the losses of this process's share of a batch."""
        seeds = np.random.SeedSequence([self._config.seed, self.state.epoch, batch, self._shard.number])
        torch.manual_seed(int(seeds.generate_state(1)[0]))  # dropout's
        rows = self._targets.rows[self._loader.own(group)]
        features, targets = self._loader.features(inputs, rows, np.random.default_rng(seeds))
        if teachers := self._job.teachers:
            targets = self._targets.blend(targets, teachers.answers(features), teachers.share)
        with torch.autocast(features.device.type, self._dtype, enabled=self._dtype is not None):
            logits = self._network(features)
        return self._loss(logits.float(), targets).sum()

    def _no_number(self, chunk: Chunk, loss: float, norm: float) -> TrainingError:
        files = [self._side.name(int(i)) for group, _ in chunk for i in group]
        return TrainingError(
            f"epoch {self.state.epoch}, batch {self.state.batches + 1}: the loss is {loss:g} and its gradient's "
            f"norm {norm:g}, so training stopped, with the state of the last epoch; check the recordings of the batch, "
            f"or use a lower --lr (now {self._lr:g}) or precision fp32: {', '.join(files)}"
        )

    def _validate(self, validator: Validator) -> float:
        """Validate in the main process only: batch normalization's means differ a little between processes."""
        score = torch.zeros((), device=self._accelerator.device)
        if self._accelerator.is_main_process:
            self._refresh()
            score += validator.uar(self.evaluated)
        return float(accelerator.all_reduce_sum(self._accelerator, score))

    def _refresh(self) -> None:
        """Compute batch normalization's statistics for a mean of weights, which has none of its own."""
        if self._config.averaging.epochs and self.evaluated is not self.model:
            update_batchnorm(self.evaluated, clean_batches(self._side.sounds, self._config), self._dtype)

    @property
    def _lr(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])
