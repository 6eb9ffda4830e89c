"""Who speaks when: speech, cut into pieces, embedded by a pretrained speaker encoder, and clustered.

Source of the encoder: Wan et al. 2018, "Generalized End-to-End Loss for Speaker Verification" (arXiv 1710.10467), with
the weights of Resemblyzer 0.1.4 (Apache License 2.0). Statistics of its layers over time are projected to the
directions in which speakers differ and the acted emotions of one speaker do not (``training/speaker_encoder.py``).
Clusters are those of a Gaussian mixture whose means have the prior of speakers' means, as in VBx (Landini et al. 2022,
"Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization", Computer Speech & Language 71).
One voice is assumed to speak at a time: where two overlap, the turn is given to one of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from audio_emotion import audio
from audio_emotion.audio.region import FULL, AudioRegion, AudioSource
from audio_emotion.audio.segments import Segment
from audio_emotion.core.errors import AudioError, UsageError
from audio_emotion.core.paths import speaker_encoder
from audio_emotion.core.types import FloatArray, IntArray

if TYPE_CHECKING:
    import onnxruntime

RATE = 16_000
MAX_SPEAKERS = 20

_HOP, _FRAME, _N_MELS = 160, 400, 40  # 10 and 25 ms, as the encoder was trained
_WINDOW, _STEP = 160, 80  # mel frames: 1.6 s of sound behind an embedding, one every 0.8 s or less
_MIN_SPEECH, _MAX_PAUSE = 20, 15  # mel frames: shorter speech is dropped, shorter pauses are bridged
_MAX_PIECE = 400  # mel frames: the speech that is given to one speaker at once
_SAME_TURN = 100  # mel frames: a shorter pause does not end a turn
_SPEECH_DB = 35.0  # a frame this far below the loud ones is a pause,
_NOISE_DB = 8.0  # and so is one less than this above the background, the level of the quietest tenth
_LOUD_SHARE = 0.95  # loud: the level that this share of the frames stays below
_TARGET_POWER = 1e-3  # each piece of speech is brought to -30 dBFS (RMS), as in the encoder's training
_BATCH = 64

# Chosen on conversations of speakers that the projection had not learned from, see training/experiments/speakers.md.
_MIN_PIECE_S, _LONG_S = 0.8, 4.0
_EVIDENCE = 0.7  # independent embeddings that a piece of _LONG_S counts as
_PRIOR = 1.0  # weight of the prior of a speaker's mean
_MAX_ESTIMATED = 10  # speakers
_N_STARTS, _N_ITERATIONS = 10, 20

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
    """
    if n_speakers is not None and not 1 <= n_speakers <= MAX_SPEAKERS:
        raise UsageError(f"the number of speakers is {n_speakers}, expected 1 to {MAX_SPEAKERS}, or auto")
    mel, levels = _features(_blocks(source, sampling_rate, part))
    pieces = _pieces(speech_regions(levels))
    if not pieces:
        return []
    embeddings = embed(mel, levels, pieces)
    seconds_each = np.array([(last - first) * _HOP / RATE for first, last in pieces])
    labels = cluster(embeddings, seconds_each, speaker_variance(), n_speakers)
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
    """Return mel power frames (n_frames, 40), and the level of each frame in dBFS, (n_frames,).

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
    levels = 10 * np.log10(np.maximum(np.concatenate(powers), 1e-12))
    return np.concatenate(mel), levels.astype(np.float32)


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


def embed(
    mel: FloatArray,
    levels: FloatArray,
    pieces: Sequence[tuple[int, int]],
    encoder: "onnxruntime.InferenceSession | None" = None,
) -> Embeddings:
    """Return the mean embedding over the windows of each piece of speech, (n_pieces, n_dimensions).

    Args:
        mel: power, (n_frames, 40).
        levels: level of each frame in dBFS, (n_frames,).
        pieces: (first, last + 1) frames.
        encoder: None: the one that comes with the package.
    """
    session = encoder or _encoder()
    sums: list[npt.NDArray[np.float64]] = []
    counts = np.zeros(len(pieces))
    windows = ((i, window) for i, piece in enumerate(pieces) for window in _windows(mel, levels, *piece))
    while batch := list(islice(windows, _BATCH)):
        rows = session.run(None, {"mel": np.stack([window for _, window in batch])})[0]
        if not sums:
            sums = [np.zeros(rows.shape[1]) for _ in pieces]
        for (i, _), row in zip(batch, rows, strict=True):
            sums[i] += row
            counts[i] += 1
    return np.asarray(np.stack(sums) / counts[:, None], np.float32)


def _windows(mel: FloatArray, levels: FloatArray, first: int, last: int) -> Iterator[FloatArray]:
    """Yield the windows of a piece of speech at the encoder's level, (160, 40) each.

    They are evenly spaced, the last one ends with the piece; a piece shorter than a window is repeated::

        piece    |------------------|          piece    |-----|
        windows  [---------]                   window   [-----|--]
                     [---------]
                         [---------]
    """
    power = np.mean(10 ** (levels[first:last].astype(np.float64) / 10))
    piece = mel[first:last] * np.float32(_TARGET_POWER / power)
    n = last - first
    if n < _WINDOW:
        yield piece[np.arange(_WINDOW) % n]
        return
    n_windows = -(-(n - _WINDOW) // _STEP) + 1
    for start in np.linspace(0, n - _WINDOW, n_windows).round().astype(int):
        yield piece[start : start + _WINDOW]


@cache
def _encoder() -> "onnxruntime.InferenceSession":
    import os

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(speaker_encoder(), options, providers=["CPUExecutionProvider"])


@cache
def speaker_variance() -> FloatArray:
    """Return the variance of embeddings between speakers, (n_dimensions,); that within a speaker is 1."""
    stored = _encoder().get_modelmeta().custom_metadata_map["speaker_variance"]
    return np.array(stored.split(), np.float32)


# --- clustering -------------------------------------------------------------------------------------------------------


def cluster(
    embeddings: Embeddings, seconds: FloatArray, variance: FloatArray, n_speakers: int | None = None
) -> IntArray:
    """Return the cluster of each piece of speech, (n_pieces,).

    k-means gives a first clustering, which a mixture of Gaussians then improves. Without ``n_speakers``, the number of
    speakers is that of the mixture with the highest evidence.

    Args:
        embeddings: (n_pieces, n_dimensions).
        seconds: length of each piece. Only pieces of 0.8 s or more take part in k-means.
        variance: between speakers in each dimension, where that within a speaker is 1.
        n_speakers: None: estimated.
    """
    rng = np.random.default_rng(0)
    if n_speakers is not None:
        return _mixture(embeddings, seconds, variance, min(n_speakers, len(embeddings)), rng)[0]
    largest = min(_MAX_ESTIMATED, len(embeddings))
    mixtures = [_mixture(embeddings, seconds, variance, n, rng) for n in range(1, largest + 1)]
    return max(mixtures, key=lambda mixture: mixture[1])[0]


def _mixture(
    rows: Embeddings, seconds: FloatArray, variance: FloatArray, n: int, rng: np.random.Generator
) -> tuple[IntArray, float]:
    """Return the cluster of each piece, and a lower bound of the log evidence, by variational Bayes.

    The mean of a cluster is ``sqrt(variance) * y``, with a standard normal prior of y; a piece counts as
    ``weights`` independent rows.
    """
    weights = _EVIDENCE * np.minimum(seconds / _LONG_S, 1.0)
    is_long = seconds >= _MIN_PIECE_S
    if is_long.sum() < n:
        is_long = np.ones(len(rows), bool)
    means = _k_means(rows[is_long], seconds[is_long], n, rng)
    shares = np.full(len(means), 1 / len(means))
    labels = _squared_distances(rows, means).argmin(axis=1)
    posterior = 0.9 * np.eye(len(means))[labels] + 0.1 / len(means)  # (n_pieces, n)
    bound = -np.inf
    for _ in range(_N_ITERATIONS):
        weighted = posterior * weights[:, None]
        precision = 1 + weighted.sum(axis=0)[:, None] * variance / _PRIOR  # of y, (n, n_dimensions)
        y = weighted.T @ rows * np.sqrt(variance) / _PRIOR / precision
        distances = _squared_distances(rows, y * np.sqrt(variance)) + (variance / precision).sum(axis=1)
        joint = -0.5 * weights[:, None] * distances + np.log(shares + 1e-30)
        evidence = np.logaddexp.reduce(joint, axis=1)
        posterior = np.exp(joint - evidence[:, None])
        shares = posterior.mean(axis=0)
        previous = bound
        bound = float(evidence.sum() - _PRIOR * 0.5 * (np.log(precision) + 1 / precision + y**2 - 1).sum())
        if bound - previous < 1e-3:
            break
    return posterior.argmax(axis=1), bound


def _k_means(rows: Embeddings, weights: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Return the best means of ten starts of k-means++, (n, n_dimensions); fewer if there are fewer different rows."""
    best, least = rows[:1], np.inf
    for _ in range(_N_STARTS):
        means = _k_means_start(rows, weights, n, rng)
        for _ in range(_N_ITERATIONS):
            distances = _squared_distances(rows, means)
            members = np.eye(len(means))[distances.argmin(axis=1)] * weights[:, None]
            total = members.sum(axis=0)[:, None]
            means = np.where(total > 0, members.T @ rows / np.maximum(total, 1e-9), means)
        cost = float((weights * _squared_distances(rows, means).min(axis=1)).sum())
        if cost < least:
            best, least = means, cost
    return np.asarray(best)


def _k_means_start(rows: Embeddings, weights: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Draw rows, each with a chance that grows with the distance from those drawn before."""
    drawn = [rng.choice(len(rows), p=weights / weights.sum())]
    while len(drawn) < n:
        chances = weights * _squared_distances(rows, rows[drawn]).min(axis=1)
        if not chances.sum() > 0:
            break
        drawn.append(rng.choice(len(rows), p=chances / chances.sum()))
    return np.asarray(rows[drawn])


def _squared_distances(rows: Embeddings, means: FloatArray) -> npt.NDArray[np.float64]:
    """Return the squared distance of each row from each mean, (n_rows, n_means)."""
    squares = (rows**2).sum(axis=1)[:, None] - 2 * rows @ means.T + (means**2).sum(axis=1)
    return np.maximum(np.asarray(squares, np.float64), 0.0)


def _pieces(regions: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cut regions into equal pieces of at most 4 s, each of which is given to one speaker."""
    pieces = []
    for first, last in regions:
        # Rounded up: 9 s become three pieces of 3 s, not two of 4 s and one of 1 s.
        n = -(-(last - first) // _MAX_PIECE)
        edges = np.linspace(first, last, n + 1).round().astype(int)
        pieces += list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    return pieces


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
