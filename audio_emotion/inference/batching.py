"""Windows of several recordings in one batch of the model: the one way from windows to logits."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from audio_emotion.audio.windows import BATCH, iter_speech_windows
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import FloatArray, Prediction
from audio_emotion.inference.prediction import to_prediction, with_speech
from audio_emotion.models.checkpoint import ModelConfig

GROUP = 16
"""Recordings that are predicted together, so that their windows share a batch."""

Forward = Callable[[FloatArray], FloatArray]
"""Windows (n_windows, window_samples), or their features, to logits (n_windows, n_labels).

A row of NaN means that the network found no speech in the window."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A recording that is to be predicted as a whole.

    Attributes:
        read: yields its blocks of samples at the model's rate, from the start each time it is called.
        start: seconds from the beginning of the file to its first sample.
        channel: counted from 1; None: the mean of all.
        gate: whether windows of silence, hum, noise and steady tones are left out.
        vad: whether windows without a voice are left out too.
    """

    read: Callable[[], Iterable[FloatArray]]
    start: float = 0.0
    channel: int | None = None
    gate: bool = True
    vad: bool = False


def forward_ragged(forward: Forward, groups: Sequence[FloatArray], batch: int | None = None) -> list[FloatArray]:
    """Return the logits of each group of windows, (n_windows, n_labels); of an empty group, (0, n_labels).

    All groups go through the model together, or at most ``batch`` windows at a time::

        groups   [w w w] [] [w w]
        forward   w w w      w w      one array
        logits   [l l l] [] [l l]     split at the same places
    """
    windows = np.concatenate(groups) if groups else np.empty((0, 0), np.float32)
    if not len(windows):
        return [np.empty((0, 0), np.float32)] * len(groups)
    size = batch or len(windows)
    logits = np.concatenate([forward(windows[i : i + size]) for i in range(0, len(windows), size)])
    # np.split takes the borders between groups, so the last sum, the total, is left out.
    return np.split(logits, np.cumsum([len(group) for group in groups])[:-1])


def utterance_logits(forward: Forward, utterances: Sequence[FloatArray]) -> list[FloatArray | None]:
    """Return each utterance's logits, (n_labels,), the mean over its windows; None if it has no window.

    ``utterances`` are windows, (n_windows, window_samples) each.
    """
    logits = [with_speech(own) for own in forward_ragged(forward, utterances, BATCH)]
    return [own.mean(axis=0) if len(own) else None for own in logits]


def predict_batched(
    recordings: Sequence[BatchItem], config: ModelConfig, forward: Forward
) -> list[Prediction | AudioError]:
    """Return the prediction of each recording, or the error that it met, which stops no other.

    Each round puts the next windows of every recording that has some left through the model together.
    """
    results: dict[int, Prediction | AudioError] = {}
    logits: dict[int, list[FloatArray]] = {}
    lengths: dict[int, int] = {}
    batches: dict[int, Iterator[FloatArray]] = {}
    shape = config.sampling_rate, config.window_samples
    for i, recording in enumerate(recordings):
        try:
            lengths[i], batches[i] = iter_speech_windows(recording.read, *shape, recording.gate, recording.vad)
        except AudioError as error:
            results[i] = error
    while batches:
        # round 1    a: [w w w]   b: [w]   c: [w w]      one forward pass for all
        # round 2    a: [w]       b: -     c: [w w]      recordings that end drop out
        turn: dict[int, FloatArray] = {}
        for i in list(batches):
            try:
                turn[i] = next(batch for batch in batches[i] if len(batch))
            except StopIteration:
                del batches[i]
            except AudioError as error:
                results[i] = error
                del batches[i]
        for i, own in zip(turn, forward_ragged(forward, list(turn.values())), strict=True):
            logits.setdefault(i, []).append(own)
    for i, recording in enumerate(recordings):
        if i not in results:
            own = np.concatenate(logits[i]) if i in logits else np.empty((0, 0), np.float32)
            end = recording.start + lengths[i] / config.sampling_rate
            results[i] = to_prediction(own, config, recording.start, end, recording.channel)
    return [results[i] for i in range(len(recordings))]


def predict_all(recordings: Sequence[BatchItem], config: ModelConfig, forward: Forward) -> list[Prediction]:
    """Return the prediction of each recording.

    Raises:
        AudioError: that of the first recording that cannot be predicted.
    """
    predictions: list[Prediction] = []
    for first in range(0, len(recordings), GROUP):
        for result in predict_batched(recordings[first : first + GROUP], config, forward):
            if isinstance(result, AudioError):
                raise result
            predictions.append(result)
    return predictions


def predict_parallel(
    recordings: Iterable[BatchItem], config: ModelConfig, forward: Forward, n_threads: int
) -> Iterator[Prediction | AudioError]:
    """Yield the prediction of each recording or its error, in order; ``n_threads`` groups are predicted at once.

    Only one more group is taken from ``recordings`` ahead of time, so memory does not grow with their number.
    """
    remaining = iter(recordings)
    in_flight = deque[Future[list[Prediction | AudioError]]]()
    threads = ThreadPoolExecutor(n_threads)
    try:
        while group := list(islice(remaining, GROUP)):
            in_flight.append(threads.submit(predict_batched, group, config, forward))
            if len(in_flight) > n_threads:
                yield from in_flight.popleft().result()
        while in_flight:
            yield from in_flight.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
