"""One recording → one answer. Training's evaluation and every command go through here."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_emotion import audio, checkpoint
from audio_emotion.checkpoint import ModelConfig
from audio_emotion.emotions import NO_SPEECH
from audio_emotion.records import FloatArray, Prediction, Waveform
from audio_emotion.runtime import Runtime, choose_device

_BATCH = 64  # windows at once


class Model:
    """A loaded model: its description, and where it runs."""

    def __init__(self, config: ModelConfig, runtime: Runtime) -> None:
        self.config = config
        self.runtime = runtime

    def __repr__(self) -> str:
        seconds = self.config.window_samples / self.config.sampling_rate
        return (
            f"Model({self.config.name!r}, {self.config.architecture}, {self.config.sampling_rate} Hz, "
            f"windows of {seconds:g} s, {len(self.config.labels)} labels, on {self.runtime.device})"
        )

    def predict(
        self, source: str | os.PathLike[str] | npt.NDArray[Any], sampling_rate: int | None = None
    ) -> Prediction:
        """Say which emotion a recording holds.

        ``source`` is a file, or samples (n_samples,) or (n_samples, n_channels) at ``sampling_rate`` Hz with full
        scale at ±1. Raises :class:`~audio_emotion.errors.AudioError` where there is nothing to judge.

        >>> import numpy as np
        >>> from audio_emotion import load_model
        >>> load_model(device="cpu").predict(np.zeros(16_000), 16_000).label
        'no speech'
        """
        if isinstance(source, np.ndarray):
            if sampling_rate is None:
                raise TypeError("an array of samples needs its sampling_rate in Hz")
            return self.judge(audio.from_frames(source, sampling_rate, self.config.sampling_rate))
        return self.judge(audio.load(source, self.config.sampling_rate))

    def judge(self, waveform: Waveform) -> Prediction:
        """Say which emotion a waveform at the model's own sampling rate holds."""
        windows = speech_windows(waveform.samples, self.config.window_samples)
        (logits,) = pooled_logits(self.runtime, [windows])
        return answer(logits, self.config, 0.0, waveform.duration, len(windows))


def load_model(name: str = checkpoint.DEFAULT, device: str = "auto") -> Model:
    """Load a model by name or path on ``auto``, ``cpu``, ``cuda`` or ``mps``.

    On the CPU the model's ONNX graph runs, and torch is not imported.

    Raises:
        ModelError: no such model, or its folder is incomplete or altered.
        DeviceError: no such device here.
    """
    device = choose_device(device)
    folder = checkpoint.find(name)
    config = checkpoint.read(folder)
    return Model(config, _runtime(folder, config, device))


def _runtime(folder: Path, config: ModelConfig, device: str) -> Runtime:
    if device == "cpu":
        from audio_emotion.runtime.onnx import OnnxRuntime

        return OnnxRuntime(folder / checkpoint.GRAPH)
    from audio_emotion.runtime.torch import TorchRuntime, load

    weights = folder / checkpoint.TENSORS
    model = load(weights, config.architecture, len(config.labels), config.parameters, config.frontend)
    return TorchRuntime(model, device)


def speech_windows(samples: FloatArray, window_samples: int) -> FloatArray:
    """Return the windows of an utterance that hold more than silence, (n_windows, window_samples); maybe none."""
    windows = audio.windows(samples, window_samples)
    return windows[[not audio.is_silent(window) for window in windows]]


def pooled_logits(runtime: Runtime, utterances: Sequence[FloatArray]) -> list[FloatArray | None]:
    """Return each utterance's logits, (n_labels,), the mean over its windows; None where it has no window.

    ``utterances`` hold their windows, (n_windows, window_samples) each; the model reads them in batches.
    """
    owners = np.concatenate([np.full(len(windows), i) for i, windows in enumerate(utterances)])
    if not len(owners):
        return [None] * len(utterances)
    windows = np.concatenate(utterances)
    logits = np.concatenate([runtime.logits(windows[i : i + _BATCH]) for i in range(0, len(windows), _BATCH)])
    return [logits[owners == i].mean(axis=0) if len(own) else None for i, own in enumerate(utterances)]


def answer(logits: FloatArray | None, config: ModelConfig, start: float, end: float, n_windows: int) -> Prediction:
    """Turn logits (n_labels,) into a prediction: softmax of logits / temperature; without logits, no speech."""
    if logits is None:
        return Prediction(start, end, NO_SPEECH, 0.0, dict.fromkeys(config.labels, 0.0), 0)
    scaled = logits.astype(np.float64) / config.temperature
    odds = np.exp(scaled - scaled.max())
    probabilities = odds / odds.sum()
    best = int(probabilities.argmax())
    scores = {label: float(p) for label, p in zip(config.labels, probabilities, strict=True)}
    return Prediction(start, end, config.labels[best], float(probabilities[best]), scores, n_windows)
