"""A split written down: a manifest for each set, the split's own description, and the recordings if asked."""

import csv
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audio_emotion.core import paths
from audio_emotion.core.errors import CorpusError, UsageError
from audio_emotion.corpora.base import Corpus, LeftOut, Progress, Utterance, silent
from audio_emotion.corpora.inspection import inspect
from audio_emotion.corpora.load import SAMPLING_RATE, sound
from audio_emotion.corpora.splits import DEFAULT_SHARES, Split, split_by_shares
from audio_emotion.corpora.table import WRITTEN

MANIFESTS = {"train": "train", "validation": "val", "test": "test"}
"""Each side with the name of its manifest and of its folder of recordings."""
DESCRIPTION = "split.json"


@dataclass(frozen=True)
class Prepared:
    """What was written.

    Attributes:
        folder: where.
        split: with its speakers.
        unreadable: what could not be decoded and so stands on no side.
        copies: recordings of different sides that seem to be one take at another level, rate or codec.
    """

    folder: Path
    split: Split
    unreadable: tuple[LeftOut, ...]
    copies: tuple[tuple[Path, ...], ...] = ()


def parse_shares(text: str) -> tuple[int, int, int]:
    """Read ``70/15/15``: percent of the speakers for training, validation and test.

    Raises:
        UsageError: not three whole numbers that add up to 100, the first of them above 0.
    """
    parts = text.split("/")
    if not all(part.isdecimal() for part in parts) or len(parts) != 3:
        raise UsageError(f"the shares {text!r} are not three whole numbers; expected something like 70/15/15")
    train, validation, test = (int(part) for part in parts)
    if train + validation + test != 100 or not train:
        raise UsageError(f"the shares {text!r} must add up to 100 and leave something to train on, as 70/15/15")
    return train, validation, test


def prepare(
    corpus: Corpus,
    target: Path,
    shares: tuple[int, int, int] = DEFAULT_SHARES,
    seed: int = 0,
    with_audio: bool = False,
    progress: Progress = silent,
) -> Prepared:
    """Split by speaker and write ``train.csv``, ``val.csv``, ``test.csv`` and ``split.json`` into a new folder.

    Everything is decoded first, so that one recording under two names cannot end up in two sets. The corpus
    ``table`` reads the manifests back. With ``with_audio`` the recordings are copied to ``train/LABEL/SPEAKER/`` and
    so on, and the manifests name the copies; segments are cut to 16 kHz WAV.

    Raises:
        UsageError: something is at ``target`` already.
        CorpusError: nothing can be decoded, too few speakers, or one recording under speakers of two sets.
        StorageError: the folder cannot be written.
    """
    if target.exists():
        raise UsageError(f"{target} already exists; name a new folder")
    inspection = inspect(corpus, progress)
    readable = inspection.readable
    if not readable.utterances:
        raise CorpusError(f"none of the {len(corpus.utterances)} recording(s) can be decoded; see 'data check'")
    split = split_by_shares(readable.utterances, shares, seed)
    description = {
        "corpora": list(corpus.names),
        "licence": corpus.licence,
        "protocol": split.protocol,
        "percent of speakers": dict(zip(MANIFESTS.values(), shares, strict=True)),
        "seed": seed,
        "utterances": split.sizes,
        "speakers": split.speakers,
    }
    with paths.writing(target) as folder:
        written = 0
        for side, name in MANIFESTS.items():
            rows = []
            for utterance in getattr(split, side):
                path = _copy(utterance, folder / name) if with_audio else utterance.path.resolve()
                row = _row(utterance, path, folder, is_copy=with_audio)
                rows.append(row | {"licence": readable.licence})
                written += 1
                progress("writing", written, len(readable.utterances), "")
            _write(folder / f"{name}.csv", rows)
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", "utf-8")
    side_of = {utterance.path: side for side in MANIFESTS for utterance in getattr(split, side)}
    copies = tuple(tuple(group) for group in inspection.copies if len({side_of[path] for path in group}) > 1)
    return Prepared(target, split, inspection.unreadable, copies)


def _copy(utterance: Utterance, folder: Path) -> Path:
    """Put an utterance's sound into ``folder/LABEL/SPEAKER/``, under its own name, numbered if that is taken."""
    place = folder / _folder_name(utterance.label) / _folder_name(utterance.speaker)
    suffix = ".wav" if utterance.is_segment else utterance.path.suffix
    path, number = place / f"{utterance.path.stem}{suffix}", 1
    while path.exists():
        number += 1
        path = place / f"{utterance.path.stem}-{number}{suffix}"
    place.mkdir(parents=True, exist_ok=True)
    if utterance.is_segment:
        import soundfile

        soundfile.write(path, sound(utterance).samples, SAMPLING_RATE, subtype="PCM_16")
    else:
        shutil.copyfile(utterance.path, path)
    return path


def _folder_name(name: str) -> str:
    return re.sub(r'[/\\:*?"<>|]', "-", name)


def _row(utterance: Utterance, path: Path, folder: Path, is_copy: bool) -> dict[str, str]:
    shown = path.relative_to(folder).as_posix() if is_copy else str(path)
    row = dict(zip(WRITTEN, (shown, utterance.label, utterance.speaker), strict=True))
    if utterance.is_segment and not is_copy:
        row |= {"start": f"{utterance.start:g}", "end": "" if utterance.end is None else f"{utterance.end:g}"}
    return row | dict(utterance.attributes)


def _write(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write a table that has every column of any row."""
    columns = list(dict.fromkeys([*WRITTEN, *(column for row in rows for column in row)]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
