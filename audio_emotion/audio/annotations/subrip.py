"""SubRip (SRT); names in front of the words are speakers."""

import html
import re
from collections.abc import Iterator

from audio_emotion.audio.annotations.cues import has_cues, read_cues
from audio_emotion.audio.annotations.document import Document, Entry
from audio_emotion.audio.annotations.speakers import split_speakers
from audio_emotion.audio.segments import Segment

_TAG = re.compile(r"</?(?:[ibu]|font)\b[^>]*>|\{\\[^}]*\}", re.IGNORECASE)  # <i>, <font color=...>, {\an8}

matches = has_cues


def read(document: Document) -> Iterator[Entry]:
    """Yield each cue, or each speaker's part of a cue."""
    cues = list(read_cues(document))
    plain = [[html.unescape(_TAG.sub("", line)) for line in cue.lines] for cue in cues]
    for cue, parts in zip(cues, split_speakers(plain), strict=True):
        for speaker, text in parts:
            yield Entry(cue.where, Segment(cue.start, cue.end, speaker, text))
