"""The eight emotions, their order, and the codes of each corpus, from ``emotions.json``."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from audio_emotion.core.text import composed

NO_SPEECH = "no speech"
"""The label of a recording without speech."""

UNKNOWN = "unknown"
"""The label if no emotion reaches the minimum confidence."""


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("audio_emotion.core").joinpath("emotions.json").read_text("utf-8"))
    return table


@cache
def emotions() -> tuple[str, ...]:
    """Return the eight labels in RAVDESS order, neutral first.

    >>> emotions()[:3]
    ('neutral', 'calm', 'happy')
    """
    return tuple(_table()["emotions"])


def corpus_codes(corpus: str) -> dict[str, str]:
    """Return the emotion codes of a corpus, each with its label, or with an emotion outside the eight.

    >>> corpus_codes("ravdess")["05"]
    'angry'
    >>> corpus_codes("emodb")["L"]
    'boredom'
    """
    return dict(_table()["corpora"][corpus])


def emotion(word: str) -> str | None:
    """Return the label that ``word`` means, in upper or lower case; None if it is not one of the eight.

    >>> emotion("Anger"), emotion("boredom")
    ('angry', None)
    """
    folded = _folded(word)
    other_names: dict[str, str] = _table()["other names"]
    return folded if folded in emotions() else other_names.get(folded)


def is_outside(word: str) -> bool:
    """Whether ``word`` is a known emotion outside the eight.

    >>> is_outside("boredom"), is_outside("angri")
    (True, False)
    """
    return _folded(word) in _table()["outside"]


def _folded(word: str) -> str:
    return composed(word).strip().lower()
