"""What mkdocstrings asks (`extensions` in mkdocs.yml): examples in docstrings become blocks of code."""

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", flags=re.MULTILINE)


class FencedDoctests(Extension):
    """Fences each run of lines that begins with ``>>>``, down to the next empty line."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of whatever was read."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """Return a docstring's text with its examples fenced."""
    return _EXAMPLE.sub(lambda example: f"```pycon\n{example[0]}\n```", text)
