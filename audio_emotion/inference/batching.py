"""Windows of speech → one answer for a recording, by itself or beside others, whose windows then share a batch."""

from collections.abc import Callable, Generator, Iterable, Sequence

import numpy as np

from audio_emotion.audio.vad import speech_mask
from audio_emotion.audio.windows import utterance_windows
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import FloatArray, Prediction
from audio_emotion.models.checkpoint import ModelConfig

BATCH = 16
"""Windows read at once: more make no answer faster on a CPU, and cost memory."""

Judging = Generator[FloatArray, FloatArray, Prediction]
"""Yields windows (n, window_samples), is sent their logits (n, n_labels), and returns the answer."""


def iter_window_batches(
    config: ModelConfig,
    read: Callable[[], Iterable[FloatArray]],
    start: float = 0.0,
    channel: int | None = None,
    gate: bool = True,
    vad: bool = False,
) -> Judging:
    """Go through a recording, whose blocks ``read`` gives from the beginning: the mean over its windows with speech.

    Raises:
        AudioError: there is nothing to judge.
    """
    n_samples, windows = utterance_windows(read, config.sampling_rate, config.window_samples, BATCH)
    logits: list[FloatArray] = []
    for batch in windows:
        speech = batch[speech_mask(batch, config.sampling_rate, gate, vad)]
        if len(speech):
            logits.append((yield speech))
    pooled = np.concatenate(logits).mean(axis=0) if logits else None
    return answer(pooled, config, start, start + n_samples / config.sampling_rate, sum(map(len, logits)), channel)


def predict_batched(
    recordings: Sequence[Judging], logits: Callable[[FloatArray], FloatArray]
) -> list[Prediction | AudioError]:
    """Return the answer of each recording, or the error that it met; a window of each goes into every batch."""
    said: dict[int, Prediction | AudioError] = {}
    heard: dict[int, FloatArray | None] = dict.fromkeys(range(len(recordings)))
    while heard:
        asked: dict[int, FloatArray] = {}
        for number, found in heard.items():
            try:
                asked[number] = recordings[number].send(found)  # type: ignore[arg-type]  # None begins
            except StopIteration as end:
                said[number] = end.value
            except AudioError as error:
                said[number] = error
        heard = dict(zip(asked, _split(asked, logits), strict=True))
    return [said[number] for number in range(len(recordings))]


def _split(asked: dict[int, FloatArray], logits: Callable[[FloatArray], FloatArray]) -> list[FloatArray]:
    """Return the logits of each one's windows, all of which are read at once."""
    if not asked:
        return []
    ends = np.cumsum([len(windows) for windows in asked.values()])
    return np.split(logits(np.concatenate(list(asked.values()))), ends[:-1])


def answer(
    logits: FloatArray | None,
    config: ModelConfig,
    start: float,
    end: float,
    n_windows: int,
    channel: int | None = None,
) -> Prediction:
    """Turn logits (n_labels,) into a prediction: softmax of logits / temperature; without logits, no speech."""
    if logits is None:
        return Prediction(start, end, NO_SPEECH, 0.0, dict.fromkeys(config.labels, 0.0), 0, channel)
    scaled = logits.astype(np.float64) / config.temperature
    odds = np.exp(scaled - scaled.max())
    probabilities = odds / odds.sum()
    best = int(probabilities.argmax())
    scores = {label: float(p) for label, p in zip(config.labels, probabilities, strict=True)}
    return Prediction(start, end, config.labels[best], float(probabilities[best]), scores, n_windows, channel)
