"""What every corpus's file provides, and the search that corpora with speaking file names share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from audio_emotion.audio.find import search
from audio_emotion.core.errors import CorpusError
from audio_emotion.core.text import composed
from audio_emotion.corpora.base import Corpus, LeftOut, Utterance
from audio_emotion.corpora.labels import LabelSet, label_set
from audio_emotion.corpora.speakers import is_split_name

Counts = Mapping[tuple[str, str], int]
"""Utterances of each (speaker, label)."""

Reader = Callable[[Path], Utterance | str]
"""From a file's name: the utterance, or the reason to leave it out."""


@dataclass(frozen=True, kw_only=True)
class Adapter(ABC):
    """How one corpus is found on disk, and what its authors say of it.

    Attributes:
        name: as in ``--data NAME=DIR``.
        title: for people.
        licence: of the recordings.
        obtain: where the recordings come from, as the end of a sentence.
        read: what a file's name says; None where names say nothing.
        count: gives what the authors published, of the eight emotions.
    """

    name: str
    title: str
    licence: str
    obtain: str
    read: Reader | None = None
    count: Callable[[], Counts] = dict

    @property
    def published(self) -> Counts:
        """How many utterances of each (speaker, label) the authors published; empty of one's own collections."""
        return self.count()

    def find(self, root: Path, labels: LabelSet | None = None) -> Corpus:
        """Find the corpus's recordings below ``root``; ``labels`` (the eight, if None) are for one's own collections.

        Raises:
            CorpusError: nothing of it is there, or a table is wrong.
        """
        return self.search(root, labels or label_set())

    @abstractmethod
    def search(self, root: Path, labels: LabelSet) -> Corpus:
        """Do as :meth:`find`; a published corpus has labels of its own."""


@dataclass(frozen=True, kw_only=True)
class OwnFiles(Adapter):
    """One's own collection: ``searcher`` finds the recordings of a folder or table with some labels."""

    searcher: Callable[[Path, LabelSet], Corpus]

    def search(self, root: Path, labels: LabelSet) -> Corpus:
        return self.searcher(root, labels)


@dataclass(frozen=True, kw_only=True)
class NamedFiles(Adapter):
    """A corpus whose file names say all; ``example`` is one of them."""

    read: Reader
    example: str

    def search(self, root: Path, labels: LabelSet) -> Corpus:
        utterances, left_out = collect(root, self.read)
        if not utterances:
            others = f" among {len(left_out)}" if left_out else ""
            raise CorpusError(
                f"no recording of {self.title}{others} (names like {self.example})",
                subject=str(root),
                hint=f"name the folder that holds them, or get them: {self.obtain}",
            )
        return Corpus(self.name, utterances, self.licence, left_out, self.count())


def recordings(root: Path) -> list[Path]:
    """Return every recording below ``root``, sorted; folders that are links are searched too, each once."""
    return [path for path in search(root, recursive=True) if path.is_file()]


def collect(root: Path, read: Reader) -> tuple[tuple[Utterance, ...], tuple[LeftOut, ...]]:
    """Read every recording's name below ``root``; a second file that says the same is left out."""
    utterances, left_out = [], []
    seen: dict[tuple[object, ...], Path] = {}
    for path in recordings(root):
        result = read(path)
        if isinstance(result, str):
            left_out.append(LeftOut(path, result))
            continue
        key = (result.speaker, result.label, *sorted(result.attributes.items()))
        if key in seen:
            left_out.append(LeftOut(path, "a second file of the same name"))
        else:
            seen[key] = path
            utterances.append(result)
    return tuple(utterances), tuple(left_out)


def collection_name(path: Path) -> str:
    """Return the name of one's own collection: that of its folder or table, without what joins names.

    ``k/train`` and ``k/test.csv`` are both of the collection ``k``: a speaker of both is one person.
    """
    path = path.resolve()
    name = path.name if path.is_dir() else path.stem
    if is_split_name(name) and path.parent.name:
        name = path.parent.name
    return composed(name).replace("+", "-") or "recordings"
