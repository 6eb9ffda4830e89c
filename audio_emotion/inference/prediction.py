"""Logits to predictions: pooling over windows, temperature, the minimum confidence, and the mean of a timeline."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from audio_emotion.audio.notes import Note
from audio_emotion.core.emotions import NO_SPEECH, UNKNOWN
from audio_emotion.core.types import FloatArray, Prediction
from audio_emotion.models.checkpoint import ModelConfig


def to_prediction(
    logits: FloatArray, config: ModelConfig, start: float, end: float, channel: int | None = None
) -> Prediction:
    """Return the prediction for the logits of the windows that passed the gates, (n_windows, n_labels).

    The scores are softmax(mean over windows / temperature). Rows of NaN are windows in which the network found no
    speech, and are left out. Without any other window the label is ``no speech``.
    """
    logits = with_speech(logits)
    if not len(logits):
        return no_speech(config, start, end, channel)
    # The largest value is subtracted before exp, so that nothing overflows; the quotient is the same.
    scaled = logits.mean(axis=0).astype(np.float64) / config.temperature
    odds = np.exp(scaled - scaled.max())
    probabilities = odds / odds.sum()
    best = int(probabilities.argmax())
    scores = {label: float(p) for label, p in zip(config.labels, probabilities, strict=True)}
    return Prediction(start, end, config.labels[best], float(probabilities[best]), scores, len(logits), channel)


def with_speech(logits: FloatArray) -> FloatArray:
    """Leave out the rows of NaN, which stand for windows without speech: (n_windows, n_labels) → (n, n_labels)."""
    return logits[~np.isnan(logits).any(axis=1)]


def no_speech(config: ModelConfig, start: float, end: float, channel: int | None = None) -> Prediction:
    """Return the prediction for a stretch without speech: every score is 0."""
    return Prediction(start, end, NO_SPEECH, 0.0, dict.fromkeys(config.labels, 0.0), 0, channel)


def apply_min_confidence(prediction: Prediction, minimum: float) -> Prediction:
    """Change the label to ``unknown`` if the best score is below ``minimum``, 0 to 1; ``no speech`` stays."""
    if prediction.label == NO_SPEECH or prediction.score >= minimum:
        return prediction
    return replace(prediction, label=UNKNOWN)


def overall(segments: Sequence[Prediction], config: ModelConfig, channel: int | None = None) -> Prediction:
    """Return one prediction for a whole timeline: the mean of the scores of its speech, weighted by duration."""
    start = segments[0].start if segments else 0.0
    end = max((segment.end for segment in segments), default=0.0)  # turns may overlap
    speech = [segment for segment in segments if segment.label != NO_SPEECH]
    n_windows = sum(segment.n_windows for segment in speech)
    seconds = sum(segment.end - segment.start for segment in speech)
    if not seconds:
        return no_speech(config, start, end, channel)
    scores = {
        label: sum(segment.scores[label] * (segment.end - segment.start) for segment in speech) / seconds
        for label in config.labels
    }
    best = max(scores, key=lambda label: scores[label])
    return Prediction(start, end, best, scores[best], scores, n_windows, channel)


def tonal_note(config: ModelConfig) -> Note:
    """Return the note on a tonal recording that was given an emotion without voice activity detection."""
    judges = "only its level and the changes of its spectrum"
    if config.speech_threshold is not None:
        judges = "its level, the changes of its spectrum and the model"
    return Note(
        "has steady tones, as music has",
        f"{judges} decided that it is speech; voice activity detection (--vad) labels music 'no speech' too",
    )
