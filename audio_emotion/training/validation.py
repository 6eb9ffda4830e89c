"""The validation side: windows cut once, answered after each epoch."""

import numpy as np
import torch

from audio_emotion.audio.utterance import speech_windows
from audio_emotion.core.types import FloatArray
from audio_emotion.evaluation.metrics import uar
from audio_emotion.inference.backends.torch import TorchRuntime
from audio_emotion.inference.batching import utterance_logits
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training.config import TrainConfig
from audio_emotion.training.data import Subset, raw_features


class Validator:
    """The validation side, its windows cut and, for ``cached`` frontends, their features computed once."""

    def __init__(self, side: Subset, model: EmotionModel, config: TrainConfig, device: str) -> None:
        self._device, self._side = device, side
        self._runtime = FeatureRuntime if getattr(model.frontend, "cached", False) else TorchRuntime
        self._heard = [speech_windows(samples, config.window_samples, config.rate) for samples in side.sounds]
        if self._runtime is FeatureRuntime:
            self._heard = [raw_features(model, windows) if len(windows) else windows for windows in self._heard]
            shape = next((x.shape[1:] for x in self._heard if len(x)), ())
            self._heard = [x if len(x) else np.empty((0, *shape), np.float32) for x in self._heard]

    def uar(self, model: EmotionModel) -> float:
        """Return the mean recall over the labels, 0 to 1; an utterance without speech counts as wrong.

        Of several corpora it is the mean of theirs, in each of which calm counts as neutral if the corpus has no calm.
        """
        logits = utterance_logits(self._runtime(model, self._device).logits, self._heard)
        answers = [-1 if x is None else int(x.argmax()) for x in logits]
        return float(np.mean([uar(*zip(*pairs, strict=True)) for pairs in _by_corpus(self._side, answers)]))


def _by_corpus(side: Subset, answers: list[int]) -> list[list[tuple[int, int]]]:
    """Return (target, answer) of each utterance, corpus by corpus."""
    if not side.coverage.some_have_calm and len(set(side.corpora)) < 2:
        return [list(zip(side.targets, answers, strict=True))]
    labels, pairs = side.coverage.labels, dict[str, list[tuple[int, int]]]()
    for corpus, target, answer in zip(side.corpora, side.targets, answers, strict=True):
        counted = answer if answer < 0 else labels.index(side.coverage.as_in_corpus(labels[answer], corpus))
        pairs.setdefault(corpus, []).append((target, counted))
    return list(pairs.values())


class FeatureRuntime:
    """Runs the network alone, in evaluation mode: features that were computed once → logits."""

    def __init__(self, model: EmotionModel, device: str) -> None:
        self.device = device
        self._network = model.network.eval()

    @torch.inference_mode()
    def logits(self, features: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of what the frontend gave."""
        x = self._network.get_submodule("normalise")(torch.from_numpy(features).to(self.device))
        logits: FloatArray = self._network(x).cpu().numpy()
        return logits
