"""``infer --segments``: the turns of each recording, from one file or from a folder with a file for each recording."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from audio_emotion.cli._messages import note, say
from audio_emotion.core.errors import AudioError, StorageError, UsageError
from audio_emotion.core.paths import display_path

if TYPE_CHECKING:
    from audio_emotion.audio.segments import Segment

SUFFIXES = (".json", ".rttm", ".vtt", ".srt", ".sbv", ".tsv", ".csv", ".textgrid", ".eaf", ".ass", ".ssa", ".txt")
"""In a folder, the first of these that a recording has is read: whisper writes the same words in several formats."""


class GivenSegments(Mapping[Path, "Sequence[Segment]"]):
    """The turns of each recording from one transcript or label file, which is read at once.

    Attributes:
        is_partial: whether some entries were skipped; each kind is reported once.
        origin: what a journal calls the source of the turns.
    """

    def __init__(self, path: Path, recordings: Sequence[Path]) -> None:
        self.is_partial = False
        self.origin = "a file"
        stems = [recording.stem for recording in recordings]
        found = self._read(path, stems)
        self._segments = {recording: found[recording.stem] for recording in recordings}
        for recording, segments in self._segments.items():
            _note_shared_names(recording, segments)

    def _read(self, path: Path, stems: Sequence[str]) -> "dict[str, list[Segment]]":
        from audio_emotion.audio.annotations import read

        annotations = read(path, stems)
        for problem in annotations.problems:
            say(problem)
        for line in annotations.notes:
            note(f"note: {line}")
        self.is_partial |= bool(annotations.problems)
        return annotations.segments

    def __getitem__(self, recording: Path) -> "Sequence[Segment]":
        segments = self._segments[recording]
        if not segments:
            raise AudioError(
                "has no segment in this file, which is about other recordings",
                subject=display_path(recording),
            )
        return segments

    def __iter__(self) -> Iterator[Path]:
        return iter(self._segments)

    def __len__(self) -> int:
        return len(self._segments)


class FolderSegments(GivenSegments):
    """The turns of each recording from the file of its name in a folder, which is read when they are looked up.

    ``calls/may/a.wav`` has ``FOLDER/may/a.json`` if that exists, else ``FOLDER/a.json``; or ``a.wav.json``.
    """

    def __init__(self, folder: Path, recordings: Sequence[Path]) -> None:
        self.is_partial = False
        self.origin = "a folder"
        self._folder, self._recordings = folder, recordings
        self._cache: dict[Path, Sequence[Segment]] = {}
        self._owners: dict[Path, Path] = {}
        self._names: dict[Path, dict[str, Path]] = {}

    def __getitem__(self, recording: Path) -> "Sequence[Segment]":
        if recording not in self._cache:
            path = self._find(recording)
            owner = self._owners.setdefault(path, recording)
            if owner != recording:
                raise AudioError(
                    f"{display_path(path)} is the transcript of {display_path(owner)}, which has the same name",
                    subject=display_path(recording),
                    hint="put the transcripts into folders like those of the recordings",
                )
            try:
                segments = self._read(path, [recording.stem])[recording.stem]
            except (UsageError, StorageError) as error:
                raise AudioError(f"cannot use its transcript: {error}", subject=display_path(recording)) from error
            _note_shared_names(recording, segments)
            self._cache[recording] = segments
        return self._cache[recording]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._recordings)

    def __len__(self) -> int:
        return len(self._recordings)

    def _find(self, recording: Path) -> Path:
        """Return the transcript of a recording: in the deepest folder that fits, by the first of ``SUFFIXES``."""
        parents = [part for part in recording.parent.parts if part not in (recording.anchor, "..", ".")]
        for depth in range(len(parents), -1, -1):
            names = self._listed(self._folder.joinpath(*parents[len(parents) - depth :]))
            for suffix in SUFFIXES:
                for stem in (recording.stem, recording.name):
                    if path := names.get(f"{stem}{suffix}"):
                        return path
        raise AudioError(
            f"has no transcript in {display_path(self._folder)}",
            subject=display_path(recording),
            hint=f"expected {display_path(recording.stem)}.json, .rttm, .vtt, .srt or another format of --segments",
        )

    def _listed(self, folder: Path) -> dict[str, Path]:
        """Return the files of a folder by their names, with the suffix in small letters."""
        if folder not in self._names:
            try:
                files = [path for path in sorted(folder.iterdir()) if path.is_file()]
            except OSError:
                files = []
            self._names[folder] = {f"{path.stem}{path.suffix.lower()}": path for path in files}
        return self._names[folder]


def given_segments(path: Path, recordings: Sequence[Path]) -> GivenSegments:
    """Return the turns in a file, or those in the files of a folder.

    Raises:
        UsageError: the file cannot be used, or the folder holds no transcript.
        StorageError: it cannot be read.
    """
    if not path.is_dir():
        return GivenSegments(path, recordings)
    if not any(PurePath(name).suffix.lower() in SUFFIXES for name in path.rglob("*")):
        raise UsageError(
            "contains no transcript", subject=display_path(path), hint="expected NAME.json, .rttm, .vtt, .srt ..."
        )
    return FolderSegments(path, recordings)


def _note_shared_names(recording: Path, segments: "Sequence[Segment]") -> None:
    from audio_emotion.inference.turns import shared_names

    if names := shared_names(segments):
        shown = ", ".join(map(display_path, names))
        note(f"note: {display_path(recording)}: {shown}: one name on several channels counts as several speakers")
