"""What a collection really holds: every recording decoded, measured and compared, and counted against its authors."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from audio_emotion.audio.windows import SILENCE_DBFS, loudest_db
from audio_emotion.core.emotions import emotions
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Corpus, LeftOut, Progress, Utterance, by_reason, silent
from audio_emotion.corpora.load import SAMPLING_RATE, digest, made_of_each, sound

_FULL_SCALE = 0.999
_SHOWN = 5  # files of one kind in the text; the JSON form holds them all


@dataclass(frozen=True)
class Recording:
    """What was measured of one utterance that could be decoded.

    Attributes:
        utterance: with its digest.
        seconds: its length.
        source_rate: Hz, of the file.
        silent: no frame reaches -60 dB re full scale.
        clipped: three samples in a row reach full scale, at the file's own rate.
    """

    utterance: Utterance
    seconds: float
    source_rate: int
    silent: bool
    clipped: bool


@dataclass(frozen=True)
class Inspection:
    """A collection and what was measured of it.

    Attributes:
        corpus: as found by names.
        recordings: those that could be decoded, in the corpus's order.
        unreadable: those that could not, with the reason.
    """

    corpus: Corpus
    recordings: tuple[Recording, ...]
    unreadable: tuple[LeftOut, ...]

    @property
    def readable(self) -> Corpus:
        """The corpus with digests, and with what cannot be decoded left out."""
        utterances = tuple(recording.utterance for recording in self.recordings)
        return replace(self.corpus, utterances=utterances, left_out=self.corpus.left_out + self.unreadable)

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """Number of utterances of each (speaker, label), readable or not."""
        return Counter((utterance.speaker, utterance.label) for utterance in self.corpus.utterances)

    @property
    def missing(self) -> Counter[tuple[str, str]]:
        """Number of utterances of each (speaker, label) that the authors published and that are not there."""
        return Counter(self.corpus.published) - self.counts

    @property
    def duplicates(self) -> list[list[Path]]:
        """Files of the same samples, group by group."""
        groups: dict[str, list[Path]] = {}
        for recording in self.recordings:
            groups.setdefault(recording.utterance.digest, []).append(recording.utterance.path)
        return [group for group in groups.values() if len(group) > 1]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; lengths are seconds, rates Hz."""
        seconds = [recording.seconds for recording in self.recordings]
        return {
            "corpora": list(self.corpus.names),
            "licence": self.corpus.licence,
            "utterances": len(self.corpus.utterances),
            "by emotion": _totals(self.counts, 1),
            "by speaker": _totals(self.counts, 0),
            "by speaker and emotion": _nested(self.counts),
            "seconds": _spread(seconds),
            "sampling rates": dict(sorted(Counter(str(r.source_rate) for r in self.recordings).items())),
            "unreadable": [{"file": str(file.path), "reason": file.reason} for file in self.unreadable],
            "silent": [str(r.utterance.path) for r in self.recordings if r.silent],
            "clipped": [str(r.utterance.path) for r in self.recordings if r.clipped],
            "duplicates": [[str(path) for path in group] for group in self.duplicates],
            "left out": {
                reason: [str(path) for path in paths] for reason, paths in by_reason(self.corpus.left_out).items()
            },
            "published": sum(self.corpus.published.values()),
            "missing": _nested(self.missing),
        }

    def text(self) -> str:
        """Return it for people: a table of counts, and what else there is to know."""
        return "\n".join([*self._head(), "", *_table(self.counts), "", *self._findings()]) + "\n"

    def _head(self) -> list[str]:
        utterances, labels = self.corpus.utterances, {utterance.label for utterance in self.corpus.utterances}
        return [
            f"{', '.join(self.corpus.names)} (licence: {self.corpus.licence})",
            f"{len(utterances)} utterances, {len(self.corpus.speakers)} speakers, {len(labels)} emotions",
        ]

    def _findings(self) -> list[str]:
        said = self.as_dict()
        spread, rates = said["seconds"], said["sampling rates"]
        lines = []
        if spread:
            lines += [
                f"Length: {spread['shortest']:.2f} to {spread['longest']:.2f} s, median {spread['median']:.2f} s, "
                f"{spread['total'] / 60:.1f} min in all",
                f"Sampling rates: {', '.join(f'{rate} Hz ({n})' for rate, n in rates.items())}",
            ]
        lines += _listed("Unreadable", [f"{file['file']} ({file['reason']})" for file in said["unreadable"]])
        lines += _listed("Silent", said["silent"])
        lines += _listed("Clipped", said["clipped"])
        lines += _listed("Of the same content as another", [" = ".join(group) for group in said["duplicates"]])
        for reason, files in said["left out"].items():
            lines += _listed(f"Left out, {reason}", files)
        if said["published"]:
            missing = _totals(self.missing, 0)
            told = [f"{speaker}: {n_files}" for speaker, n_files in missing.items()]
            lines += [f"Missing of the {said['published']} published: {sum(missing.values())}"]
            lines += [f"  {', '.join(told)}"] if told else []
        return lines


def inspect(corpus: Corpus, progress: Progress = silent) -> Inspection:
    """Decode and measure every utterance; what cannot be decoded is listed and touches no other."""
    measured, unreadable = made_of_each(corpus.utterances, _measure, "decoding", progress)
    return Inspection(corpus, tuple(measured), unreadable)


def _measure(utterance: Utterance) -> Recording:
    heard = sound(utterance)
    original = heard if heard.source_rate == SAMPLING_RATE else sound(utterance, heard.source_rate)
    return Recording(
        replace(utterance, digest=digest(heard.samples)),
        original.duration,
        heard.source_rate,
        loudest_db(heard.samples) < SILENCE_DBFS,
        _is_clipped(original.samples),
    )


def _is_clipped(samples: FloatArray) -> bool:
    full = np.abs(samples) >= _FULL_SCALE
    return bool((full[:-2] & full[1:-1] & full[2:]).any())


def _in_order(labels: Iterable[str]) -> list[str]:
    """The eight in their order, then any others by name."""
    return sorted(set(labels), key=lambda label: (emotions().index(label) if label in emotions() else 99, label))


def _totals(counts: Counter[tuple[str, str]], position: int) -> dict[str, int]:
    """Sum counts by speaker (position 0) or by label (1)."""
    totals: Counter[str] = Counter()
    for key, n_files in counts.items():
        totals[key[position]] += n_files
    names = sorted(totals) if position == 0 else _in_order(totals)
    return {name: totals[name] for name in names}


def _nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    labels = _in_order(label for _, label in counts)
    return {
        speaker: {label: counts[speaker, label] for label in labels if counts[speaker, label]}
        for speaker in sorted({speaker for speaker, _ in counts})
    }


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {"shortest": min(seconds), "median": median(seconds), "longest": max(seconds), "total": sum(seconds)}


def _table(counts: Counter[tuple[str, str]]) -> list[str]:
    """Return a row for each speaker, a column for each emotion, and totals."""
    labels, by_label = _in_order(label for _, label in counts), _totals(counts, 1)
    rows = [["", *labels, "total"]]
    for speaker, n_files in _totals(counts, 0).items():
        rows.append([speaker, *(str(counts[speaker, label]) for label in labels), str(n_files)])
    rows.append(["total", *(str(by_label[label]) for label in labels), str(counts.total())])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]


def _listed(title: str, items: Sequence[str]) -> list[str]:
    more = [f"  and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else []
    return [f"{title}: {len(items)}", *(f"  {item}" for item in items[:_SHOWN]), *more]
