"""Which part of a sound spoke for the answer that a model gave.

Everything is in log-odds of one label, ``log(p / (1 - p))``, which the softmax does not flatten where it is sure.
Both methods compare with the background of the recording itself, the level that each band has in its quietest tenth:

* ``occlusion`` turns parts of the *sound* down to it and hears what becomes of the answer (Zeiler and Fergus 2014).
  It asks nothing of a model but answers, so it runs wherever ``infer`` does.
* ``gradients`` follows the answer from the background to the recording through the log-mel spectrogram and adds up
  what each cell of it contributed (integrated gradients, Sundararajan et al. 2017). It needs torch.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from audio_emotion import audio
from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.audio.utterance import BATCH
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
"""Importances nearer to 0 than this, in log-odds, mean nothing."""

_NO_SPEECH = "{}: holds no speech, so there is no answer to explain; --no-gate explains it all the same"

MAX_S = 30.0
"""Longer recordings are refused: each second takes about one on one core, and a picture would show little of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Which part of a sound spoke for a label, and which against it.

    Attributes:
        waveform: the sound.
        prediction: what the model says of it.
        label: the label that is explained: the answer, unless another was asked for.
        method: one of :data:`METHODS`.
        weighed: the importance of each span and band in log-odds, above 0 what spoke for the label.
    """

    waveform: Waveform
    prediction: Prediction
    label: str
    method: str
    weighed: Attribution

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Where spans begin and end, seconds from the beginning of the recording, (n_spans + 1,)."""
        return self.waveform.start + self.weighed.edges / self.waveform.sampling_rate

    def regions(self, least: float = 0.5, against: bool = False) -> list[tuple[float, float, float]]:
        """Return the stretches that spoke for the label (or ``against`` it), the strongest first.

        A stretch is what lies together above ``least`` times the strongest span; each is (start and end in seconds
        from the beginning of the recording, importance of its strongest span). Those that are weaker than
        :data:`NOISE` are among them.
        """
        over_time = -self.weighed.over_time if against else self.weighed.over_time
        if over_time.max() <= 0:
            return []
        inside = np.concatenate([[False], over_time >= least * over_time.max(), [False]])
        changes = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)
        found = [(a, b, float(over_time[a:b].max())) for a, b in changes]
        sign = -1 if against else 1
        return [
            (float(self.times[a]), float(self.times[b]), sign * top) for a, b, top in sorted(found, key=lambda s: -s[2])
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
    """Say which part of a recording spoke for an answer.

    Args:
        model: what answers; ``gradients`` needs one loaded with ``backend="torch"`` that reads a log-mel spectrogram.
        source: as in :meth:`~audio_emotion.inference.model.Model.predict`.
        sampling_rate: Hz, of samples.
        part: which stretch, channel and stream is meant; half a minute at most.
        label: which label is explained; the answer if not given.
        method: one of :data:`METHODS`.
        gate: whether windows of silence, hum, noise and steady tones are left out, as they are of the answer.
        name: what messages call a source that is not a path.

    Raises:
        AudioError: the source cannot be decoded, holds no speech, or is longer than half a minute.
        UsageError: the model has no such label, or cannot be explained by this method; or no such method.

    >>> from audio_emotion import explain, load_model
    >>> explanation = explain(load_model(device="cpu"), "inference/samples/sad.wav")
    >>> explanation.label, explanation.weighed.heat.shape
    ('sad', (12, 22))
    """
    check_method(method)
    index = _index(model, label)
    told = audio.name_of(source, name or ("array" if isinstance(source, np.ndarray) else None))
    config = model.config
    samples = _samples(model, source, sampling_rate, part, told)
    heard = window_audio(samples, config.sampling_rate, config.window_samples, gate)
    if not len(heard.windows):
        raise AudioError(_NO_SPEECH.format(told))
    (logits,) = forward_ragged(model.runtime.logits, [heard.windows], BATCH)
    if gate and model.config.speech_threshold is not None and np.isnan(model.logits(heard.windows)).all():
        raise AudioError(_NO_SPEECH.format(told))
    end = part.start + len(samples) / config.sampling_rate
    said = to_prediction(logits, config, part.start, end, part.channel)
    index = config.labels.index(said.label) if index is None else index
    if method == "gradients":
        from audio_emotion.explanation.gradients import integrate

        weighed = integrate(model.runtime, heard, index, config.temperature)
    else:
        weighed = occlude(model.runtime, heard, logits, index, config.temperature)
    waveform = Waveform(samples, config.sampling_rate, config.sampling_rate, part.start)
    return Explanation(waveform, said, config.labels[index], method, weighed)


def check_method(name: str) -> str:
    """Return the name of a method.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in METHODS:
        raise UsageError(f"no method is called {name!r}; choose one of {', '.join(METHODS)}")
    return name


def _index(model: Model, label: str | None) -> int | None:
    """Return the number of the label that is asked for."""
    if label is not None and label not in model.config.labels:
        raise UsageError(f"the model has no label {label!r}; choose one of {', '.join(model.config.labels)}")
    return None if label is None else model.config.labels.index(label)


def _samples(model: Model, source: Input, sampling_rate: int | None, part: AudioRegion, name: str) -> FloatArray:
    """Decode at most half a minute."""
    blocks, n_samples = list[FloatArray](), 0
    for block in model.reader(source, sampling_rate, part, name)():
        blocks.append(block)
        n_samples += len(block)
        if n_samples > MAX_S * model.config.sampling_rate:
            raise AudioError(
                f"{name}: is longer than {MAX_S:g} s, the longest that can be explained; choose a part of it "
                "with --start and --end"
            )
    return np.concatenate(blocks)
