"""The training loop: decoded utterances in, a fitted network out."""

import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from audio_emotion.augment.features import mixup, spec_augment
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.errors import UsageError
from audio_emotion.metrics import uar
from audio_emotion.models import build
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.prediction import pooled_logits, speech_windows
from audio_emotion.records import FloatArray, IntArray
from audio_emotion.runtime.torch import TorchRuntime


@dataclass(frozen=True)
class TrainConfig:
    """A training run, but for its data.

    Attributes:
        architecture: a registered name.
        parameters: the architecture's own sizes, where they differ from its defaults.
        window_s: seconds of sound that the model reads at once.
        epochs: passes over the training side; the one-cycle schedule spans them.
        patience: epochs without a better validation UAR after which training stops; 0: no validation side is
            set apart, every epoch is run, and the last one's weights are kept.
        batch_size: utterances a step.
        lr: highest learning rate (AdamW, one cycle).
        weight_decay: AdamW's.
        label_smoothing: share of the target spread over all labels.
        mixup: α of the Beta distribution that blends two utterances; 0: none.
        max_mask_bins: widest band that SpecAugment sets to the mean.
        max_mask_frames: longest span that SpecAugment sets to the mean.
        seed: of every random draw.
    """

    architecture: str = "two-channel-cnn"
    parameters: dict[str, object] = field(default_factory=dict)
    window_s: float = 3.0
    epochs: int = 50
    patience: int = 12
    batch_size: int = 32
    lr: float = 2e-3
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    mixup: float = 0.3
    max_mask_bins: int = 8
    max_mask_frames: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {
            "epochs": (self.epochs, 1, 100_000),
            "batch_size": (self.batch_size, 2, 100_000),
            "lr": (self.lr, 1e-7, 1.0),
            "window_s": (self.window_s, 0.5, 60.0),
            "patience": (self.patience, 0, 100_000),
            "seed": (self.seed, 0, 2**32 - 1),
        }
        problems = [
            f"{k} is {v}, expected {low} to {high}" for k, (v, low, high) in limits.items() if not low <= v <= high
        ]
        if problems:
            raise UsageError("; ".join(problems))


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
    sampling_rate: int,
    device: str,
    on_epoch: Callable[[Epoch], None],
) -> EmotionModel:
    """Train a new model on ``train``.

    With a validation side and patience, the weights of its best epoch are kept; else those of the last. torch's
    global generator is seeded, for the first weights and dropout, and left as it was found.
    """
    window_samples = round(config.window_s * sampling_rate)
    held_out = [speech_windows(samples, window_samples) for samples in validation.sounds]
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = build(config.architecture, n_labels, config.parameters).to(device)
        step = _Stepper(model, config, n_labels, n_steps=config.epochs * -(-len(train.sounds) // config.batch_size))
        sounds = Sounds(train.sounds, sampling_rate, window_samples, config.seed)
        best_uar, best_epoch, best_weights = -1.0, 0, None
        for number in range(1, config.epochs + 1):
            began = time.monotonic()
            loss = step.epoch(sounds.batches(number, config.batch_size), train.targets, number)
            score = _validate(model, held_out, validation.targets, device) if held_out else None
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


class _Stepper:
    """The model with its optimizer and one-cycle schedule."""

    def __init__(self, model: EmotionModel, config: TrainConfig, n_labels: int, n_steps: int) -> None:
        self._model, self._config, self._n_labels = model, config, n_labels
        self._device = next(model.parameters()).device
        self._optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimizer, config.lr, total_steps=n_steps)

    def epoch(self, batches: Iterator[tuple[FloatArray, IntArray]], targets: Sequence[int], number: int) -> float:
        """Go once through the training side; return the mean loss."""
        self._model.train()
        rng = np.random.default_rng([self._config.seed, number, 1])
        one_hot = F.one_hot(torch.tensor(targets), self._n_labels).float()
        losses = []
        for windows, indices in batches:
            loss = self._loss(torch.from_numpy(windows).to(self._device), one_hot[indices].to(self._device), rng)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), 5.0)
            self._optimizer.step()
            self._schedule.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def _loss(self, windows: Tensor, targets: Tensor, rng: np.random.Generator) -> Tensor:
        config = self._config
        with torch.no_grad():
            features = self._model.features(windows)
        features = spec_augment(features, rng, config.max_mask_bins, config.max_mask_frames)
        if config.mixup:
            features, targets = mixup(features, targets, rng, config.mixup)
        with torch.autocast(features.device.type, torch.bfloat16):
            logits = self._model.network(features)
        return F.cross_entropy(logits.float(), targets, label_smoothing=config.label_smoothing)


def _validate(model: EmotionModel, windows: Sequence[FloatArray], targets: Sequence[int], device: str) -> float:
    logits = pooled_logits(TorchRuntime(model, device), windows)
    return uar(targets, [-1 if x is None else int(x.argmax()) for x in logits])
