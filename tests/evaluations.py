"""A model that answers as told, and evaluations small enough to work out by hand."""

from pathlib import Path

import numpy as np
import soundfile

from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Utterance
from audio_emotion.evaluation.evaluate import Evaluation
from audio_emotion.inference.model import Model
from audio_emotion.models.checkpoint import ModelConfig
from tests.sounds import RATE, voice

LABELS = ("sad", "calm", "angry", "happy")  # on purpose not in alphabetical order

TARGETS = ("sad", "sad", "sad", "sad", "calm", "calm", "angry", "angry")
ANSWERS = ("sad", "sad", "sad", "calm", "calm", "angry", "angry", "no speech")
SPEAKERS = ("own/1", "own/1", "own/2", "own/2", "own/1", "own/2", "own/1", "own/2")


def config(**training: object) -> ModelConfig:
    """Describe a model of the four labels."""
    return ModelConfig("told", "two-channel-cnn", {}, {}, LABELS, RATE, RATE, 1.0, "0", training=training)


TRAINED_ON_OTHERS = {"corpora": ["own"], "split": "speaker", "speakers": {"train": ["own/8"], "validation": ["own/9"]}}


def evaluation(folder: Path = Path("clips"), **changes: object) -> Evaluation:
    """Return the eight utterances above; each answer has 0.7, each other label 0.1."""
    utterances = tuple(
        Utterance(folder / f"{i}.wav", target, speaker, {"sex": "male" if speaker == "own/1" else "female"})
        for i, (target, speaker) in enumerate(zip(TARGETS, SPEAKERS, strict=True))
    )
    rows = [[0.7 if label == answer else 0.1 for label in LABELS] for answer in ANSWERS]
    rows[-1] = [0.25] * 4
    return Evaluation(**{  # type: ignore[arg-type]
        "labels": LABELS, "utterances": utterances, "answers": ANSWERS, "probabilities": np.array(rows), **changes
    })  # fmt: skip


class Loudness:
    """A runtime that hears label ``k`` in a window whose peak is ``(k + 1) / 10``."""

    device = "cpu"

    def logits(self, windows: FloatArray) -> FloatArray:
        heard = np.round(np.abs(windows).max(axis=1) * 10).astype(int) - 1
        return np.eye(len(LABELS), dtype=np.float32)[heard] * 2


def model() -> Model:
    """Return a model that goes by loudness alone."""
    return Model(config(**TRAINED_ON_OTHERS), Loudness(), "onnx")


def clip(path: Path, heard: str | None) -> Path:
    """Write a recording in which :func:`model` hears a label, or no speech at all."""
    peak = 0.0 if heard is None else (LABELS.index(heard) + 1) / 10
    sound = voice(0.5)
    soundfile.write(path, sound * np.float32(peak / np.abs(sound).max()), RATE)
    return path
