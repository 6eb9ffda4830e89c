"""A sound → the fixed windows that a model reads.

Silence at both ends is trimmed, windows cover the rest, and windows without speech are left out::

    recording  ....|=====================|....     quiet ends are trimmed (:func:`trim`)
    windows        |--- 0 ---|                     half a window apart (:func:`window_bounds`)
                        |--- 1 ---|
                               |--- 2 ---|         the last one ends with the sound
    short clip     00|=====|00                     padded with zeros on both sides (:func:`pad`)

Training, evaluation and inference all use these functions, so the network sees a clip in the same form everywhere.
Sound is read block by block where that is possible, so memory does not grow with the length of a recording.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.vad import speech_mask
from audio_emotion.core.types import FloatArray

BATCH = 16
"""Windows in one batch. More make no prediction faster on a CPU, and cost memory (16 windows of 3 s: 3 MB)."""

TRIM_DB = 40.0
"""Frames this far below the loudest one, at either end of a recording, are not part of the utterance."""

SILENCE_DBFS = -60.0
"""A recording whose loudest frame is below this level is reported as silent."""

_HOP = 256  # samples; levels are those of frames of two hops
_HELD_S = 600.0  # recordings up to this long are kept in memory to be judged; longer ones are decoded twice


class Levels:
    """The level of each frame of a sound that comes in blocks.

    A frame is 512 samples, one every 256, centred, with zeros outside the sound; memory is 2 MB an hour at 16 kHz.
    """

    def __init__(self) -> None:
        self._energies: list[npt.NDArray[np.float64]] = []  # of each hop of 256 samples
        self._rest = np.empty(0, np.float32)
        self.n_samples = 0

    def push(self, samples: FloatArray) -> None:
        """Take the next block, (n_samples,)."""
        self.n_samples += len(samples)
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // _HOP * _HOP
        self._energies.append(_hop_energies(samples[:whole]))
        self._rest = samples[whole:]

    def decibels(self) -> npt.NDArray[np.float64]:
        """Return the level of each frame so far in dB re full scale (RMS), (n_samples // 256 + 1,)."""
        # hops     | 0 | 1 | 2 | 3 | 4 |0..    energies of 256 samples each, with zeros before and behind the sound
        # frames   | 0 |                       a frame has 512 samples: two hops, so that frame k
        #              | 1   |                 is centred at the beginning of hop k
        rest = np.pad(self._rest, (0, _HOP - len(self._rest)))  # the last hop, filled up with zeros
        hops = np.concatenate([np.zeros(1), *self._energies, _hop_energies(rest)])
        power = (hops[:-1] + hops[1:]) / (2 * _HOP)
        return np.asarray(10 * np.log10(np.maximum(power, 1e-12)))

    def trim(self) -> tuple[int, int]:
        """Return (start, end), in samples, of what is left without the quiet at both ends."""
        levels = self.decibels()
        # Frame k is centred at sample k * hop, so the first loud frame k starts the sound at k * hop,
        # and the last one ends it at (k + 1) * hop, or with the recording if that is earlier.
        loud = np.flatnonzero(levels > levels.max() - TRIM_DB)
        return int(loud[0]) * _HOP, min(self.n_samples, (int(loud[-1]) + 1) * _HOP)


def _hop_energies(samples: FloatArray) -> npt.NDArray[np.float64]:
    hops = samples.reshape(-1, _HOP).astype(np.float64)
    return np.asarray(np.einsum("ij,ij->i", hops, hops))


def trim(samples: FloatArray) -> tuple[int, int]:
    """Return (start, end), in samples, of what is left without the quiet at both ends.

    The rule is that of ``librosa.effects.trim`` with ``top_db`` 40, frames of 512 and a hop of 256.
    """
    levels = Levels()
    levels.push(samples)
    return levels.trim()


def loudest_db(samples: FloatArray) -> float:
    """Return the level of the loudest frame in dB re full scale (RMS)."""
    levels = Levels()
    levels.push(samples)
    return float(levels.decibels().max())


def pad(samples: FloatArray, window_samples: int) -> FloatArray:
    """Centre a sound that is shorter than a window in it, with zeros on both sides; return others unchanged."""
    # missing       |--------|          an odd number leaves one zero more behind the sound
    # result    0000|==sound==|00000
    missing = max(0, window_samples - len(samples))
    return np.pad(samples, (missing // 2, missing - missing // 2)) if missing else samples


def window_bounds(n_samples: int, window_samples: int) -> list[tuple[int, int]]:
    """Return (start, end), in samples, of the windows that cover a sound.

    Each window starts half a window after the one before; the last one ends with the sound. A sound that is not
    longer than a window is a single span.
    """
    # sound     |=======================|
    # windows   |--- 0 ---|                 each begins half a window after the one before,
    #                |--- 1 ---|            the last one ends with the sound
    #                     |--- 2 ---|
    #                         |--- 3 ---|
    last = n_samples - window_samples
    if last <= 0:
        return [(0, n_samples)]
    return [(start, start + window_samples) for start in [*range(0, last, window_samples // 2), last]]


def frame(samples: FloatArray, window_samples: int) -> FloatArray:
    """Cut a sound into the windows of :func:`window_bounds`, (n_windows, window_samples), the only short one padded."""
    return np.stack(
        [pad(samples[start:end], window_samples) for start, end in window_bounds(len(samples), window_samples)]
    )


def windows_of(samples: FloatArray, window_samples: int) -> FloatArray:
    """Cut an utterance into (n_windows, window_samples), each half a window after the last.

    The quiet at both ends is trimmed. A shorter utterance is centred in its window, with zeros around it; the last
    window of a longer one ends with the utterance.
    """
    start, end = trim(samples)
    return frame(samples[start:end], window_samples)


def slice_blocks(sound: Iterable[FloatArray], parts: Iterable[tuple[int, int]]) -> Iterator[FloatArray]:
    """Yield the samples of each part, (start, end) in samples, of a sound that comes in blocks.

    Parts come in the order of their starts and may overlap. A part that reaches beyond the end of the sound is cut
    there; a part that starts after it is empty. Only the samples between a part's start and its end are in memory.
    """
    sound = iter(sound)
    held, first, more = np.empty(0, np.float32), 0, True
    for start, end in parts:
        while more and first + len(held) < end:
            # held    first |=======|=========|      what lies before `start` is dropped,
            # part                  |start    ... end   and blocks are added until `end` is reached
            drop = min(len(held), max(0, start - first))
            block = next(sound, None)
            more = block is not None
            held, first = np.concatenate([held[drop:], *([] if block is None else [block])]), first + drop
        yield held[max(0, start - first) : end - first]


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

    The windows are those of :func:`speech_windows`. A batch is empty where sixteen windows in a row hold no speech.
    ``read`` yields the recording's blocks from its start each time it is called: where the quiet at the end begins is
    only known at the end, so a recording of more than ten minutes is read twice, and a shorter one is kept until then.
    """
    levels, held = Levels(), list[FloatArray]()
    for block in read():
        levels.push(block)
        if levels.n_samples <= _HELD_S * sampling_rate:
            held.append(block)
        else:
            held.clear()
    start, end = levels.trim()

    def batches() -> Iterator[FloatArray]:
        # Window bounds count from the first loud sample, blocks from the beginning of the recording:
        # recording  0....|start =========== end|....
        # window            first |-----| last          (start + first, start + last) in the recording
        parts = [(start + first, start + last) for first, last in window_bounds(end - start, window_samples)]
        padded = (pad(window, window_samples) for window in slice_blocks(held or read(), parts))
        while batch := list(itertools.islice(padded, BATCH)):
            windows = np.stack(batch)
            yield windows[speech_mask(windows, sampling_rate, gate, vad)]

    return levels.n_samples, batches()
