"""What the licences of weights allow, in a few words. The licences themselves decide."""

_TERMS = {
    "CC-BY-NC-SA-4.0": (False, "no commercial use; name the authors; share what you make of it under the same licence"),
    "CC-BY-NC-ND-4.0": (False, "no commercial use; name the authors; do not share what you make of it"),
    "CC-BY-NC-3.0": (False, "no commercial use; name the authors"),
    "ODbL-1.0": (
        True,
        "commercial use is allowed; name the corpus; share databases derived from it under the same licence",
    ),
    "BSD-2-Clause": (True, "commercial use is allowed; keep the copyright notice"),
    "MIT": (True, "commercial use is allowed; keep the copyright notice"),
    "free for research": (False, "for research"),
    "research use only": (False, "for research"),
}
_UNKNOWN = "not known; ask those who own the recordings"


def parts(licence: str) -> tuple[str, ...]:
    """Return the single licences in a statement such as ``ODbL-1.0 AND MIT``.

    >>> parts("ODbL-1.0 AND MIT")
    ('ODbL-1.0', 'MIT')
    """
    return tuple(licence.split(" AND "))


def terms(part: str) -> str:
    """Return what a single licence allows and demands.

    >>> terms("MIT")
    'commercial use is allowed; keep the copyright notice'
    """
    return _TERMS[part][1] if part in _TERMS else _UNKNOWN


def allows_commercial_use(licence: str) -> bool | None:
    """Return whether all licences in a statement allow commercial use; None if one of them is not known.

    >>> allows_commercial_use("ODbL-1.0 AND MIT"), allows_commercial_use("MIT AND research use only")
    (True, False)
    """
    allowed = [_TERMS[part][0] if part in _TERMS else None for part in parts(licence)]
    return False if False in allowed else None if None in allowed else True


def commercial_use(licence: str) -> str:
    """Return the same in words.

    >>> commercial_use("MIT")
    'commercial use allowed'
    """
    words = {True: "commercial use allowed", False: "no commercial use", None: "commercial use unknown"}
    return words[allows_commercial_use(licence)]
