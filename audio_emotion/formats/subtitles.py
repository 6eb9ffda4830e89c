"""Subtitles. Segments without speech have none, unless they have words; ``unknown`` ones have."""

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import Prediction
from audio_emotion.formats.result import Source
from audio_emotion.formats.writer import (
    Writer,
    clock,
    emotion_tag,
    percentage,
    speaker_of,
    text_of,
    words_with_speaker,
)


def _has_cue(prediction: Prediction) -> bool:
    return prediction.label != NO_SPEECH or bool(text_of(prediction))


def _label(prediction: Prediction) -> str:
    share = percentage(prediction)
    return f"{prediction.label} ({share})" if share else prediction.label


def _safe(text: str) -> str:
    return text.replace("-->", "→")  # an arrow would be taken for the times of a cue


class SrtWriter(Writer):
    """SubRip: numbered cues, ``HH:MM:SS,mmm``."""

    suffix = ".srt"
    combines = False
    _cues = 0

    def segment(self, source: Source, prediction: Prediction) -> str:
        if not _has_cue(prediction):
            return ""
        self._cues += 1
        words = words_with_speaker(prediction)
        line = _safe(f"{emotion_tag(prediction)} {words}".strip()) if words else _label(prediction)
        return f"{self._cues}\n{clock(prediction.start, ',')} --> {clock(prediction.end, ',')}\n{line}\n\n"


class VttWriter(Writer):
    """WebVTT: ``WEBVTT`` on the first line, then cues, ``HH:MM:SS.mmm``; a speaker is a voice tag."""

    suffix = ".vtt"
    combines = False

    def head(self) -> str:
        return "WEBVTT\n\n"

    def segment(self, source: Source, prediction: Prediction) -> str:
        if not _has_cue(prediction):
            return ""
        speaker, text = speaker_of(prediction), text_of(prediction)
        if speaker or text:
            voice = f"<v {_escape(speaker)}>" if speaker else ""
            line = voice + _escape(f"{emotion_tag(prediction)} {text}".strip())
        else:
            line = _escape(_label(prediction))
        return f"{clock(prediction.start)} --> {clock(prediction.end)}\n{line}\n\n"


def _escape(text: str) -> str:
    return _safe(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
