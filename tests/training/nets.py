"""A small network without batch statistics and made-up utterances, for tests of the loop."""

import numpy as np
import torch

from audio_emotion.corpora.coverage import Coverage
from audio_emotion.models import registry
from audio_emotion.models.registry import Entry
from audio_emotion.training import TrainConfig
from audio_emotion.training.config import from_table
from audio_emotion.training.data import Subset
from tests.sounds import voice


def config(**changes: object) -> TrainConfig:
    """A run of the small network that takes a second."""
    table = {
        "architecture": "plain",
        "epochs": 3,
        "patience": 5,
        "batch_size": 8,
        "window_s": 0.5,
        "precision": "fp32",
        "frontend": {"n_mels": 16, "n_fft": 512, "hop": 512},
    }
    return from_table(table | changes)


def side(n: int, first: int = 0) -> Subset:
    """``n`` utterances of four labels that differ in pitch."""
    targets = [i % 4 for i in range(n)]
    sounds = [voice(0.4, seed=first + i, pitch_hz=90.0 + 50 * t) for i, t in enumerate(targets)]
    ids = [str(first + i) for i in range(n)]
    corpora = ["ravdess" if i < n // 3 else "crema-d" for i in range(n)]
    labels = ("neutral", "calm", "happy", "sad")
    known = Coverage(labels, dict.fromkeys(corpora, labels))
    return Subset(sounds, targets, [f"{name}.wav" for name in ids], ids, corpora, known)


def register() -> None:
    """Put the small network into the registry of this process."""
    registry.register("plain", Entry("tests.training.plain", "Plain", "PlainConfig", "MelMfcc", "these tests"))


def near(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The largest difference between two sets of weights."""
    return max(float(np.abs(one[k].numpy() - other[k].numpy()).max()) for k in one)
