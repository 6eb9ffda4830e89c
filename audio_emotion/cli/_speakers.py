"""``infer --speakers``: the turns of each recording, found when the recording is predicted."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audio_emotion.audio.region import AudioRegion
from audio_emotion.core.errors import AudioError, UsageError
from audio_emotion.core.paths import display_path

if TYPE_CHECKING:
    from audio_emotion.audio.segments import Segment


def number_of(text: str) -> int | None:
    """Return the number of speakers that ``--speakers`` gives; None for ``auto``.

    Raises:
        UsageError: it is neither.
    """
    if text == "auto":
        return None
    if not text.isdecimal() or not int(text):
        raise UsageError(f"--speakers is {text!r}, expected auto or the number of speakers")
    return int(text)


class DiarizedSegments(Mapping[Path, "Sequence[Segment]"]):
    """The turns of each recording; a recording is diarized when its turns are first looked up."""

    is_partial = False

    def __init__(self, recordings: Sequence[Path], n_speakers: int | None, part: AudioRegion) -> None:
        self._recordings, self._n_speakers, self._part = recordings, n_speakers, part
        self._segments: dict[Path, Sequence[Segment]] = {}
        self.origin = f"{n_speakers or 'auto'} speakers"

    def __getitem__(self, recording: Path) -> "Sequence[Segment]":
        if recording not in self._segments:
            from audio_emotion.inference.speakers import diarize

            segments = diarize(recording, n_speakers=self._n_speakers, part=self._part)
            if not segments:
                raise AudioError("no speech found", subject=display_path(recording), hint="--speakers needs speech")
            self._segments[recording] = segments
        return self._segments[recording]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._recordings)

    def __len__(self) -> int:
        return len(self._recordings)
