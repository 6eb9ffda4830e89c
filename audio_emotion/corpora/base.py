"""What a corpus is: utterances with a label and a speaker, and the files that were left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording.

    Attributes:
        path: the file.
        label: the emotion's name.
        speaker: corpus and speaker, as ``ravdess/07``.
        attributes: what else the corpus says of it, as ``{"intensity": "strong"}``.
        digest: of its decoded samples, once they were decoded: two files of one digest are one recording.
    """

    path: Path
    label: str
    speaker: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def recording(self) -> str:
        """What makes two utterances the same recording: the digest, or the path where nothing was decoded."""
        return self.digest or str(self.path)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A collection as found on disk.

    Attributes:
        name: the corpus's name, as ``ravdess``.
        utterances: sorted by path.
        licence: of the recordings, and so of weights trained on them.
        left_out: audio files whose names do not follow the corpus's convention, or that are not part of it.
    """

    name: str
    utterances: tuple[Utterance, ...]
    licence: str
    left_out: tuple[Path, ...] = ()

    @property
    def speakers(self) -> tuple[str, ...]:
        """Every speaker once, sorted."""
        return tuple(sorted({utterance.speaker for utterance in self.utterances}))
