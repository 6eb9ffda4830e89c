"""What a collection really holds: every recording decoded, measured and compared, and counted against its authors."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from audio_emotion.audio.windows import SILENCE_DBFS, loudest_db
from audio_emotion.core.emotions import emotions
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Corpus, LeftOut, Progress, Utterance, by_reason, silent
from audio_emotion.corpora.load import SAMPLING_RATE, digest, made_of_each, sound
from audio_emotion.corpora.quality import Quality, find_copies, measure, separation

_FULL_SCALE = 0.999
_ENOUGH = 10  # recordings, below which nothing is said of a majority or of a label
_UNIFORM = 0.8  # share of recordings of one length, from which a corpus was cut
_SEPARATE = 0.97  # area under the ROC curve, from which one measure gives a label away
_AUDIBLE_DB = 6.0  # difference of medians, below which a level gives nothing away in practice
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
        quality: further measures.
    """

    utterance: Utterance
    seconds: float
    source_rate: int
    silent: bool
    clipped: bool
    quality: Quality


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

    @cached_property
    def copies(self) -> list[list[Path]]:
        """Files of one take that differ in level, codec, rate or padding, group by group; without the duplicates."""
        firsts: dict[str, Recording] = {}
        for recording in self.recordings:
            firsts.setdefault(recording.utterance.digest, recording)
        distinct = list(firsts.values())
        leader = list(range(len(distinct)))  # of each recording, the first of its group
        for first, second in find_copies([recording.quality.envelope for recording in distinct]):
            old, new = leader[second], leader[first]
            leader = [new if own == old else own for own in leader]
        groups: dict[int, list[Path]] = {}
        for number, recording in zip(leader, distinct, strict=True):
            groups.setdefault(number, []).append(recording.utterance.path)
        return [group for group in groups.values() if len(group) > 1]

    @property
    def uniform_length(self) -> tuple[int, float] | None:
        """How many recordings have exactly one length, and that length in seconds; None unless it is four in five."""
        lengths = Counter((r.quality.n_samples, r.source_rate) for r in self.recordings)
        if len(self.recordings) < _ENOUGH or not lengths:
            return None
        (n_samples, rate), count = lengths.most_common(1)[0]
        return (count, n_samples / rate) if count >= _UNIFORM * len(self.recordings) else None

    @property
    def recognizable(self) -> list[str]:
        """The labels that one measure of level, room or rate tells from all others, in words."""
        findings = []
        names = np.array([recording.utterance.label for recording in self.recordings])
        for label in _in_order(names.tolist()):
            is_label = names == label
            if min(is_label.sum(), (~is_label).sum()) < _ENOUGH:
                continue
            for what, unit, least, values in self._measures():
                own, others = (float(np.median(values[rows])) for rows in (is_label, ~is_label))
                if abs(own - others) >= least and separation(values, is_label) >= _SEPARATE:
                    findings.append(f"{label} by its {what}: {own:.0f} {unit}, the others {others:.0f} {unit}")
        return findings

    def _measures(self) -> list[tuple[str, str, float, FloatArray]]:
        """Return what may give a label away: its name, unit, the least difference that counts, and all values."""
        qualities = [recording.quality for recording in self.recordings]
        rates = [r.quality.hidden_rate or r.source_rate for r in self.recordings]
        return [
            ("level", "dBFS", _AUDIBLE_DB, np.array([q.level_db for q in qualities], np.float32)),
            ("background level", "dBFS", _AUDIBLE_DB, np.array([q.floor_db for q in qualities], np.float32)),
            ("sampling rate", "Hz", 1.0, np.array(rates, np.float32)),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; lengths are seconds, rates Hz."""
        seconds = [recording.seconds for recording in self.recordings]
        uniform = self.uniform_length
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
            "copies": [[str(path) for path in group] for group in self.copies],
            "uniform length": uniform and {"files": uniform[0], "seconds": uniform[1]},
            "abrupt start": [str(r.utterance.path) for r in self.recordings if r.quality.abrupt_start],
            "abrupt end": [str(r.utterance.path) for r in self.recordings if r.quality.abrupt_end],
            "padded": [str(r.utterance.path) for r in self.recordings if r.quality.padding_s],
            "upsampled": {
                str(r.utterance.path): r.quality.hidden_rate for r in self.recordings if r.quality.hidden_rate
            },
            "recognizable": self.recognizable,
            "notes": list(self.corpus.notes),
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
        report = self.as_dict()
        spread, rates = report["seconds"], report["sampling rates"]
        lines = []
        if spread:
            lines += [
                f"Length: {spread['shortest']:.2f} to {spread['longest']:.2f} s, median {spread['median']:.2f} s, "
                f"{spread['total'] / 60:.1f} min in all",
                f"Sampling rates: {', '.join(f'{rate} Hz ({n})' for rate, n in rates.items())}",
            ]
        lines += _listed("Unreadable", [f"{file['file']} ({file['reason']})" for file in report["unreadable"]])
        lines += _listed("Silent", report["silent"])
        lines += _listed("Clipped", report["clipped"])
        lines += _listed("Duplicates", [" = ".join(group) for group in report["duplicates"]])
        lines += _listed("Copies at another level, rate or codec", [" = ".join(g) for g in report["copies"]])
        lines += _listed("Abrupt start, as if cut in speech", report["abrupt start"])
        lines += _listed("Abrupt end, as if cut in speech", report["abrupt end"])
        lines += _listed("Padded with zeros", report["padded"])
        hidden = [f"{file} (nothing above {rate / 2:g} Hz)" for file, rate in report["upsampled"].items()]
        lines += _listed("Upsampled from a lower rate", hidden)
        if self.uniform_length:
            count, seconds = self.uniform_length
            lines.append(f"Uniform length: {count} of {len(self.recordings)} last exactly {seconds:g} s: cut or padded")
        if report["recognizable"]:
            lines += _listed("Labels that are recognizable without the voice", report["recognizable"])
        for reason, files in report["left out"].items():
            lines += _listed(f"Left out, {reason}", files)
        if report["published"]:
            missing = _totals(self.missing, 0)
            absent = [f"{speaker}: {n_files}" for speaker, n_files in missing.items()]
            lines += [f"Missing of the {report['published']} published: {sum(missing.values())}"]
            lines += [f"  {', '.join(absent)}"] if absent else []
        return lines


def inspect(corpus: Corpus, progress: Progress = silent) -> Inspection:
    """Decode and measure every utterance; what cannot be decoded is listed and touches no other."""
    measured, unreadable = made_of_each(corpus.utterances, _measure, "decoding", progress)
    return Inspection(corpus, tuple(measured), unreadable)


def _measure(utterance: Utterance) -> Recording:
    decoded = sound(utterance)
    original = decoded if decoded.source_rate == SAMPLING_RATE else sound(utterance, decoded.source_rate)
    return Recording(
        replace(utterance, digest=digest(decoded.samples)),
        original.duration,
        decoded.source_rate,
        loudest_db(decoded.samples) < SILENCE_DBFS,
        _is_clipped(original.samples),
        measure(original.samples, original.sampling_rate, decoded.samples),
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
