"""Decoded recordings, ready to be split; decoded once for any number of runs."""

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import overload

from audio_emotion import corpora
from audio_emotion.audio import cache
from audio_emotion.audio.windows import trim
from audio_emotion.core.errors import CorpusError
from audio_emotion.core.types import FloatArray, Waveform
from audio_emotion.corpora.base import Corpus, LeftOut, Progress, Utterance, silent
from audio_emotion.corpora.coverage import Coverage, coverage
from audio_emotion.corpora.labels import LabelSet, label_set
from audio_emotion.corpora.load import bounds, digest, made_of_each
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.training.data import Subset

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredSound:
    """Samples of one utterance: where the cache holds them, or the samples if it could not be written.

    Attributes:
        path: the recording.
        entry: the cache's file of its samples.
        start: the first sample, after the quiet at its beginning.
        end: the one after the last.
        samples: where there is no entry; (n_samples,).
    """

    path: Path
    entry: Path | None
    start: int
    end: int
    samples: FloatArray | None = None

    def read(self, sampling_rate: int) -> FloatArray:
        """Return the samples, (n_samples,); a recording whose entry was deleted is decoded again.

        Raises:
            AudioError: it cannot be decoded any more.
        """
        if self.samples is not None:
            return self.samples
        try:
            assert self.entry is not None
            return cache.read(self.entry, self.start, self.end)
        except (OSError, ValueError, EOFError):
            return cache.load(self.path, sampling_rate)[self.start : self.end]


class SoundStore(Mapping[str, FloatArray]):
    """Samples by an utterance's digest, read from the cache when they are needed: they take no memory."""

    def __init__(self, sounds: Mapping[str, StoredSound], sampling_rate: int) -> None:
        self._sounds, self._rate = sounds, sampling_rate

    def __getitem__(self, digest: str) -> FloatArray:
        return self._sounds[digest].read(self._rate)

    def stored(self, digest: str) -> StoredSound:
        """Return where the samples are."""
        return self._sounds[digest]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sounds)

    def __len__(self) -> int:
        return len(self._sounds)


class SoundSequence(Sequence[FloatArray]):
    """The samples of some utterances of a store, in an order."""

    def __init__(self, store: Mapping[str, FloatArray], digests: Sequence[str]) -> None:
        self._store, self._digests = store, digests

    @overload
    def __getitem__(self, index: int) -> FloatArray: ...

    @overload
    def __getitem__(self, index: slice) -> "SoundSequence": ...

    def __getitem__(self, index: int | slice) -> "FloatArray | SoundSequence":
        if isinstance(index, slice):
            return SoundSequence(self._store, self._digests[index])
        return self._store[self._digests[index]]

    def __len__(self) -> int:
        return len(self._digests)


@dataclass(frozen=True)
class Dataset:
    """Decoded recordings, ready to be split.

    Attributes:
        corpus: the utterances that could be decoded, each with its digest.
        sampling_rate: Hz, of ``sounds``.
        sounds: by utterance digest, samples without the quiet at their ends, (n_samples,) each, read when needed.
        labels: what the model is to tell apart.
        unreadable: the files that could not be decoded.
    """

    corpus: Corpus
    sampling_rate: int
    sounds: Mapping[str, FloatArray]
    labels: LabelSet
    unreadable: tuple[LeftOut, ...]

    @property
    def fingerprint(self) -> str:
        """What changes when a recording, its label or its speaker does."""
        content = "\n".join(sorted(f"{u.digest} {u.label} {u.speaker}" for u in self.corpus.utterances))
        return hashlib.sha256(content.encode()).hexdigest()

    @cached_property
    def coverage(self) -> Coverage:
        """Which of the labels each corpus has."""
        return coverage(self.corpus.utterances, self.labels.labels)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Every file that is not used: foreign to the corpora, or unreadable."""
        return self.corpus.left_out + self.unreadable

    def side(self, utterances: Sequence[Utterance]) -> Subset:
        """Return some of the utterances as the loop reads them."""
        labels = self.labels.labels
        digests = [u.digest for u in utterances]
        return Subset(
            SoundSequence(self.sounds, digests),
            [labels.index(u.label) for u in utterances],
            [str(u.path) for u in utterances],
            digests,
            [u.corpus for u in utterances],
            self.coverage,
        )


def load_dataset(
    data: Sequence[str],
    labels: str = "eight",
    strict: bool = False,
    progress: Progress = silent,
    sampling_rate: int = 16_000,
    for_training: bool = True,
) -> Dataset:
    """Find the recordings of ``data``, as :func:`train` takes it, and decode them at ``sampling_rate`` (Hz).

    What is not ``for_training`` may lack some of one's own labels.

    Raises:
        CorpusError: no recordings, or one that cannot be decoded where ``strict`` asks for all, or none of a label.
    """
    label_names = label_set(labels)
    corpus = gather(parse_sources(data), label_names) if data else label_names.restrict(corpora.locate("ravdess"))
    began = time.monotonic()
    decoded, unreadable = made_of_each(corpus.utterances, partial(_decode, sampling_rate), "decoding", progress)
    _LOG.debug("%d recordings decoded or found in the cache in %.1f s", len(decoded), time.monotonic() - began)
    if unreadable and strict:
        raise CorpusError(f"{len(unreadable)} recording(s) cannot be decoded, the first: {unreadable[0]}")
    cache.trim(in_use={stored.entry for _, stored in decoded if stored.entry})
    missing = sorted(set(label_names.labels) - {utterance.label for utterance, _ in decoded})
    if for_training and label_names.name == "own" and missing:
        raise CorpusError(
            f"no recording is labelled {', '.join(missing)}; check the spelling, leave it out of --labels, or add "
            "recordings"
        )
    utterances = tuple(utterance for utterance, _ in decoded)
    sounds = SoundStore({utterance.digest: stored for utterance, stored in decoded}, sampling_rate)
    return Dataset(replace(corpus, utterances=utterances), sampling_rate, sounds, label_names, unreadable)


def _decode(sampling_rate: int, utterance: Utterance) -> tuple[Utterance, StoredSound]:
    """Return an utterance with its digest, and where its sound is, without the quiet at both ends.

    recording   |............|-------- utterance --------|........|
    utterance                |..quiet..|#########|.quiet.|
    stored                             start     end
    """
    whole, entry = cache.locate(utterance.path, sampling_rate)
    first, last = bounds(utterance, Waveform(whole, sampling_rate, sampling_rate))
    samples = whole[first:last]
    start, end = trim(samples)
    kept = None if entry else samples[start:end]
    stored = StoredSound(utterance.path, entry, first + start, first + end, kept)
    return replace(utterance, digest=digest(samples)), stored
