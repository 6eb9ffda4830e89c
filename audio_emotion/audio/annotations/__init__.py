"""Readers of transcripts and label files, one module for each format; the content decides which one reads a file.

Whisper's JSON and TSV, AssemblyAI's JSON, WebVTT, SRT, SBV, RTTM, label tracks and tables need no further package.
Praat TextGrid, ELAN EAF and SubStation Alpha need the extra ``annotations``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from urllib.parse import unquote

from audio_emotion.audio.annotations import audacity, eaf, rttm, sbv, ssa, subrip, table, textgrid, webvtt, whisper
from audio_emotion.audio.annotations.document import EXPECTED, Document, Entry, UnreadableError, decode
from audio_emotion.audio.segments import Segment, segment_problem
from audio_emotion.core import paths
from audio_emotion.core.errors import UsageError

_READERS: tuple[tuple[Callable[[Document], bool], Callable[[Document], Iterable[Entry]]], ...] = (
    (textgrid.matches, textgrid.read),
    (eaf.matches, eaf.read),
    (ssa.matches, ssa.read),
    (whisper.matches, whisper.read),
    (webvtt.matches, webvtt.read),
    (subrip.matches, subrip.read),
    (sbv.matches, sbv.read),
    (rttm.matches, rttm.read),
    (audacity.matches, audacity.read),
)
_FALLBACK = table.read


@dataclass(frozen=True, slots=True)
class Annotations:
    """What a file says about one or more recordings.

    Attributes:
        segments: those of each recording, in the order of the file.
        problems: one line for each kind of entry that was skipped.
        notes: what the user should know, one line each.
    """

    segments: dict[str, list[Segment]]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read(path: Path, recordings: Sequence[str] = ("",)) -> Annotations:
    """Read the segments of each recording from a transcript or label file.

    ``recordings`` are file names without their suffix. Where a file names several recordings (RTTM, or a table with a
    column ``file``), each gets its own segments, maybe none; otherwise each gets all of them. Entries whose times make
    no sense are skipped and reported.

    Raises:
        UsageError: the file is not text, its structure is not that of any format, or it has no segment.
        PackageError: the format needs the extra ``annotations``.
        StorageError: the file cannot be read.
    """
    document = decode(path, paths.content(path, EXPECTED))
    reader = next((read_ for matches, read_ in _READERS if matches(document)), _FALLBACK)
    try:
        entries = list(_count_channels_from_1(_valid(reader(document), document)))
    except UnreadableError as error:
        raise UsageError(str(error), subject=document.name, hint=f"expected {EXPECTED}") from None
    found = _by_recording(entries, recordings, document)
    if not any(found.values()):
        of = f" of {', '.join(map(paths.display_path, recordings))}" if any(recordings) else ""
        problem = document.problems.first()
        if problem and not entries:
            raise UsageError(f"{document.name}, {problem}; and there is no other segment{of}")
        raise UsageError(f"has no segment{of}", subject=document.name, hint=f"expected {EXPECTED}")
    return Annotations(found, tuple(document.problems.lines(document.name)), tuple(document.notes))


def _valid(entries: Iterable[Entry], document: Document) -> Iterator[Entry]:
    for entry in entries:
        problem = segment_problem(entry.segment)
        if problem is None:
            yield entry
        else:
            document.problems.skip(problem[0], entry.where, problem[1])


def _count_channels_from_1(entries: Iterable[Entry]) -> list[Entry]:
    """Add 1 to all channels where one is 0: the file counts them from 0."""
    entries = list(entries)
    if not any(entry.segment.channel == 0 for entry in entries):
        return entries
    return [
        entry
        if entry.segment.channel is None
        else replace(entry, segment=replace(entry.segment, channel=entry.segment.channel + 1))
        for entry in entries
    ]


def _by_recording(entries: Sequence[Entry], recordings: Sequence[str], document: Document) -> dict[str, list[Segment]]:
    """Give each recording its entries; those of a single recording, or of none by name, belong to every one."""
    segments: dict[str | None, list[Segment]] = {}
    for entry in entries:
        segments.setdefault(entry.recording, []).append(entry.segment)
    if len(segments) < 2:
        every = next(iter(segments.values()), [])
        return dict.fromkeys(recordings, every)
    owners = {name: _owner(name, segments, recordings) for name in segments}
    others = [name for name, owner in owners.items() if owner is None]
    if others:
        count = sum(len(segments[name]) for name in others)
        examples = ", ".join(paths.display_path(name or "(unnamed)") for name in others[:3])
        document.notes.append(
            f"{document.name}: {count} segment(s) belong to other recordings ({examples}"
            f"{', ...' if others[3:] else ''}) and are ignored"
        )
    return {
        recording: [s for name, owner in owners.items() if owner == recording for s in segments[name]]
        for recording in recordings
    }


def _owner(name: str | None, names: Iterable[str | None], recordings: Sequence[str]) -> str | None:
    """Return which of ``recordings`` a file means by ``name``.

    A name may have folders, a suffix, and blanks as ``%20``; they are ignored where that leaves no doubt.
    """
    if name is None:
        return None
    if name in recordings:
        return name
    short = _short(name)
    same = [other for other in names if other is not None and _short(other) == short]
    return short if short in recordings and len(same) == 1 else None


def _short(name: str) -> str:
    """Return a recording's name without folders, suffix and percent signs.

    >>> _short("calls/my%20call.wav"), _short("dr.smith")
    ('my call', 'dr.smith')
    """
    last = PurePath(unquote(name).replace("\\", "/")).name
    return re.sub(r"\.(wav|mp3|flac|m4a|mp4|ogg|opus|webm|mkv|aac|aiff?|wma|mov|avi)$", "", last, flags=re.IGNORECASE)
