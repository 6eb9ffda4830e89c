"""The sound of videos, as WAV files."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from audio_emotion import audio
from audio_emotion.audio.find import search
from audio_emotion.core import paths
from audio_emotion.core.errors import AudioError, CorpusError, StorageError, UsageError
from audio_emotion.core.types import Waveform
from audio_emotion.corpora.base import LeftOut, Progress, silent

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".flv", ".f4v", ".mpg", ".mpeg", ".vob", ".wmv", ".asf", ".3gp"}
    | {".3g2", ".ogv", ".mts", ".m2ts", ".m2t", ".ts", ".mxf", ".divx"}
)
_COMMENT = "extracted by audio-emotion"
"""In the header of each file that is written, so that a later run replaces its own files and no other."""


@dataclass(frozen=True)
class Extracted:
    """What came of it.

    Attributes:
        written: one WAV file for each video whose sound could be extracted.
        failed: the other videos, with the reason.
    """

    written: tuple[Path, ...]
    failed: tuple[LeftOut, ...]


def extract_audio(
    source: Path,
    target: Path,
    sampling_rate: int,
    progress: Progress = silent,
    stream: int | None = None,
) -> Extracted:
    """Write the sound of every video below ``source`` below ``target``, mono 16-bit WAV at ``sampling_rate`` (Hz).

    Sub-folders are kept: ``a/b.mp4`` becomes ``a/b.wav``. A WAV file that an earlier run extracted is replaced; where
    there is another of that name, the video fails. ``stream`` is the audio stream of each video, counted from 1; None:
    its default.

    Raises:
        UsageError: a rate that no recording has.
        CorpusError: no folder, or no video in it.
        StorageError: ``target`` cannot be written.
    """
    if not audio.MIN_RATE <= sampling_rate <= audio.MAX_RATE:
        raise UsageError(f"the rate is {sampling_rate} Hz, expected {audio.MIN_RATE} to {audio.MAX_RATE} Hz")
    if not source.is_dir():
        raise CorpusError("no such folder", subject=str(source), hint="name the folder that holds the videos")
    videos = [p for p in search(source, recursive=True) if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
    if not videos:
        raise CorpusError(
            "contains no video",
            subject=str(source),
            hint="expected files such as *.mp4, *.mkv or *.webm",
        )
    made: dict[Path, Path] = {}
    failed = []
    for done, video in enumerate(videos, start=1):
        wav = target / video.relative_to(source).with_suffix(".wav")
        try:
            if wav in made:
                raise AudioError(
                    f"{wav} is already the audio of {made[wav]}", subject=str(video), hint="rename one of the videos"
                )
            _check_free(video, wav)
            _write(wav, audio.load(video, sampling_rate, audio.AudioRegion(stream=stream)))
            made[wav] = video
        except AudioError as error:
            failed.append(LeftOut.unreadable(video, error))
        except StorageError as error:
            if getattr(error.__cause__, "errno", None) != errno.ENAMETOOLONG:
                raise
            failed.append(LeftOut(video, f"its name is too long for a file in {target}; rename the video"))
        progress("extracting", done, len(videos), "")
    return Extracted(tuple(made), tuple(failed))


def _check_free(video: Path, wav: Path) -> None:
    """Refuse to write over a file that no run has written."""
    import soundfile

    try:
        with soundfile.SoundFile(wav) as file:
            is_ours = file.comment == _COMMENT
    except (OSError, soundfile.LibsndfileError):
        is_ours = not os.path.lexists(wav)
    if not is_ours:
        raise AudioError(
            f"{wav} already exists and is not from an earlier run",
            subject=str(video),
            hint="move it, or name another OUT",
        )


def _write(path: Path, sound: Waveform) -> None:
    import soundfile

    with (
        paths.writing_file(path) as sibling,
        soundfile.SoundFile(sibling, "w", sound.sampling_rate, 1, "PCM_16", format="WAV") as file,
    ):
        file.comment = _COMMENT
        file.write(sound.samples)
