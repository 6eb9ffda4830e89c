"""What a decode worker makes of a recording: see :class:`audio_emotion.workers.Reader`."""

from collections.abc import Iterator

from audio_emotion import audio
from audio_emotion.prediction import speech_windows
from audio_emotion.workers.wire import Part

_WINDOWS = 16  # in a message: 3 MB


def whole(path: str, sampling_rate: int, window_samples: int) -> Iterator[Part]:
    """Yield the windows of a recording that hold speech, for one answer; the note says how long it is, in seconds."""
    waveform = audio.load(path, sampling_rate)
    windows = speech_windows(waveform.samples, window_samples)
    for start in range(0, max(len(windows), 1), _WINDOWS):
        yield Part(windows[start : start + _WINDOWS], waveform.duration, {"duration_s": waveform.duration})
