"""What a model's forms are compared on: recordings, or generated sounds."""

from collections.abc import Sequence

import numpy as np

from audio_emotion.audio.windows import speech_windows
from audio_emotion.core.errors import AudioError, CorpusError
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.load import sound
from audio_emotion.export.bundle import EvalSet
from audio_emotion.inference.model import Model

_MADE = 32


def recordings(model: Model, utterances: Sequence[Utterance], most: int) -> EvalSet:
    """Return the windows of speech of at most so many utterances, spread evenly over all that are given.

    Raises:
        CorpusError: none of them holds speech under one of the model's labels.
    """
    config = model.config
    known = [u for u in utterances if u.label in config.labels]
    selected = [known[i] for i in np.unique(np.linspace(0, len(known) - 1, min(most, len(known))).astype(int))]
    windows: list[FloatArray] = []
    of: list[int] = []
    targets: list[int] = []
    for utterance in selected:
        try:
            samples = sound(utterance, config.sampling_rate).samples
        except AudioError:
            continue
        found = speech_windows(samples, config.window_samples, config.sampling_rate)
        if len(found):
            of += [len(targets)] * len(found)
            targets.append(config.labels.index(utterance.label))
            windows.append(found)
    if not targets:
        raise CorpusError(f"no recording contains speech with one of the labels {', '.join(config.labels)}")
    return EvalSet(np.concatenate(windows), of, targets)


def made(model: Model, rng: np.random.Generator) -> EvalSet:
    """Return windows that are nobody's speech: voiced, with a pitch and a loudness that move, and some noise."""
    config = model.config
    windows = [_voiced(config.window_samples, config.sampling_rate, rng) for _ in range(_MADE)]
    return EvalSet(np.stack(windows), range(_MADE))


def _voiced(n_samples: int, sampling_rate: int, rng: np.random.Generator) -> FloatArray:
    time = np.arange(n_samples) / sampling_rate
    pitch = rng.uniform(90, 250) * (1 + rng.uniform(0, 0.3) * np.sin(2 * np.pi * rng.uniform(0.3, 2) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / sampling_rate
    harmonics = sum(np.sin(n * phase) / n ** rng.uniform(0.7, 1.5) for n in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2, 5) * time + rng.uniform(0, 6)), 0.05, 1)
    loud = rng.uniform(0.02, 0.2) * syllables * (harmonics + 0.1 * rng.standard_normal(n_samples))
    samples: FloatArray = loud.astype(np.float32)
    return samples
