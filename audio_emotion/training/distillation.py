"""Teachers: networks that are trained first, and whose predictions a model then learns along with the labels.

Hinton et al. 2015 ("Distilling the knowledge in a neural network") teach a small network by a large one; by Furlanello
et al. 2018 ("Born-again neural networks") a network gains by a teacher of its own size too. A teacher learns from the
same recordings, so neither has seen a test speaker.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training.config import TeachersConfig, TrainConfig

_APART = 100_000


def recipes(config: TrainConfig) -> list[TrainConfig]:
    """Return what each teacher of a run is trained by: the run's own recipe with other sizes, and a seed for each.

    The first has the run's seed; the others have seeds far from those of a study.
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


@dataclass(frozen=True)
class Teachers:
    """Trained networks, and the share of each target that is the mean of their predictions."""

    models: Sequence[EmotionModel]
    share: float

    def __post_init__(self) -> None:
        for model in self.models:
            model.eval()

    def answers(self, features: Tensor) -> Tensor:
        """Return the mean of the teachers' probabilities, (batch, n_labels), for features (batch, ...)."""
        with torch.inference_mode():
            mean = torch.stack([model.network(features).softmax(dim=1) for model in self.models]).mean(dim=0)
        return mean.clone()
