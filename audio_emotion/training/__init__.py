"""Training: the settings of a run (:mod:`config`), and the loop. The settings do not import torch."""

from audio_emotion.training.config import (
    LossConfig,
    OptimizerConfig,
    SamplingConfig,
    ScheduleConfig,
    TeachersConfig,
    TrainConfig,
)

__all__ = ["LossConfig", "OptimizerConfig", "SamplingConfig", "ScheduleConfig", "TeachersConfig", "TrainConfig"]
