"""The validation set: predicted after each epoch."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from audio_emotion.audio.cache import ScratchArrays
from audio_emotion.audio.windows import BATCH, speech_windows
from audio_emotion.core.types import FloatArray
from audio_emotion.evaluation.metrics import uar
from audio_emotion.inference.backends.torch import TorchRuntime
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training.config import TrainConfig
from audio_emotion.training.data import Subset, raw_features


class Validator:
    """The validation set, read again after each epoch; for ``cached`` frontends, features are computed once."""

    def __init__(self, side: Subset, model: EmotionModel, config: TrainConfig, device: str) -> None:
        self._device, self._side, self._config = device, side, config
        self._features: ScratchArrays | None = None
        if getattr(model.frontend, "cached", False):
            self._features = ScratchArrays()
            for index, windows in enumerate(clean_windows(side.sounds, config)):
                if len(windows):
                    self._features[index] = raw_features(model, windows)

    def uar(self, model: EmotionModel) -> float:
        """Return the mean recall over the labels, 0 to 1; an utterance without speech counts as wrong.

        Of several corpora it is the mean of theirs, in each of which calm counts as neutral if the corpus has no calm.
        """
        logits = stream_logits(self._runtime(model).logits, self._inputs())
        answers = [-1 if x is None else int(x.argmax()) for x in logits]
        return float(np.mean([uar(*zip(*pairs, strict=True)) for pairs in _by_corpus(self._side, answers)]))

    def _runtime(self, model: EmotionModel) -> "TorchRuntime | FeatureRuntime":
        return (TorchRuntime if self._features is None else FeatureRuntime)(model, self._device)

    def _inputs(self) -> Iterator[FloatArray]:
        """Yield the network's input for each utterance: its windows, or their features."""
        if self._features is None:
            yield from clean_windows(self._side.sounds, self._config)
            return
        for index in range(len(self._side.sounds)):
            yield self._features[index] if index in self._features else np.empty(0, np.float32)


def clean_windows(sounds: Iterable[FloatArray], config: TrainConfig) -> Iterator[FloatArray]:
    """Yield the windows of each utterance that hold speech, (n_windows, window_samples), without augmentation."""
    for samples in sounds:
        yield speech_windows(samples, config.window_samples, config.rate)


def stream_logits(
    forward: Callable[[FloatArray], FloatArray], utterances: Iterable[FloatArray]
) -> list[FloatArray | None]:
    """Return each utterance's logits, (n_labels,), the mean over its inputs; None if it has none.

    Like :func:`~audio_emotion.inference.batching.utterance_logits`, with the same batches, but it holds no more than a
    batch of the inputs, (n_inputs, ...) each, at a time.
    """
    counts, logits, pending, n_pending = [], list[FloatArray](), list[FloatArray](), 0
    for inputs in utterances:
        counts.append(len(inputs))
        if len(inputs):
            pending.append(inputs)
            n_pending += len(inputs)
        while n_pending >= BATCH:
            joined = np.concatenate(pending)
            logits.append(forward(joined[:BATCH]))
            pending, n_pending = [joined[BATCH:]], n_pending - BATCH
    if n_pending:
        logits.append(forward(np.concatenate(pending)))
    if not logits:
        return [None] * len(counts)
    parts = np.split(np.concatenate(logits), np.cumsum(counts)[:-1])
    return [own.mean(axis=0) if len(own) else None for own in parts]


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
