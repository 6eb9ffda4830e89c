"""Means of weights: over all steps, or over a run's last epochs."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from audio_emotion.audio.windows import speech_windows
from audio_emotion.core.types import FloatArray
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training.checkpointing import Tensors
from audio_emotion.training.config import TrainConfig


class Average:
    """The model that is validated and stored: the mean that the config asks for, or the model itself."""

    def __init__(self, model: EmotionModel, config: TrainConfig) -> None:
        self._model, self._decay = model, config.ema
        self._first = config.epochs - config.averaging.epochs + 1
        self._mean: AveragedModel | None = None
        if config.ema:
            self._mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema), use_buffers=True)  # type: ignore[no-untyped-call]
        elif config.averaging.epochs:
            self._mean = AveragedModel(model)

    @property
    def model(self) -> EmotionModel:
        """The mean, or the model where there is none yet."""
        if self._mean is None or not self._mean.n_averaged:
            return self._model
        return self._mean.module  # type: ignore[return-value]

    def after_step(self) -> None:
        """Add the weights after a step, for a running mean."""
        if self._mean is not None and self._decay:
            self._mean.update_parameters(self._model)

    def after_epoch(self, number: int) -> None:
        """Add the weights after an epoch (from 1), if it is one of the last ones that are averaged."""
        if self._mean is not None and not self._decay and number >= self._first:
            self._mean.update_parameters(self._model)

    def state(self) -> Tensors:
        """Return the tensors that :meth:`restore` takes."""
        return self._mean.state_dict() if self._mean is not None else {}

    def restore(self, state: Tensors) -> None:
        """Restore what :meth:`state` returned."""
        if self._mean is not None:
            self._mean.load_state_dict(state)


def update_batchnorm(model: EmotionModel, batches: Iterator[FloatArray], dtype: torch.dtype | None) -> None:
    """Compute batch normalization's means and variances from windows (batch, window_samples) without augmentation.

    Those that training leaves are of sounds augmented, mixed and with units dropped, and of other weights than a mean
    of weights. Nothing is dropped here, so that each layer sees what it will see (Li et al. 2019, "Understanding the
    disharmony between dropout and batch normalization by variance shift"). What is frozen keeps its own.
    """
    still = set(map(id, model.still))
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and id(module) not in still]
    if not norms:
        return
    device, momenta = next(model.parameters()).device, [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
        norm.train()
    with torch.no_grad(), torch.autocast(device.type, dtype, enabled=dtype is not None):
        for windows in batches:
            model(torch.from_numpy(windows).to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()


def clean_batches(sounds: Sequence[FloatArray], config: TrainConfig) -> Iterator[FloatArray]:
    """Yield the windows of utterances as prediction reads them, in batches of mixed utterances."""
    order = np.random.default_rng(config.seed).permutation(len(sounds))
    for first in range(0, len(order), config.batch_size):
        numbers = order[first : first + config.batch_size]
        windows = [speech_windows(sounds[number], config.window_samples, config.rate) for number in numbers]
        if sum(map(len, windows)) > 1:  # batch normalisation cannot take one
            yield np.concatenate([cut for cut in windows if len(cut)])
