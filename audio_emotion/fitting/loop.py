"""The training loop: decoded utterances in, a fitted network out."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from audio_emotion.augment.features import mixup, spec_augment
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.fitting.config import TrainConfig
from audio_emotion.fitting.optimisation import Loss, Schedule, make_optimizer
from audio_emotion.metrics import uar
from audio_emotion.models import build
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.prediction import pooled_logits, speech_windows
from audio_emotion.records import FloatArray, IntArray
from audio_emotion.runtime.torch import TorchRuntime


@dataclass(frozen=True)
class Epoch:
    """What one epoch left: mean training loss, validation UAR (None without a validation side), seconds."""

    number: int
    loss: float
    validation_uar: float | None
    seconds: float


@dataclass(frozen=True)
class Side:
    """Decoded utterances: samples without the quiet at their ends, (n_samples,) each, and their labels' numbers."""

    sounds: Sequence[FloatArray]
    targets: Sequence[int]


def fit(
    train: Side,
    validation: Side,
    n_labels: int,
    config: TrainConfig,
    device: str,
    on_epoch: Callable[[Epoch], None],
) -> EmotionModel:
    """Train a new model on ``train``.

    With a validation side and patience, the weights of its best epoch are kept; else those of the last. torch's
    global generator is seeded, for the first weights and dropout, and left as it was found.
    """
    held_out = [speech_windows(samples, config.window_samples, config.rate) for samples in validation.sounds]
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = build(config.architecture, n_labels, config.parameters, config.frontend_table).to(device)
        step = _Stepper(model, config, n_labels, train.targets)
        sounds = Sounds(train.sounds, config.rate, config.window_samples, config.seed, config.augment)
        best_uar, best_epoch, best_weights = -1.0, 0, None
        for number in range(1, config.epochs + 1):
            began = time.monotonic()
            loss = step.epoch(sounds.batches(number, config.batch_size), number)
            score = _validate(model, held_out, validation.targets, device) if held_out else None
            step.schedule.after_epoch(score)
            on_epoch(Epoch(number, loss, score, time.monotonic() - began))
            if score is None or not config.patience:
                continue
            if score > best_uar:
                best_uar, best_epoch, best_weights = score, number, deepcopy(model.state_dict())
            elif number - best_epoch >= config.patience:
                break
        if best_weights is not None:
            model.load_state_dict(best_weights)
    return model


@dataclass(frozen=True)
class Cost:
    """What a run takes: trainable numbers, steps, and seconds a step as measured on some."""

    parameters: int
    steps_per_epoch: int
    seconds_per_step: float
    measured_steps: int


def measure(train: Side, n_labels: int, config: TrainConfig, device: str, n_steps: int = 4) -> Cost:
    """Run a few steps of a new model, the first of them uncounted, and forget it."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = build(config.architecture, n_labels, config.parameters, config.frontend_table).to(device)
        step = _Stepper(model, config, n_labels, train.targets)
        sounds = Sounds(train.sounds, config.rate, config.window_samples, config.seed, config.augment)
        batches = sounds.batches(1, config.batch_size)
        step.epoch(islice(batches, 1), 1)
        began = time.monotonic()
        measured = list(islice(batches, n_steps - 1))
        step.epoch(iter(measured), 1)
        seconds = time.monotonic() - began
    n_parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    steps = -(-len(train.sounds) // config.batch_size)
    return Cost(n_parameters, steps, seconds / max(1, len(measured)), len(measured))


class _Stepper:
    """The model with its loss, optimizer and schedule."""

    def __init__(self, model: EmotionModel, config: TrainConfig, n_labels: int, targets: Sequence[int]) -> None:
        self._model, self._config = model, config
        self._device = next(model.parameters()).device
        self._masks, self._alpha = feature_transforms(config.augment)
        self._targets = F.one_hot(torch.tensor(targets), n_labels).float()
        self._loss = Loss(config.loss, targets, n_labels)
        self._optimizer = make_optimizer(config.optimizer, model.parameters())
        steps = -(-len(targets) // config.batch_size)
        self.schedule = Schedule(config.schedule, self._optimizer, steps, config.epochs)

    def epoch(self, batches: Iterator[tuple[FloatArray, IntArray]], number: int) -> float:
        """Go once through the training side; return the mean loss."""
        self._model.train()
        rng = np.random.default_rng([self._config.seed, number, 1])
        losses = []
        for windows, indices in batches:
            loss = self._of(torch.from_numpy(windows).to(self._device), self._targets[indices].to(self._device), rng)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if self._config.clip_norm:
                torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._config.clip_norm)
            self._optimizer.step()
            self.schedule.after_step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def _of(self, windows: Tensor, targets: Tensor, rng: np.random.Generator) -> Tensor:
        with torch.no_grad():
            features = self._model.features(windows)
        if self._masks:
            features = spec_augment(features, rng, **self._masks)
        if self._alpha:
            features, targets = mixup(features, targets, rng, self._alpha)
        with torch.autocast(features.device.type, torch.bfloat16):
            logits = self._model.network(features)
        return self._loss(logits.float(), targets).mean()


def feature_transforms(augment: Mapping[str, Any] | None) -> tuple[Mapping[str, int], float]:
    """Return what changes a batch's features: SpecAugment's widths (empty: none) and mixup's α (0: none)."""
    if augment is None:
        return {"max_bins": 8, "max_frames": 20}, 0.3
    masks = {"max_bins": 8, "max_frames": 20} | augment["spec_augment"] if "spec_augment" in augment else {}
    return masks, augment["mixup"].get("alpha", 0.3) if "mixup" in augment else 0.0


def _validate(model: EmotionModel, windows: Sequence[FloatArray], targets: Sequence[int], device: str) -> float:
    logits = pooled_logits(TorchRuntime(model, device), windows)
    return uar(targets, [-1 if x is None else int(x.argmax()) for x in logits])
