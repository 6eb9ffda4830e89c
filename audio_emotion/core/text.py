"""Text from other programs: in which encoding it is, and names whose letters two systems compose differently."""

import codecs
import os
import unicodedata
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the first half of it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes) -> tuple[str, str]:
    """Return text and its encoding: by its mark, else UTF-8, else UTF-16 without a mark, else Windows-1252.

    >>> decode("é".encode("utf-16")), decode("é".encode()), decode("é".encode("cp1252"))
    (('é', 'utf-16'), ('é', 'utf-8'), ('é', 'cp1252'))

    Raises:
        ValueError: it is in none of these, or not text.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content[:512]:  # every other byte of Latin letters in UTF-16 is zero
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    for name in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, name
    raise ValueError("not text in UTF-8, UTF-16 or Windows-1252")


def composed(name: str) -> str:
    """Return a name with composed letters (NFC), so that a Mac's ``o¨`` equals the keyboard's ``ö``."""
    return unicodedata.normalize("NFC", name)


def find_on_disk(path: Path) -> Path | None:
    """Return ``path``, or the same path with letters composed or decomposed; None if neither exists."""
    if os.path.lexists(path):
        return path
    if path.parent == path or (parent := find_on_disk(path.parent)) is None:
        return None
    candidates = (parent / unicodedata.normalize(form, path.name) for form in ("NFC", "NFD"))
    return next((candidate for candidate in candidates if os.path.lexists(candidate)), None)
