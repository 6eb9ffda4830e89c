"""The sound of videos, as WAV files."""

from dataclasses import dataclass
from pathlib import Path

from audio_emotion import audio
from audio_emotion.audio.find import search
from audio_emotion.core import paths
from audio_emotion.core.errors import AudioError, CorpusError, UsageError
from audio_emotion.core.types import Waveform
from audio_emotion.corpora.base import LeftOut, Progress, silent

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".flv", ".mpg", ".mpeg", ".wmv", ".3gp", ".ogv", ".mts"}
)


@dataclass(frozen=True)
class Extracted:
    """What came of it.

    Attributes:
        written: one WAV file for each video whose sound could be had.
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

    Sub-folders are kept: ``a/b.mp4`` becomes ``a/b.wav``. A WAV file of that name is replaced. ``stream`` is the audio
    stream of each video, counted from 1; None: its default.

    Raises:
        UsageError: a rate that no recording has.
        CorpusError: no folder, or no video in it.
        StorageError: ``target`` cannot be written.
    """
    if not audio.MIN_RATE <= sampling_rate <= audio.MAX_RATE:
        raise UsageError(f"the rate is {sampling_rate} Hz, expected {audio.MIN_RATE} to {audio.MAX_RATE} Hz")
    if not source.is_dir():
        raise CorpusError(f"{source}: no such folder; name the folder that holds the videos")
    videos = [p for p in search(source, recursive=True) if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
    if not videos:
        raise CorpusError(f"{source}: holds no video; expected files such as *.mp4, *.mkv or *.webm, in it or below")
    made: dict[Path, Path] = {}
    failed = []
    for done, video in enumerate(videos, start=1):
        wav = target / video.relative_to(source).with_suffix(".wav")
        try:
            if wav in made:
                raise AudioError(f"{video}: {wav} is already the sound of {made[wav]}; rename one of the videos")
            _write(wav, audio.load(video, sampling_rate, audio.AudioRegion(stream=stream)))
            made[wav] = video
        except AudioError as error:
            failed.append(LeftOut.unreadable(video, error))
        progress("extracting", done, len(videos), "")
    return Extracted(tuple(made), tuple(failed))


def _write(path: Path, sound: Waveform) -> None:
    import soundfile

    with paths.writing_file(path) as sibling:
        soundfile.write(sibling, sound.samples, sound.sampling_rate, format="WAV", subtype="PCM_16")
