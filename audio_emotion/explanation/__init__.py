"""Which parts of a recording drove a prediction.

All values are in log-odds of one label, ``log(p / (1 - p))``, which does not saturate like the softmax. Both methods
compare with the background of the recording, the level of the quietest tenth of each band:

* ``occlusion`` reduces parts of the *sound* to the background and runs the model again (Zeiler and Fergus 2014). It
  only needs predictions, so it works wherever ``infer`` does.
* ``gradients`` follows the log-odds from the log-mel spectrogram of the background to that of the recording, and adds
  up the contribution of each cell (integrated gradients, Sundararajan et al. 2017). It needs torch.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from audio_emotion import audio
from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.audio.windows import BATCH
from audio_emotion.core.errors import AudioError, UsageError
from audio_emotion.core.types import FloatArray, Prediction, Waveform
from audio_emotion.explanation.attribution import Attribution, window_audio
from audio_emotion.explanation.occlusion import occlude
from audio_emotion.inference.batching import forward_ragged
from audio_emotion.inference.model import Input, Model
from audio_emotion.inference.prediction import to_prediction

Method = Literal["occlusion", "gradients"]
METHODS: tuple[str, ...] = get_args(Method)

NOISE = 0.1
"""Importances closer to 0 than this, in log-odds, are noise."""

_NO_SPEECH = "{}: has no speech, so there is no prediction to explain; use --no-gate to explain it anyway"

MAX_S = 30.0
"""Longer recordings are refused: each second takes about a second on one core, and a plot would show little."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Which parts of a recording speak for a label, and which against it.

    Attributes:
        waveform: the sound.
        prediction: the model's prediction.
        label: the explained label: the predicted one, unless another was requested.
        method: one of :data:`METHODS`.
        attribution: the importance of each time span and band in log-odds; above 0 it speaks for the label.
    """

    waveform: Waveform
    prediction: Prediction
    label: str
    method: str
    attribution: Attribution

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """The borders of the time spans, (n_spans + 1,), in seconds from the start of the recording."""
        return self.waveform.start + self.attribution.edges / self.waveform.sampling_rate

    def regions(self, minimum: float = 0.5, against: bool = False) -> list[tuple[float, float, float]]:
        """Return the time regions that speak for the label (or ``against`` it), the strongest first.

        A region is a run of spans above ``minimum`` times the strongest span. Each is (start, end, importance of its
        strongest span), with times in seconds from the start of the recording. Regions below :data:`NOISE` are
        included.
        """
        over_time = -self.attribution.over_time if against else self.attribution.over_time
        if over_time.max() <= 0:
            return []
        # Padded with False at both ends, each run of spans has a change where it starts and one behind its end.
        inside = np.concatenate([[False], over_time >= minimum * over_time.max(), [False]])
        changes = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)
        runs = [(a, b, float(over_time[a:b].max())) for a, b in changes]
        sign = -1 if against else 1
        return [
            (float(self.times[a]), float(self.times[b]), sign * top)
            for a, b, top in sorted(runs, key=lambda run: -run[2])
        ]


def explain(
    model: Model,
    source: Input,
    sampling_rate: int | None = None,
    *,
    part: AudioRegion = FULL,
    label: str | None = None,
    method: Method = "occlusion",
    gate: bool = True,
    name: str | None = None,
) -> Explanation:
    """Explain which parts of a recording drove a prediction.

    Args:
        model: the model; ``gradients`` needs one loaded with ``backend="torch"`` whose input is a log-mel spectrogram.
        source: as in :meth:`~audio_emotion.inference.model.Model.predict`.
        sampling_rate: Hz; required for arrays.
        part: the time span, channel and stream to use; at most 30 seconds.
        label: the label to explain; the predicted one if not given.
        method: one of :data:`METHODS`.
        gate: whether to ignore windows of silence, hum, noise and steady tones, as ``predict`` does.
        name: name of a source that is not a path, for messages.

    Raises:
        AudioError: the source cannot be decoded, has no speech, or is longer than 30 seconds.
        UsageError: unknown label or method, or the method does not support the model.

    >>> from audio_emotion import explain, load_model
    >>> explanation = explain(load_model(device="cpu"), "inference/samples/sad.wav")
    >>> explanation.label, explanation.attribution.heat.shape
    ('sad', (12, 29))
    """
    check_method(method)
    index = _index(model, label)
    shown_name = audio.name_of(source, name or ("array" if isinstance(source, np.ndarray) else None))
    config = model.config
    samples = _samples(model, source, sampling_rate, part, shown_name)
    windowed = window_audio(samples, config.sampling_rate, config.window_samples, gate)
    if not len(windowed.windows):
        raise AudioError(_NO_SPEECH.format(shown_name))
    (logits,) = forward_ragged(model.runtime.logits, [windowed.windows], BATCH)
    if gate and model.config.speech_threshold is not None and np.isnan(model.logits(windowed.windows)).all():
        raise AudioError(_NO_SPEECH.format(shown_name))
    end = part.start + len(samples) / config.sampling_rate
    prediction = to_prediction(logits, config, part.start, end, part.channel)
    index = config.labels.index(prediction.label) if index is None else index
    if method == "gradients":
        from audio_emotion.explanation.gradients import integrate

        attribution = integrate(model.runtime, windowed, index, config.temperature)
    else:
        attribution = occlude(model.runtime, windowed, logits, index, config.temperature)
    waveform = Waveform(samples, config.sampling_rate, config.sampling_rate, part.start)
    return Explanation(waveform, prediction, config.labels[index], method, attribution)


def check_method(name: str) -> str:
    """Return the name of a method.

    Raises:
        UsageError: there is no such method.
    """
    if name not in METHODS:
        raise UsageError(f"unknown method {name!r}; available: {', '.join(METHODS)}")
    return name


def _index(model: Model, label: str | None) -> int | None:
    """Return the index of the requested label; None for the predicted one."""
    if label is not None and label not in model.config.labels:
        raise UsageError(f"the model has no label {label!r}; available: {', '.join(model.config.labels)}")
    return None if label is None else model.config.labels.index(label)


def _samples(model: Model, source: Input, sampling_rate: int | None, part: AudioRegion, name: str) -> FloatArray:
    """Decode at most half a minute."""
    blocks, n_samples = list[FloatArray](), 0
    for block in model.reader(source, sampling_rate, part, name)():
        blocks.append(block)
        n_samples += len(block)
        if n_samples > MAX_S * model.config.sampling_rate:
            raise AudioError(
                f"is longer than {MAX_S:g} s, the limit", subject=name, hint="select a part with --start and --end"
            )
    return np.concatenate(blocks)
