"""What a corpus is: utterances with a label and a speaker, and the files that were left out, with the reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audio_emotion.core.errors import AudioError

Progress = Callable[[str, int, int, str], None]
"""Called with a stage's name, how much of it is done, its total, and a remark."""


def silent(stage: str, done: int, total: int, remark: str) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording, or a stretch of one.

    Attributes:
        path: the file.
        label: the emotion's name.
        speaker: corpus and speaker, as ``ravdess/07``.
        attributes: what else the corpus says of it, as ``{"intensity": "strong"}``.
        digest: of its decoded samples, once they were decoded: two files of one digest are one recording.
        start: seconds into the file.
        end: seconds into the file; None: to its end.
    """

    path: Path
    label: str
    speaker: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    start: float = 0.0
    end: float | None = None

    @property
    def recording(self) -> str:
        """What makes two utterances the same recording: the digest, or the path where nothing was decoded."""
        return self.digest or str(self.path)

    @property
    def corpus(self) -> str:
        """The corpus that it belongs to: what stands before the speaker; RAVDESS's songs are a corpus of their own."""
        name = self.speaker.split("/")[0]
        return f"{name}-song" if self.attributes.get("channel") == "song" else name

    @property
    def is_segment(self) -> bool:
        """Whether it is a stretch of its file and not the whole of it."""
        return self.start > 0 or self.end is not None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not used, and why."""

    path: Path
    reason: str

    @classmethod
    def unreadable(cls, path: Path, error: AudioError) -> "LeftOut":
        """Leave out a file that cannot be decoded."""
        return cls(path, f"{error.problem}{f'; {error.hint}' if error.hint else ''}")

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """A collection as found on disk, or several of them joined.

    Attributes:
        name: the corpus's name, as ``ravdess``; of several, their names joined by ``+``.
        utterances: sorted by path within each corpus.
        licence: of the recordings, and so of weights trained on them; ``unknown`` of one's own.
        left_out: recordings whose names do not follow the corpus's convention, or that are not part of it.
        published: how many utterances of each (speaker, label) the corpus's authors published; empty of one's own.
        notes: what a reader of the counts should know, as a folder ``train`` that was not taken for a speaker.
    """

    name: str
    utterances: tuple[Utterance, ...]
    licence: str
    left_out: tuple[LeftOut, ...] = ()
    published: Mapping[tuple[str, str], int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every corpus in it."""
        return tuple(self.name.split("+"))

    @property
    def speakers(self) -> tuple[str, ...]:
        """Every speaker once, sorted."""
        return tuple(sorted({utterance.speaker for utterance in self.utterances}))


def by_reason(left_out: Iterable[LeftOut]) -> dict[str, list[Path]]:
    """Return the files that were left out, by reason; the commonest reason comes first."""
    reasons: dict[str, list[Path]] = {}
    for file in left_out:
        reasons.setdefault(file.reason, []).append(file.path)
    return dict(sorted(reasons.items(), key=lambda item: -len(item[1])))
