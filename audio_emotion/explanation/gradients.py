"""Integrated gradients: the prediction is followed from the recording's background to the recording.

The path is a straight line in the log-mel spectrogram. A cell contributes the mean gradient along the path, times its
own change; all contributions add up to the change in log-odds. The speech mask and the statistics of the normalization
are those of the recording along the whole path: at a threshold the prediction would jump, which no gradient shows.
"""

import numpy as np
import torch
from torch import Tensor

from audio_emotion.core.errors import UsageError
from audio_emotion.core.types import FloatArray
from audio_emotion.explanation.attribution import BACKGROUND, Attribution, WindowedAudio
from audio_emotion.inference.backends import Runtime
from audio_emotion.inference.backends.torch import TorchRuntime
from audio_emotion.models.frontends import LogMelSpectrogram, MelMfcc, WhisperTiny

CELL = 4
"""Frames, and bands, that are added up: single ones depend on how strides and pooling fall."""

STEPS = 128
"""Gradients along the path; twice as many change a contribution by less than 1 %."""


def integrate(runtime: Runtime, windowed: WindowedAudio, index: int, temperature: float) -> Attribution:
    """Return the importance of each cell of the log-mel spectrogram: four frames by four of the frontend's bands.

    Raises:
        UsageError: the model does not run in torch, or its input is not a log-mel spectrogram.
    """
    if not isinstance(runtime, TorchRuntime):
        raise UsageError('gradients need a torch model: load it with backend="torch", or use the method occlusion')
    frontend, network = runtime.model.frontend, runtime.model.network
    if not isinstance(frontend, MelMfcc | LogMelSpectrogram | WhisperTiny):
        raise UsageError(
            "gradients need a model whose input is a log-mel spectrogram; use the method occlusion for this one"
        )
    normalise = network.get_submodule("normalise")
    with torch.no_grad():
        log_mel, whole = (
            _log_mel(frontend, samples, runtime) for samples in (windowed.windows, windowed.samples[None])
        )
        base = torch.minimum(log_mel, whole.quantile(BACKGROUND, dim=1, keepdim=True))  # (n_windows, n_frames, n_mels)
        like = None if isinstance(frontend, WhisperTiny) else frontend.of_log_mel(log_mel)

    def features(mel: Tensor) -> Tensor:
        if isinstance(frontend, WhisperTiny):
            return frontend.of_log_mel(mel, log_mel)
        normalised: Tensor = normalise(frontend.of_log_mel(mel), like)
        return normalised

    def odds(mel: Tensor) -> Tensor:
        logits = network(features(mel)).mean(dim=0) / temperature
        others = torch.cat([logits[:index], logits[index + 1 :]])
        reached: Tensor = logits[index] - others.logsumexp(dim=0)
        return reached

    change = log_mel - base
    gradient = torch.zeros_like(change)
    for step in range(STEPS):
        mel = (base + change * ((step + 0.5) / STEPS)).requires_grad_()
        gradient += torch.autograd.grad(odds(mel), mel)[0]
    with torch.no_grad():
        reached, quiet = float(odds(log_mel)), float(odds(base))
    return _placed(windowed, frontend, (change * gradient / STEPS).cpu().numpy(), reached, quiet)


def _log_mel(frontend: MelMfcc | LogMelSpectrogram | WhisperTiny, samples: FloatArray, runtime: Runtime) -> Tensor:
    log_mel: Tensor = frontend.log_mel(torch.from_numpy(samples).to(runtime.device))
    return log_mel


def _placed(
    windowed: WindowedAudio,
    frontend: MelMfcc | LogMelSpectrogram | WhisperTiny,
    given: FloatArray,
    reached: float,
    quiet: float,
) -> Attribution:
    """Add the contributions of all windows, (n_windows, n_frames, n_mels), at their places in the recording."""
    from librosa import mel_frequencies

    config, n_samples = frontend.config, len(windowed.samples)
    n_spans = max(1, round(n_samples / (CELL * config.hop)))
    edges = np.linspace(0, n_samples, n_spans + 1).round().astype(np.int64)
    centres = windowed.firsts[:, None] + config.hop * np.arange(given.shape[1])  # a frame is centred
    spans = np.clip(np.searchsorted(edges, centres, side="right") - 1, 0, n_spans - 1)
    heat = np.zeros((n_spans, config.n_mels))
    np.add.at(heat, spans, given)
    corners = mel_frequencies(config.n_mels + 2, fmin=config.f_min, fmax=config.f_max)
    begins = np.arange(0, config.n_mels, CELL)
    hertz = ((corners[1:] + corners[:-1]) / 2)[[*begins, config.n_mels]]
    return Attribution(edges, hertz, np.add.reduceat(heat.T, begins), heat.sum(axis=1), reached, quiet)
