"""The eight emotions, their order, and what each corpus calls them: a view of ``emotions.json``."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from audio_emotion.core.text import composed

NO_SPEECH = "no speech"
"""Answer given where a recording holds no speech to judge."""

UNKNOWN = "unknown"
"""Answer given where no emotion reaches the score that was asked for."""


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
    """Return one corpus's emotion codes, each with its label, or with an emotion that is outside the eight.

    >>> corpus_codes("ravdess")["05"]
    'angry'
    >>> corpus_codes("emodb")["L"]
    'boredom'
    """
    return dict(_table()["corpora"][corpus])


def emotion(word: str) -> str | None:
    """Return the one of the eight labels that ``word`` names, in any case; None where it names none of them.

    >>> emotion("Anger"), emotion("boredom")
    ('angry', None)
    """
    folded = _folded(word)
    other_names: dict[str, str] = _table()["other names"]
    return folded if folded in emotions() else other_names.get(folded)


def is_outside(word: str) -> bool:
    """Tell whether ``word`` names an emotion that is known and not among the eight.

    >>> is_outside("boredom"), is_outside("angri")
    (True, False)
    """
    return _folded(word) in _table()["outside"]


def _folded(word: str) -> str:
    return composed(word).strip().lower()
