"""The windows of an utterance that hold speech: the quiet at its ends trimmed, cut into windows, and gated.

Training, evaluation and inference all cut a recording here, so a clip meets the network in one form only.
"""

from collections.abc import Callable, Iterable, Iterator

from audio_emotion.audio.vad import speech_mask
from audio_emotion.audio.windows import utterance_windows, windows_of
from audio_emotion.core.types import FloatArray

BATCH = 16
"""Windows in one batch. More make no prediction faster on a CPU, and cost memory (16 windows of 3 s: 3 MB)."""


def speech_windows(
    samples: FloatArray, window_samples: int, sampling_rate: int = 16_000, gate: bool = True, vad: bool = False
) -> FloatArray:
    """Return the windows of an utterance that hold speech, (n_windows, window_samples); empty if there is none."""
    windows = windows_of(samples, window_samples)
    return windows[speech_mask(windows, sampling_rate, gate, vad)]


def iter_speech_windows(
    read: Callable[[], Iterable[FloatArray]],
    sampling_rate: int,
    window_samples: int,
    gate: bool = True,
    vad: bool = False,
) -> tuple[int, Iterator[FloatArray]]:
    """Return the length of a recording in samples, and the windows that hold speech, at most ``BATCH`` at a time.

    ``read`` yields the recording's blocks from its start each time it is called. A batch is empty where sixteen
    windows in a row hold no speech.
    """
    n_samples, batches = utterance_windows(read, sampling_rate, window_samples, BATCH)
    return n_samples, (batch[speech_mask(batch, sampling_rate, gate, vad)] for batch in batches)
