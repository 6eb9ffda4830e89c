"""The settings of transforms: each field has its unit and range next to its default, and one function reads them.

The settings of the feature transforms are here too, since what applies them needs torch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any


def number(default: float, low: float, high: float, unit: str = "", at_most: str = "") -> Any:
    """Declare a dataclass field: a number from ``low`` to ``high`` in ``unit``, and not above the field ``at_most``."""
    return field(default=default, metadata={"range": (low, high), "unit": unit, "at_most": at_most})


def words(*default: str, among: tuple[str, ...]) -> Any:
    """Declare a dataclass field: one or more of some words."""
    return field(default=default, metadata={"among": among})


def word(default: str, among: tuple[str, ...]) -> Any:
    """Declare a dataclass field: one of some words."""
    return field(default=default, metadata={"among": among})


SHARE: "Field[Any]" = number(0.5, 0.0, 1.0)
"""How often a transform is used, where a table does not say so."""


@dataclass(frozen=True)
class SpecAugment:
    """Two bands of up to ``max_bins`` and two spans of up to ``max_frames`` are set to the mean."""

    max_bins: int = number(8, 0, 1_000, "bins")
    max_frames: int = number(20, 0, 10_000, "frames")


@dataclass(frozen=True)
class Mixup:
    """Each utterance is blended with another one, the share drawn from Beta(``alpha``, ``alpha``); 0: not at all."""

    alpha: float = number(0.3, 0.0, 10.0)


@dataclass(frozen=True)
class Vtlp:
    """Frequencies up to about ``corner_hz`` are multiplied by a factor, those above fill the band's rest."""

    lowest: float = number(0.9, 0.5, 2.0, "times", at_most="highest")
    highest: float = number(1.1, 0.5, 2.0, "times")
    corner_hz: float = number(4_800.0, 500.0, 20_000.0, "Hz")


def wrong(where: str, expected: Mapping[str, "Field[Any]"], given: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the settings ``given`` at ``where``, a line each; ``expected`` is by name."""
    found = []
    for name, value in given.items():
        if name not in expected:
            found.append(f"{where}.{name}: no such parameter; {suggestion(name, expected)}")
        elif complaint := _complaint(expected[name], value):
            found.append(f"{where}.{name} is {value!r}, expected {complaint}")
    for name, setting in expected.items():
        if name not in given and setting.default is MISSING:
            found.append(f"{where}.{name} is missing; it has no default")
    return found or _reversed(where, expected, given)


def fields_of(kind: type) -> "dict[str, Field[Any]]":
    """Return a dataclass's fields by name."""
    return {setting.name: setting for setting in fields(kind)}


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" for a name that is like a known one, else all known ones."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names) or 'none'}"


def _complaint(setting: "Field[Any]", value: object) -> str:
    """Return what was expected of a field where ``value`` is not that."""
    if "range" in setting.metadata:
        low, high = setting.metadata["range"]
        whole = isinstance(setting.default, int)
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            unit = setting.metadata["unit"]
            return f"a {'whole ' if whole else ''}number from {low:g} to {high:g}{' ' if unit else ''}{unit}"
    elif "among" in setting.metadata:
        several = isinstance(setting.default, tuple)
        given = value if several and isinstance(value, list | tuple) else [value]
        if not given or any(each not in setting.metadata["among"] for each in given):
            return f"{'some' if several else 'one'} of {', '.join(setting.metadata['among'])}"
    elif not isinstance(value, str) or not value:
        return "the name of a folder"
    return ""


def _reversed(where: str, expected: Mapping[str, "Field[Any]"], given: Mapping[str, Any]) -> list[str]:
    """Return the pairs of bounds that are the wrong way round."""
    found = []
    for name, setting in expected.items():
        upper = setting.metadata.get("at_most")
        if upper and (low := given.get(name, setting.default)) > (high := given.get(upper, expected[upper].default)):
            found.append(f"{where}.{name} is {low:g}, above {upper}, {high:g}; set both, the smaller one first")
    return found
