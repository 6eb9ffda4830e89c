"""The accuracy of each architecture: ``figures.json``, written by ``training/compare.py``."""

import json
from pathlib import Path

FIGURES_PATH = Path(__file__).parent / "figures.json"


def measured(name: str) -> str | None:
    """Return an architecture's figures in words, with the protocol; None if it has not been measured."""
    if not FIGURES_PATH.exists():
        return None
    figures: dict[str, str] = json.loads(FIGURES_PATH.read_text("utf-8"))
    return figures.get(name)
