"""Training: the settings of a run, and the loop.

``config`` holds the settings and does not import torch. ``train`` is the entry point, ``loop`` the training loop,
``cross_validation`` runs folds, ``save`` writes and tests the model folder, and ``tuning`` searches for settings.
"""

from audio_emotion.training.config import (
    LossConfig,
    OptimizerConfig,
    SamplingConfig,
    ScheduleConfig,
    TeachersConfig,
    TrainConfig,
)

__all__ = ["LossConfig", "OptimizerConfig", "SamplingConfig", "ScheduleConfig", "TeachersConfig", "TrainConfig"]
