"""Who speaks when: speech, cut into short windows, embedded by a pretrained speaker encoder, and clustered.

Source of the encoder: Wan et al. 2018, "Generalized End-to-End Loss for Speaker Verification" (arXiv 1710.10467), with
the weights of Resemblyzer 0.1.4 (Apache License 2.0). A linear discriminant analysis of acted emotions from CREMA-D
follows it (``training/speaker_encoder.py``): without it, an angry voice is another speaker than the same voice, sad.
One voice is assumed to speak at a time: where two overlap, the turn is given to one of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from audio_emotion import audio
from audio_emotion.audio.region import FULL, AudioRegion, AudioSource
from audio_emotion.audio.segments import Segment
from audio_emotion.core.errors import AudioError, PackageError, UsageError
from audio_emotion.core.paths import speaker_encoder
from audio_emotion.core.types import FloatArray, IntArray

if TYPE_CHECKING:
    import onnxruntime

RATE = 16_000
MAX_SPEAKERS = 20

_HOP, _FRAME, _N_MELS = 160, 400, 40  # 10 and 25 ms, as the encoder was trained
_WINDOW, _STEP = 160, 60  # mel frames: 1.6 s of sound behind an embedding, one every 0.6 s
_MIN_SPEECH, _MAX_PAUSE = 20, 15  # mel frames: shorter speech is dropped, shorter pauses are bridged
_MIN_PIECE, _MAX_PIECE = 80, 400  # mel frames: the speech that is given to one speaker at once
_SAME_TURN = 100  # mel frames: a shorter pause does not end a turn
_SPEECH_DB = 35.0  # a frame this far below the loud ones is a pause,
_NOISE_DB = 8.0  # and so is one less than this above the background, the level of the quietest tenth
_LOUD_SHARE = 0.95  # loud: the level that this share of the frames stays below
_TARGET_DBFS = -30.0  # quieter recordings are amplified to this level (RMS of the speech), as in the encoder's training
_SAME_SPEAKER = 0.6  # mean cosine distance below which two clusters are one voice; see benchmarks/speakers.py
_BATCH = 64

Embeddings = npt.NDArray[np.float32]


def diarize(
    source: AudioSource | npt.NDArray[Any],
    sampling_rate: int | None = None,
    *,
    n_speakers: int | None = None,
    part: AudioRegion = FULL,
) -> list[Segment]:
    """Return the turns of each speaker, as segments named ``speaker 1``, ``speaker 2`` ... in order of appearance.

    Args:
        source: a path, the bytes of a file, an open file, or samples (n_samples,) or (n_samples, n_channels).
        sampling_rate: Hz; required for samples.
        n_speakers: number of speakers, 1 to 20; None: estimated.
        part: the stretch, channel and stream to look at.

    Raises:
        AudioError: the recording cannot be decoded or is empty.
        UsageError: ``n_speakers`` is out of its range.
        PackageError: scipy is not installed.
    """
    if n_speakers is not None and not 1 <= n_speakers <= MAX_SPEAKERS:
        raise UsageError(f"the number of speakers is {n_speakers}, expected 1 to {MAX_SPEAKERS}, or auto")
    mel, levels = _features(_blocks(source, sampling_rate, part))
    pieces = _pieces(speech_regions(levels))
    if not pieces:
        return []
    starts = [_window_starts(piece) for piece in pieces]
    owners = np.repeat(np.arange(len(pieces)), [len(own) for own in starts])
    embeddings = _means(embed(mel, np.concatenate(starts)), owners, len(pieces))
    labels = cluster(embeddings, np.array([last - first for first, last in pieces]), n_speakers)
    seconds = _HOP / RATE
    return [
        Segment(part.start + first * seconds, part.start + last * seconds, f"speaker {n + 1}", channel=part.channel)
        for first, last, n in _turns(pieces, labels)
    ]


def _blocks(
    source: AudioSource | npt.NDArray[Any], sampling_rate: int | None, part: AudioRegion
) -> Iterable[FloatArray]:
    if not isinstance(source, np.ndarray):
        return audio.blocks(source, RATE, part)
    if sampling_rate is None:
        raise TypeError("an array of samples needs its sampling_rate in Hz")
    return [audio.from_frames(source, sampling_rate, RATE, part, "array").samples]


# --- features ---------------------------------------------------------------------------------------------------------


def _features(blocks: Iterable[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Return mel power frames (n_frames, 40) at the encoder's level, and the level of each frame in dBFS, (n_frames,).

    Frame k covers the 400 samples around sample 160 k, with zeros before the recording::

        samples   0 ......... 160 ......... 320
        frame 0   [--|--]
        frame 1         [-----|-----]
    """
    mel, powers = [], []
    window = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
    for chunk in _frame_chunks(blocks):
        frames = np.lib.stride_tricks.sliding_window_view(chunk, _FRAME)[::_HOP]
        powers.append(np.square(frames).mean(axis=1))
        spectrum = np.fft.rfft(frames * window, axis=1)
        mel.append(((spectrum.real**2 + spectrum.imag**2) @ _mel_filters()).astype(np.float32))
    if not mel:
        raise AudioError("the recording contains no samples; expected speech")
    power = np.concatenate(powers)
    levels = (10 * np.log10(np.maximum(power, 1e-12))).astype(np.float32)
    loud = power[levels > np.quantile(levels, _LOUD_SHARE) - _NOISE_DB]
    gain_db = max(0.0, _TARGET_DBFS - 10 * np.log10(max(float(loud.mean()), 1e-12)))
    return np.concatenate(mel) * np.float32(10 ** (gain_db / 10)), levels


