"""Speakers' names in front of the words: ``ANNA: Good morning``."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

# What this package puts in front of the words in its own subtitles: "[angry 81%] ", "[unknown] ".
_EMOTION = re.compile(r"^\s*\[(?:[a-z][a-z -]* \d{1,3}%|unknown)\]\s*")
_BRACKETS = re.compile(r"^\s*\[([^\[\]:]{1,40})\]:\s*(.*)$", re.DOTALL)  # whisperX: "[SPEAKER_00]: Hello"
_PARENTHESES = re.compile(r"^\s*\((speaker [^()]{1,20})\)\s*(.*)$", re.DOTALL)  # whisper.cpp: "(speaker 0) Hello"
_NAME = re.compile(r"^\s*(?:>>\s*)?([^\W\d_][\w.'& -]{0,39}):\s+(.*)$", re.DOTALL)  # "ANNA: Hello", ">> Anna: Hello"


def strip_emotion(text: str) -> str:
    """Return a line without the emotion that this package writes in front of it.

    >>> strip_emotion("[angry 81%] ANNA: No."), strip_emotion("[laughs] No.")
    ('ANNA: No.', '[laughs] No.')
    """
    return _EMOTION.sub("", text)


def split_speakers(cues: Sequence[Sequence[str]]) -> list[list[tuple[str, str]]]:
    """Return (speaker, text) for each part of each cue; a cue is a list of lines.

    A name in capitals is a speaker wherever it stands, another one ("Anna:") only if it introduces two lines or more:
    "Remember: ..." is no speaker. Lines without a name belong to the speaker before them in their cue.
    """
    cues = [[strip_emotion(line) for line in cue] for cue in cues]
    counts = Counter(match[1] for cue in cues for line in cue if (match := _NAME.match(line)))
    return [_parts(cue, counts) for cue in cues]


def _parts(lines: Iterable[str], counts: Counter[str]) -> list[tuple[str, str]]:
    parts: list[tuple[str, list[str]]] = []
    for line in lines:
        speaker, text = _split(line, counts)
        if speaker is None and parts:
            parts[-1][1].append(text)
        else:
            parts.append((speaker or "", [text]))
    return [(speaker, " ".join(filter(None, map(str.strip, texts)))) for speaker, texts in parts] or [("", "")]


def _split(line: str, counts: Counter[str]) -> tuple[str | None, str]:
    for pattern in (_BRACKETS, _PARENTHESES):
        if match := pattern.match(line):
            return match[1].strip(), match[2]
    match = _NAME.match(line)
    if match and (match[1] == match[1].upper() or counts[match[1]] > 1) and len(match[1].split()) <= 4:
        return match[1].strip(), match[2]
    return None, line


def split_label(label: str) -> tuple[str, str]:
    """Return (speaker, text) for a label that may be either: a single word is a speaker.

    >>> split_label("ann"), split_label("ANN: good morning"), split_label("good morning")
    (('ann', ''), ('ANN', 'good morning'), ('', 'good morning'))
    """
    ((speaker, text),) = split_speakers([[label]])[0][:1]
    if not speaker and text and not re.search(r"\s", text):
        return text, ""
    return speaker, text
