"""Subtitles. A stretch without speech has no subtitle; an ``unknown`` one has."""

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import Prediction
from audio_emotion.formats.result import Source
from audio_emotion.formats.writer import Writer, clock


def _line(said: Prediction) -> str:
    return f"{said.label} ({100 * said.score:.0f}%)" if said.label in said.scores else said.label


class SrtWriter(Writer):
    """SubRip: numbered cues, ``HH:MM:SS,mmm``."""

    suffix = ".srt"
    combines = False
    _cues = 0

    def segment(self, source: Source, said: Prediction) -> str:
        if said.label == NO_SPEECH:
            return ""
        self._cues += 1
        return f"{self._cues}\n{clock(said.start, ',')} --> {clock(said.end, ',')}\n{_line(said)}\n\n"


class VttWriter(Writer):
    """WebVTT: ``WEBVTT`` on the first line, then cues, ``HH:MM:SS.mmm``."""

    suffix = ".vtt"
    combines = False

    def head(self) -> str:
        return "WEBVTT\n\n"

    def segment(self, source: Source, said: Prediction) -> str:
        if said.label == NO_SPEECH:
            return ""
        line = _line(said).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"{clock(said.start)} --> {clock(said.end)}\n{line}\n\n"