def _frame_chunks(blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
    """Yield samples in chunks that hold whole frames; each chunk begins where the next frame does."""
    pending = np.zeros(_FRAME // 2, np.float32)  # the first frame is centred on the first sample
    for block in blocks:
        pending = np.concatenate([pending, block])
        # pending   |----frame 0----|
        #              |----frame 1----|             the next chunk starts where frame `n_frames` does,
        #           |hop|hop|..rest..|               so frames that lie across two blocks are complete
        n_frames = (len(pending) - _FRAME) // _HOP + 1
        if n_frames > 0:
            yield pending[: (n_frames - 1) * _HOP + _FRAME]
            pending = pending[n_frames * _HOP :]


@cache
def _mel_filters() -> FloatArray:
    """Return Slaney's triangular filters, 0 to 8 kHz, each of area 1: (201, 40); librosa's ``filters.mel``."""

    def to_mel(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        # linear up to 1 kHz (15 mel), then logarithmic, 27 mel for a factor of 6.4
        return np.where(hertz < 1000, hertz * 3 / 200, 15 + 27 * np.log(np.maximum(hertz, 1) / 1000) / np.log(6.4))

    def to_hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27))

    edges = to_hertz(np.linspace(0, to_mel(np.array(RATE / 2)), _N_MELS + 2))
    bins = np.linspace(0, RATE / 2, _FRAME // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return np.asarray(filters, np.float32)


# --- speech -----------------------------------------------------------------------------------------------------------


def speech_regions(levels: FloatArray) -> list[tuple[int, int]]:
    """Return (first, last + 1) frames of each stretch of speech; short pauses are bridged and short sounds dropped.

    >>> speech_regions(np.array([-60.0] * 50 + [-20.0] * 100 + [-60.0] * 50, np.float32))
    [(50, 150)]
    """
    if not len(levels):
        return []
    loud = float(np.quantile(levels, _LOUD_SHARE))
    background = float(np.quantile(levels, 0.1))
    # Speech is above the highest of three lines: 35 dB below the loud frames, 8 dB above the background, and -70 dBFS.
    # The second is at most 8 dB below the loud frames: in speech without pauses, the quietest tenth is speech too.
    is_speech = levels > max(loud - _SPEECH_DB, min(background + _NOISE_DB, loud - _NOISE_DB), -70.0)
    return [(a, b) for a, b in _bridged(_runs(is_speech)) if b - a >= _MIN_SPEECH]


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    # mask    . # # . . #
    # steps     ^     ^   ^ ^      starts and ends in turn; False on both sides closes open runs
    steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True))


