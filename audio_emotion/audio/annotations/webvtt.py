"""WebVTT; voice tags (``<v Anna>``) and names in front of the words are speakers."""

import html
import re
from collections.abc import Iterator

from audio_emotion.audio.annotations.cues import Cue, read_cues
from audio_emotion.audio.annotations.document import Document, Entry
from audio_emotion.audio.annotations.speakers import split_speakers, strip_emotion
from audio_emotion.audio.segments import Segment

_VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]*)>")
_TAG = re.compile(r"<[^>]*>")


def matches(document: Document) -> bool:
    """Return whether it starts as WebVTT does."""
    return document.text.lstrip().startswith("WEBVTT")


def read(document: Document) -> Iterator[Entry]:
    """Yield each cue, or each voice's part of a cue: their times are the same, so they count as overlapping."""
    cues = list(read_cues(document, skipped_blocks=("NOTE", "STYLE", "REGION")))
    named = split_speakers([[_plain(line) for line in cue.lines] for cue in cues])
    for cue, parts in zip(cues, named, strict=True):
        for speaker, text in _voices(cue) or parts:
            yield Entry(cue.where, Segment(cue.start, cue.end, speaker, text))


def _voices(cue: Cue) -> list[tuple[str, str]]:
    """Return (speaker, text) for each voice tag; empty if there is none."""
    before, *rest = _VOICE.split(" ".join(cue.lines))
    voices = [(_plain(name), strip_emotion(_plain(text))) for name, text in zip(rest[::2], rest[1::2], strict=True)]
    if voices and _plain(before):
        voices.insert(0, ("", _plain(before)))
    return voices


def _plain(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", text)).split())
