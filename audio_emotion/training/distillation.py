"""Teachers: networks that are trained first, and whose answers a model then learns beside the labels.

Hinton et al. 2015 ("Distilling the knowledge in a neural network") teach a small network by a large one; by Furlanello
et al. 2018 ("Born-again neural networks") a network gains by a teacher of its own size too. A teacher learns from the
same recordings, so that nobody who is tested on has been heard by either.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training.config import TeachersConfig, TrainConfig
from audio_emotion.training.loop import TargetFn

_APART = 100_000


def recipes(config: TrainConfig) -> list[TrainConfig]:
    """Return what each teacher of a run is trained by: the run's own recipe with other sizes, and a seed for each.

    The first has the run's seed; those after it lie far from the seeds of a study.
    """
    of = config.teachers
    return [
        replace(
            config,
            teachers=TeachersConfig(),
            parameters=of.parameters,
            seed=(config.seed + number * _APART) % 2**32,
        )
        for number in range(of.count)
    ]


def distil(teachers: Sequence[EmotionModel], share: float) -> TargetFn:
    """Return what makes ``share`` of the targets the mean of the teachers' answers to the same features."""
    for teacher in teachers:
        teacher.eval()

    def aim(features: Tensor, targets: Tensor) -> Tensor:
        with torch.inference_mode():
            said = torch.stack([teacher.network(features).softmax(dim=1) for teacher in teachers]).mean(dim=0)
        return (1 - share) * targets + share * said.clone()

    return aim
