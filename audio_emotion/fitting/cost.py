"""What a run would cost, measured on a few of its steps."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from audio_emotion.fitting import placement
from audio_emotion.fitting.config import TrainConfig
from audio_emotion.fitting.data import Side
from audio_emotion.fitting.listening import Listener
from audio_emotion.fitting.loop import Fitting
from audio_emotion.models.emotion_model import EmotionModel


@dataclass(frozen=True)
class Cost:
    """What a run takes.

    Attributes:
        parameters: trainable numbers.
        steps_per_epoch: batches of an epoch.
        seconds_per_step: as measured in the first epoch; where epochs repeat, later ones take less.
        measured_steps: on how many.
        preparing_s: seconds before the first epoch.
    """

    parameters: int
    steps_per_epoch: int
    seconds_per_step: float
    measured_steps: int
    preparing_s: float


def measure(
    train: Side,
    n_labels: int,
    config: TrainConfig,
    device: str,
    n_steps: int = 4,
    begin: Callable[[], EmotionModel] | None = None,
) -> Cost:
    """Run a few steps of a model, the first of them uncounted, and forget it; ``begin`` is as of :func:`loop.fit`."""
    n = min(len(train.sounds), n_steps * config.batch_size * config.accumulation)
    part = Side(train.sounds[:n], train.targets[:n])
    with torch.random.fork_rng(), placement.memory_told(config, device):
        began = time.monotonic()
        fitting = Fitting(part, n_labels, config, device, Listener(), begin)
        preparing = (time.monotonic() - began) * len(train.sounds) / n
        seconds = fitting.times()
    parameters = sum(p.numel() for p in fitting.model.parameters() if p.requires_grad)
    steps = -(-len(train.sounds) // config.batch_size)
    counted = seconds[1:] or seconds
    return Cost(parameters, steps, sum(counted) / len(counted), len(counted), preparing)
