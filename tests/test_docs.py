"""What the pages say is so: messages are printed somewhere, links lead somewhere, commands and examples run."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_LITTLE = 15  # characters: a text that says less of itself would be found in anything


def blocks(page: Path, language: str) -> list[str]:
    return [code for found, code in _BLOCK.findall(page.read_text("utf-8")) if found == language]


def _pattern(node: ast.expr) -> str | None:
    """Return what a text of the source may read once it is filled in."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    said = [str(part.value) if isinstance(part, ast.Constant) else None for part in parts]
    if len("".join(part for part in said if part)) < _LITTLE:
        return None
    return "".join(".*" if part is None else re.escape(part) for part in said)


@cache
def _texts() -> list[str]:
    """Return a pattern for every text in the package that a message may be."""
    found = set()
    for path in (ROOT / "audio_emotion").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if (is_text or isinstance(node, ast.JoinedStr)) and (pattern := _pattern(node)):
                found.add(pattern)
    return sorted(found)


@pytest.mark.parametrize("message", blocks(ROOT / "docs" / "troubleshooting.md", "text"), ids=lambda text: text[:40])
def test_every_quoted_message_is_one_that_the_package_prints(message: str):
    said = message.strip()
    assert any(_covers(pattern, said) for pattern in _texts()), said


def _covers(pattern: str, said: str) -> bool:
    """Tell whether a text is all of a message; the name of a file or folder may stand before it, with an "is"."""
    return re.fullmatch(rf"(\S+: (is )?)?{pattern}", said) is not None
