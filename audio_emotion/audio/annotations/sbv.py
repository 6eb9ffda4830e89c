"""SBV, the subtitles of YouTube: as SRT, without numbers and with a comma between the times of a cue."""

import re
from collections.abc import Iterator
from dataclasses import replace

from audio_emotion.audio.annotations import subrip
from audio_emotion.audio.annotations.document import Document, Entry

_TIME = r"\d+:\d\d:\d\d\.\d{3}"
_TIMES = re.compile(rf"^({_TIME}),({_TIME})[ \t]*$", re.MULTILINE)
_STARTS = re.compile(rf"\s*{_TIME},{_TIME}[ \t]*\n(?!{_TIME},)")  # a table's next row would begin with a time


def matches(document: Document) -> bool:
    """Return whether it starts with the times of a cue, alone in their line."""
    return _STARTS.match(document.text) is not None


def read(document: Document) -> Iterator[Entry]:
    """Yield each cue, or each speaker's part of a cue."""
    yield from subrip.read(replace(document, text=_TIMES.sub(r"\1 --> \2", document.text)))
