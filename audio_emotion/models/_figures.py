"""What each architecture reached in the comparison: ``figures.json``, which ``training/compare.py`` writes."""

import json
from pathlib import Path

PATH = Path(__file__).parent / "figures.json"


def measured(name: str) -> str | None:
    """Return an architecture's figures in words, with the protocol; None if it has not been measured."""
    if not PATH.exists():
        return None
    said: dict[str, str] = json.loads(PATH.read_text("utf-8"))
    return said.get(name)
