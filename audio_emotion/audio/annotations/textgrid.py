"""Praat TextGrid, with praatio: a tier is a speaker, an interval with a label is a turn."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from audio_emotion.audio.annotations.document import Document, Entry, UnreadableError
from audio_emotion.audio.segments import Segment, group_words
from audio_emotion.core.errors import PackageError
from audio_emotion.core.packages import install_command

_WORDS = re.compile(r"^(?:(?P<speaker>.*?)\s*[-_/]\s*)?(?:words?|ort(?:-mau)?|wrd)$", re.IGNORECASE)
_PHONES = re.compile(r"(?:^|[-_/ ])(?:phones?|phonemes?|mau|kan|syllables?|emotions?)$", re.IGNORECASE)
_TRANSCRIPT = re.compile(
    r"^(?:utterances?|text|transcript(?:ion)?|sentences?|orthography|turns?|ipu|trn)$", re.IGNORECASE
)
_SILENCE = {"", "sil", "sp", "spn", "#", "##", "<p:>", "<p>", "xxx", "-"}


def matches(document: Document) -> bool:
    """Return whether it is a TextGrid, in its long or short form."""
    start = document.text.lstrip()[:60]
    return start.startswith("File type") and "ooTextFile" in start


def read(document: Document) -> Iterator[Entry]:
    """Yield the intervals that have a label, tier by tier.

    A tier's name is the speaker, unless it says what the tier holds (``utterances``, ``words``). Words are joined to
    utterances by pauses, and count only for speakers without longer intervals. Tiers of points, phones and emotions
    are ignored.

    Raises:
        UnreadableError: it is not a TextGrid.
        PackageError: praatio is not installed.
    """
    tiers = [tier for tier in _tiers(document) if not _PHONES.search(tier["name"])]
    by_words = {(match["speaker"] or "").strip(): tier for tier in tiers if (match := _WORDS.match(tier["name"]))}
    longer = [tier for tier in tiers if not _WORDS.match(tier["name"])]
    for tier in longer:
        speaker = "" if _TRANSCRIPT.match(tier["name"]) else tier["name"].strip()
        by_words.pop(speaker, None)
        for segment in _labelled(tier["entries"], speaker):
            yield Entry(f"tier {tier['name']!r} at {segment.start:g} s", segment)
    for speaker, tier in by_words.items():
        if longer and not speaker:
            continue  # the words of speakers who have tiers of their own
        for segment in group_words(_labelled(tier["entries"], speaker)):
            yield Entry(f"tier {tier['name']!r} at {segment.start:g} s", segment)


def _tiers(document: Document) -> list[dict[str, Any]]:
    try:
        from praatio.utilities.textgrid_io import parseTextgridStr
    except ModuleNotFoundError as error:
        raise PackageError(
            f"reading a TextGrid needs a package that is not installed; run: {install_command('annotations')}"
        ) from error
    try:
        tiers = parseTextgridStr(document.text)["tiers"]
        return [_with_numbers(tier) for tier in tiers if tier["class"] == "IntervalTier"]
    except Exception as error:  # praatio fails with index, key and value errors
        raise UnreadableError(f"is not a TextGrid that can be read ({type(error).__name__})") from None


def _with_numbers(tier: dict[str, Any]) -> dict[str, Any]:
    entries = [(float(start), float(end), str(label)) for start, end, label in tier["entries"]]
    return {"name": str(tier["name"]), "entries": entries}


def _labelled(entries: Sequence[tuple[float, float, str]], speaker: str) -> Iterator[Segment]:
    for start, end, label in entries:
        text = " ".join(label.split())
        if text.lower() not in _SILENCE:
            yield Segment(start, end, speaker, text)
