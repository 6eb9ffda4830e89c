"""Audacity's label tracks: start, end and label with tabs between them."""

import re
from collections.abc import Iterator

from audio_emotion.audio.annotations.document import Document, Entry, parse_time
from audio_emotion.audio.annotations.speakers import split_speakers
from audio_emotion.audio.segments import Segment

_NUMBER = r"-?\d+(?:[.,]\d+)?"
_LABEL = re.compile(rf"^({_NUMBER})\t({_NUMBER})(?:\t(.*))?$")


def matches(document: Document) -> bool:
    """Return whether the first label has two times and tabs."""
    first = next((line for line in document.lines if line.strip() and not line.startswith("\\")), "")
    return bool(_LABEL.match(first.rstrip()))


def read(document: Document) -> Iterator[Entry]:
    """Yield the labels. Lines with a backslash are the frequencies of a spectral selection and are ignored.

    A single word is a speaker, ``ANNA: words`` are both, anything else is text.
    """
    rows = []
    for number, line in enumerate(document.lines, start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        match = _LABEL.match(line.rstrip("\n"))
        if match is None:
            shown = line.strip()[:40]
            document.problems.skip("label", f"line {number}", f"{shown!r} is not start, end and label with tabs")
            continue
        rows.append((number, match))
    labels = split_speakers([[match[3] or ""] for _, match in rows])
    for (number, match), parts in zip(rows, labels, strict=True):
        speaker, text = parts[0]
        if not speaker and len(text.split()) == 1:
            speaker, text = text, ""
        start, end = (parse_time(match[i], decimal_comma=True) for i in (1, 2))
        yield Entry(f"line {number}", Segment(start, end, speaker, text))
