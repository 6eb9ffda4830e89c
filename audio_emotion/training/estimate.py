"""The cost of a training run, measured on a few of its steps before it starts."""

import time
from dataclasses import dataclass, replace

import torch

from audio_emotion.corpora.splits import Split
from audio_emotion.inference.backends import choose_device
from audio_emotion.training import accelerator, distillation
from audio_emotion.training.config import SamplingConfig, TrainConfig
from audio_emotion.training.data import Subset
from audio_emotion.training.dataset import Dataset
from audio_emotion.training.fine_tuning import Transfer
from audio_emotion.training.loop import FitJob, Trainer


@dataclass(frozen=True)
class Cost:
    """The cost of a run.

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


def measure(job: FitJob, n_steps: int = 4) -> Cost:
    """Run a few steps of a job, the first of them uncounted, and forget its model."""
    train, config = job.train, job.config
    n = min(len(train.sounds), n_steps * config.batch_size * config.accumulation)
    part = replace(job, train=train.first(n), config=replace(config, sampling=SamplingConfig()))
    with torch.random.fork_rng(), accelerator.oom_hint(config, job.device):
        start = time.monotonic()
        trainer = Trainer(part)
        preparing = (time.monotonic() - start) * len(train.sounds) / n
        seconds = trainer.times()
    parameters = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    steps = -(-(config.sampling.utterances or len(train.sounds)) // config.batch_size)
    counted = seconds[1:] or seconds
    return Cost(parameters, steps, sum(counted) / len(counted), len(counted), preparing)


@dataclass(frozen=True)
class Estimate:
    """What a run would be: who is on each side, its cost, and that of each of its teachers, if it has any."""

    split: Split
    config: TrainConfig
    cost: Cost
    of_teacher: Cost | None = None

    def lines(self) -> list[str]:
        """Return it in words."""
        cost, epochs = self.cost, self.config.epochs
        sides = [
            f"{side}: {self.split.sizes[side]} utterances of {len(speakers)} speaker(s)"
            + (f": {', '.join(speakers)}" if speakers else "")
            for side, speakers in self.split.speakers.items()
        ]
        return [
            f"split {self.split.name}",
            *sides,
            f"{cost.parameters:,} parameters; {cost.steps_per_epoch} steps an epoch, {cost.steps_per_epoch * epochs} "
            f"in at most {epochs} epochs",
            *([f"{cost.preparing_s:.3g} s for features before the first epoch"] if cost.preparing_s >= 10 else []),
            f"about {cost.seconds_per_step * cost.steps_per_epoch:.3g} s an epoch, "
            f"{cost.seconds_per_step * cost.steps_per_epoch * epochs / 60:.3g} min in all, validation not counted "
            f"({1000 * cost.seconds_per_step:.3g} ms a step, measured on {cost.measured_steps})",
            *self._before(),
        ]

    def _before(self) -> list[str]:
        """Return in words what comes before the run."""
        if not (cost := self.of_teacher):
            return []
        minutes = cost.seconds_per_step * cost.steps_per_epoch * self.config.epochs / 60
        return [
            f"before that {self.config.teachers.count} teacher(s) of {cost.parameters:,} parameters, {minutes:.3g} min "
            "each; a step then takes longer than measured, by the time of their predictions"
        ]


def estimate(dataset: Dataset, split: Split, config: TrainConfig, device: str = "auto") -> Estimate:
    """Estimate the cost of a run from a few of its steps; frozen layers cost less.

    Raises:
        UsageError: a pattern of ``config.freeze`` that names no layer.
    """
    labels = dataset.labels.labels
    job = FitJob(
        dataset.side(split.train),
        Subset([], []),
        len(labels),
        config,
        choose_device(device),
        begin=Transfer(config, labels),
    )
    teachers = distillation.recipes(config)
    of_teacher = measure(replace(job, config=teachers[0], begin=None)) if teachers else None
    return Estimate(split, config, measure(job), of_teacher)
