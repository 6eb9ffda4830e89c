"""Decoded recordings, ready to be split: what a run reads, decoded once however many runs there are."""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from audio_emotion import corpora
from audio_emotion.audio import cache
from audio_emotion.audio.windows import trim
from audio_emotion.core.errors import CorpusError
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Corpus, LeftOut, Progress, Utterance, silent
from audio_emotion.corpora.coverage import Coverage, coverage
from audio_emotion.corpora.labels import LabelSet, label_set
from audio_emotion.corpora.load import digest, made_of_each, sound
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.training.data import Subset

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """Decoded recordings, ready to be split.

    Attributes:
        corpus: the utterances that could be decoded, each with its digest.
        sampling_rate: Hz, of ``sounds``.
        sounds: by utterance digest, samples without the quiet at their ends, (n_samples,) each.
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
        heard = "\n".join(sorted(f"{u.digest} {u.label} {u.speaker}" for u in self.corpus.utterances))
        return hashlib.sha256(heard.encode()).hexdigest()

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
        return Subset(
            [self.sounds[u.digest] for u in utterances],
            [labels.index(u.label) for u in utterances],
            [str(u.path) for u in utterances],
            [u.digest for u in utterances],
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
    chosen = label_set(labels)
    corpus = gather(parse_sources(data), chosen) if data else chosen.restrict(corpora.locate("ravdess"))
    began = time.monotonic()
    heard, unreadable = made_of_each(corpus.utterances, partial(_heard, sampling_rate), "decoding", progress)
    _LOG.debug("%d recordings decoded or found in the cache in %.1f s", len(heard), time.monotonic() - began)
    if unreadable and strict:
        raise CorpusError(f"{len(unreadable)} recording(s) cannot be decoded, the first: {unreadable[0]}")
    cache.trim()
    unheard = sorted(set(chosen.labels) - {utterance.label for utterance, _ in heard})
    if for_training and chosen.name == "own" and unheard:
        raise CorpusError(
            f"no recording is labelled {', '.join(unheard)}; check the spelling, leave it out of --labels, or add "
            "recordings"
        )
    utterances = tuple(utterance for utterance, _ in heard)
    sounds = {utterance.digest: samples for utterance, samples in heard}
    return Dataset(replace(corpus, utterances=utterances), sampling_rate, sounds, chosen, unreadable)


def _heard(sampling_rate: int, utterance: Utterance) -> tuple[Utterance, FloatArray]:
    """Return an utterance with its digest, and its sound without the quiet at both ends."""
    if utterance.is_segment:
        samples = sound(utterance, sampling_rate).samples
    else:
        samples = cache.load(utterance.path, sampling_rate)
    start, end = trim(samples)
    return replace(utterance, digest=digest(samples)), samples[start:end]