def _bridged(runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for a, b in runs:
        if joined and a - joined[-1][1] < _MAX_PAUSE:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return joined


# --- embeddings -------------------------------------------------------------------------------------------------------


def _window_starts(region: tuple[int, int]) -> IntArray:
    """Return the first mel frame of each window of a region, one every 0.6 s; the last one ends where speech ends."""
    first, last = region
    if last - first <= _WINDOW:
        return np.array([first])
    # region   |==================|
    # windows  |------|
    #             |------|             every 0.6 s
    #                    |------|      the last one ends with the region
    return np.append(np.arange(first, last - _WINDOW, _STEP), last - _WINDOW)


def embed(mel: FloatArray, starts: IntArray, encoder: "onnxruntime.InferenceSession | None" = None) -> Embeddings:
    """Return an embedding of unit length for the 160 mel frames from each start, (n_windows, 24)."""
    padded = np.concatenate([mel, np.zeros((_WINDOW, _N_MELS), np.float32)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=0)  # (n, 40, 160)
    session = encoder or _encoder()
    parts = [
        session.run(["embeddings"], {"mel": np.ascontiguousarray(windows[starts[i : i + _BATCH]].transpose(0, 2, 1))})[
            0
        ]
        for i in range(0, len(starts), _BATCH)
    ]
    return np.concatenate(parts)


@cache
def _encoder() -> "onnxruntime.InferenceSession":
    import os

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(speaker_encoder(), options, providers=["CPUExecutionProvider"])


# --- clustering -------------------------------------------------------------------------------------------------------


def cluster(embeddings: Embeddings, weights: IntArray, n_speakers: int | None = None) -> IntArray:
    """Return the cluster of each piece of speech, (n_pieces,), by average linkage of cosine distances.

    Only pieces of at least 0.8 s (``weights``, mel frames) form clusters; each piece then goes to the nearest one.
    Without ``n_speakers``, clusters are merged while their mean distance says that they are one voice.

    Raises:
        PackageError: scipy is not installed.
    """
    try:
        from scipy.cluster.hierarchy import fcluster, linkage
    except ImportError as error:
        raise PackageError("--speakers needs scipy, which is not installed; run: pip install scipy") from error

    is_long = weights >= _MIN_PIECE
    if is_long.sum() < max(2, n_speakers or 0):
        is_long = np.ones(len(weights), bool)
    if is_long.sum() < 2 or n_speakers == 1:
        return np.zeros(len(weights), np.int64)
    long = embeddings[is_long]
    tree = linkage(long, "average", metric="cosine")
    cut = (_SAME_SPEAKER, "distance") if n_speakers is None else (min(n_speakers, len(long)), "maxclust")
    labels = fcluster(tree, *cut)
    for _ in range(3):  # to the nearest mean, as k-means does
        numbers = np.unique(labels)
        means = np.stack(
            [np.average(long[labels == k], axis=0, weights=weights[is_long][labels == k]) for k in numbers]
        )
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        labels = (long @ means.T).argmax(axis=1)
    return np.asarray((embeddings @ means.T).argmax(axis=1), np.int64)


def _pieces(regions: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cut regions into equal pieces of at most 4 s, each of which is given to one speaker."""
    pieces = []
    for first, last in regions:
        # Rounded up: 9 s become three pieces of 3 s, not two of 4 s and one of 1 s.
        n = -(-(last - first) // _MAX_PIECE)
        edges = np.linspace(first, last, n + 1).round().astype(int)
        pieces += list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    return pieces


def _means(embeddings: Embeddings, owners: IntArray, n: int) -> Embeddings:
    """Return the mean embedding of each piece, of unit length, (n, n_dimensions)."""
    means = np.stack([embeddings[owners == i].mean(axis=0) for i in range(n)])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


def _turns(pieces: Sequence[tuple[int, int]], labels: IntArray) -> list[tuple[int, int, int]]:
    """Return (first frame, last frame + 1, speaker) of each turn, speakers numbered in order of appearance.

    Pieces of one speaker with less than a second between them are one turn.
    """
    order: dict[int, int] = {}
    turns: list[tuple[int, int, int]] = []
    for (first, last), label in zip(pieces, labels.tolist(), strict=True):
        speaker = order.setdefault(label, len(order))
        if turns and turns[-1][2] == speaker and first - turns[-1][1] < _SAME_TURN:
            turns[-1] = (turns[-1][0], last, speaker)
        else:
            turns.append((first, last, speaker))
    return turns
