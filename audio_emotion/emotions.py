"""The eight emotions, their order, and what each corpus calls them: a view of ``emotions.json``."""

import json
from functools import cache
from importlib.resources import files

NO_SPEECH = "no speech"
"""Answer given where a recording holds no speech to judge."""

UNKNOWN = "unknown"
"""Answer given where no emotion reaches the score that was asked for."""


@cache
def _table() -> dict[str, object]:
    table: dict[str, object] = json.loads(files("audio_emotion").joinpath("emotions.json").read_text("utf-8"))
    return table


@cache
def emotions() -> tuple[str, ...]:
    """Return the eight labels in RAVDESS order, neutral first.

    >>> emotions()[:3]
    ('neutral', 'calm', 'happy')
    """
    names = _table()["emotions"]
    assert isinstance(names, list)
    return tuple(names)


def corpus_codes(corpus: str) -> dict[str, str]:
    """Return one corpus's emotion codes, each with its label.

    >>> corpus_codes("ravdess")["05"]
    'angry'
    """
    corpora = _table()["corpora"]
    assert isinstance(corpora, dict)
    return dict(corpora[corpus])
