"""Speakers: which names mean one person, and which folders are parts of a split and no speakers."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from audio_emotion.core.text import composed
from audio_emotion.corpora.base import Utterance

NO_SPEAKER = "unknown"
"""The speaker's name where nothing says who speaks."""

_SPLIT_WORDS = {
    *("train", "training", "test", "testing", "eval", "evaluation"),
    *("val", "valid", "validation", "dev", "devel", "development"),
}
_CONTAINERS = {
    *("audio", "audios", "wav", "wavs", "flac", "mp3", "clips", "recordings", "sound", "sounds", "speech"),
    *("data", "dataset", "raw", "files"),
}


def is_split_name(name: str) -> bool:
    """Tell whether a folder or table is called after a part of a split, as ``train``, ``Test`` or ``valid_set``.

    >>> [name for name in ("Train", "dev-clean", "val_data", "Valentina", "test2") if is_split_name(name)]
    ['Train', 'dev-clean', 'val_data', 'test2']
    """
    return _first_word(name) in _SPLIT_WORDS


def not_speakers(names: Iterable[str]) -> frozenset[str]:
    """Return those of the folder names on one level that are parts of a split, or say only that sound is in them.

    A single ``Val`` among other names is a person: parts of a split come with ``train``, or are the majority.

    >>> sorted(not_speakers(["train", "Val", "test"])), sorted(not_speakers(["Anna", "Ben", "Val"]))
    (['Val', 'test', 'train'], [])
    """
    names = set(names)
    parts = {name for name in names if is_split_name(name)}
    has_train = any(_first_word(name).startswith("train") for name in parts)
    containers = {name for name in names if name.lower() in _CONTAINERS}
    return frozenset(containers | (parts if has_train or 2 * len(parts) > len(names) else set()))


def _first_word(name: str) -> str:
    word = re.match(r"[^\W\d_]+", name)
    return word[0].lower() if word else ""


def has_name(utterance: Utterance) -> bool:
    """Tell whether an utterance names its speaker."""
    return utterance.speaker.rpartition("/")[2] != NO_SPEAKER


def speaker_key(speaker: str) -> str:
    """Return what spellings of one speaker share: no case, composed letters, one separator, no leading zeros.

    >>> speaker_key("calls/Anna_M"), speaker_key("calls/anna m"), speaker_key("calls/007")
    ('calls/anna m', 'calls/anna m', 'calls/7')
    """
    collection, slash, name = composed(speaker).rpartition("/")
    name = re.sub(r"[\s_-]+", " ", name.casefold()).strip()
    return f"{collection}{slash}{name.lstrip('0') or '0' if name.isdecimal() else name}"


def unify_speakers(utterances: Iterable[Utterance]) -> tuple[tuple[Utterance, ...], tuple[str, ...]]:
    """Give each speaker one spelling, the commonest; return the utterances, and a note if any had several."""
    utterances = tuple(utterances)
    spellings: dict[str, Counter[str]] = {}
    for utterance in utterances:
        spellings.setdefault(speaker_key(utterance.speaker), Counter())[composed(utterance.speaker)] += 1
    names = {key: min(counts, key=lambda name: (-counts[name], name)) for key, counts in spellings.items()}
    several = [sorted(counts) for counts in spellings.values() if len(counts) > 1]
    notes: tuple[str, ...] = ()
    if several:
        shown = "; ".join(" = ".join(group) for group in several[:5])
        more = f"; and {len(several) - 5} more" if len(several) > 5 else ""
        notes = (f"speakers with several spellings are counted as one: {shown}{more}",)
    same = (u if (name := names[speaker_key(u.speaker)]) == u.speaker else replace(u, speaker=name) for u in utterances)
    return tuple(same), notes
