"""Fitting: what a training run is told (:mod:`config`), and the loop that does it. The settings import no torch."""

from audio_emotion.training.config import (
    LossConfig,
    OptimizerConfig,
    SamplingConfig,
    ScheduleConfig,
    TeachersConfig,
    TrainConfig,
)

__all__ = ["LossConfig", "OptimizerConfig", "SamplingConfig", "ScheduleConfig", "TeachersConfig", "TrainConfig"]
