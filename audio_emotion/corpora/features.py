"""Utterances → a table of plain features for use elsewhere: zero-crossing rate, level and MFCC, as librosa has them."""

import csv
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from audio_emotion.core import paths
from audio_emotion.core.errors import CorpusError, PackageError, UsageError
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Corpus, LeftOut, Progress, Utterance, silent
from audio_emotion.corpora.load import SAMPLING_RATE, made_of_each, sound

N_MFCC = 20
SUFFIXES = (".csv", ".parquet")

Cell = str | float | None


def describe(samples: FloatArray) -> dict[str, float]:
    """Return mean and standard deviation, over frames, of each feature of samples (n_samples,) at 16 kHz.

    Frames of 2048 samples every 512, librosa's defaults: ``zcr`` (share of samples), ``rms`` (full scale 1) and
    ``mfcc_01`` to ``mfcc_20``.
    """
    import librosa
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a clip shorter than one frame, which is padded
        frames = np.concatenate(
            [
                librosa.feature.zero_crossing_rate(samples),
                librosa.feature.rms(y=samples),
                librosa.feature.mfcc(y=samples, sr=SAMPLING_RATE, n_mfcc=N_MFCC),
            ]
        )
    names = ["zcr", "rms", *(f"mfcc_{i:02}" for i in range(1, N_MFCC + 1))]
    means, deviations = frames.mean(axis=1).tolist(), frames.std(axis=1).tolist()
    return {f"{name}_mean": mean for name, mean in zip(names, means, strict=True)} | {
        f"{name}_sd": deviation for name, deviation in zip(names, deviations, strict=True)
    }


def write_features(corpus: Corpus, target: Path, progress: Progress = silent) -> tuple[LeftOut, ...]:
    """Write one row an utterance to ``target``, CSV or Parquet by its suffix; return what could not be decoded.

    Raises:
        UsageError: another suffix, or the file is there and is no table of features.
        PackageError: Parquet without pyarrow.
        CorpusError: no utterance can be decoded.
        StorageError: the file cannot be written.
    """
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"features are written as {' or '.join(SUFFIXES)}", subject=str(target), hint="name such a file"
        )
    if target.exists() and not _is_features(target):
        raise UsageError("already exists and is not a table of features", subject=str(target), hint="name another file")
    if target.suffix.lower() == ".parquet" and not find_spec("pyarrow"):
        raise PackageError(
            "writing Parquet needs pyarrow", subject=str(target), hint="run 'pip install pyarrow', or name a .csv file"
        )
    rows, unreadable = made_of_each(corpus.utterances, _row, "measuring", progress)
    if not rows:
        raise CorpusError(f"none of the {len(corpus.utterances)} recording(s) can be decoded; see 'data check'")
    with paths.writing_file(target) as path:
        (_write_csv if target.suffix.lower() == ".csv" else _write_parquet)(path, rows)
    return unreadable


def _is_features(target: Path) -> bool:
    """Tell whether a file is a table of features: the name of the first one is in its header, or Parquet's schema."""
    try:
        with target.open("rb") as file:
            head = file.read(200)
            file.seek(max(0, target.stat().st_size - 100_000))
            return b"zcr_mean" in (head if target.suffix.lower() == ".csv" else file.read())
    except OSError:
        return False


def _row(utterance: Utterance) -> dict[str, Cell]:
    named: dict[str, Cell] = {
        "path": str(utterance.path),
        "emotion": utterance.label,
        "speaker": utterance.speaker,
        "start": utterance.start,
        "end": utterance.end,
    }
    return named | describe(sound(utterance).samples)


def _write_csv(path: Path, rows: Sequence[dict[str, Cell]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, rows: Sequence[dict[str, Cell]]) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
