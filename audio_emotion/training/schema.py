"""TOML tables ↔ frozen dataclasses, with all errors reported at once.

A field says what it may be: its type by its annotation, the rest by :func:`number` and :func:`choice`.
"""

import types
from collections.abc import Mapping
from dataclasses import Field, asdict, field, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from audio_emotion.augment.parameters import suggestion

_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def number(default: Any, low: float, high: float, only: tuple[str, ...] = ()) -> Any:
    """Return a field whose value lies between ``low`` and ``high``.

    ``only`` names those values of the table's own ``name`` that read it; with others it must keep its default.
    """
    return field(default=default, metadata={"range": (low, high), "only": only})


def choice(*names: str) -> Any:
    """Return a field whose value is one of ``names``; the first is the default."""
    return field(default=names[0], metadata={"choice": names})


def problems(kind: type, table: Mapping[str, Any], where: str = "") -> list[str]:
    """Return the errors of a table for a ``kind``: unknown keys, types, ranges, choices.

    ``where`` comes before each key, as ``optimizer.``.
    """
    known = {f.name: f for f in fields(kind)}
    hints = get_type_hints(kind)
    name = str(table.get("name", known["name"].default)) if "name" in known else ""
    messages = []
    for key, value in table.items():
        if key not in known:
            messages.append(f"{where}{key} is unknown; {suggestion(key, known)}")
        elif is_dataclass(hints[key]):
            if isinstance(value, Mapping):
                messages += problems(hints[key], value, f"{where}{key}.")
            else:
                messages.append(f"{where}{key} is {value!r}, expected a table")
        else:
            messages += _value_problems(known[key], hints[key], value, f"{where}{key}", name)
    return messages


def _value_problems(known: "Field[Any]", hint: Any, value: object, name: str, table_name: str) -> list[str]:
    expected = mismatch(hint, value)
    if expected:
        return [f"{name} is {value!r}, expected {expected}"]
    if "choice" in known.metadata and value not in known.metadata["choice"]:
        return [f"{name} is {value!r}, expected one of {', '.join(known.metadata['choice'])}"]
    low, high = known.metadata.get("range", (None, None))
    if low is not None and value is not None and not low <= value <= high:
        return [f"{name} is {value}, expected {low:g} to {high:g}"]
    only = known.metadata.get("only")
    if only and table_name and table_name not in only and value != known.default:
        return [f"{name} is {value}, and {table_name} has none: it belongs to {', '.join(only)}"]
    return []


def mismatch(hint: Any, value: object) -> str:
    """Return what was expected where ``value`` is not of the annotated type; empty where it is."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        expected = [mismatch(argument, value) for argument in arguments]
        return "" if "" in expected else " or ".join(e for e in expected if e != "nothing")
    if origin is tuple:
        return _tuple_mismatch(arguments, value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "" if isinstance(value, Mapping) else "a table"
    accepted = (int, float) if hint is float else hint if isinstance(hint, type) else object
    is_right = isinstance(value, accepted) and (hint is bool or not isinstance(value, bool))
    return "" if is_right else _WORDS.get(hint, "nothing")


def _tuple_mismatch(arguments: tuple[Any, ...], value: object) -> str:
    """Judge a list as a tuple: ``tuple[int, int]`` has two numbers, ``tuple[int, ...]`` any."""
    several = len(arguments) == 2 and arguments[1] is Ellipsis
    what = {int: "whole numbers", float: "numbers", str: "texts"}.get(arguments[0], "values")
    expected = f"a list of {what}" if several else f"a list of {len(arguments)} {what}"
    if not isinstance(value, list | tuple) or not (several or len(value) == len(arguments)):
        return expected
    kinds = [arguments[0]] * len(value) if several else arguments
    return expected if any(mismatch(kind, v) for kind, v in zip(kinds, value, strict=True)) else ""


def build(kind: Any, table: Mapping[str, Any]) -> Any:
    """Build a ``kind`` from a valid table; lists become tuples if annotated so."""
    hints = get_type_hints(kind)
    return kind(**{key: _converted(hints[key], value) for key, value in table.items()})


def _converted(hint: Any, value: Any) -> Any:
    if is_dataclass(hint):
        return build(hint, value)
    if hint is float:
        return float(value)
    return tuple(value) if get_origin(hint) is tuple else value


def table_of(config: Any) -> dict[str, Any]:
    """Return a dataclass as a TOML table, without None and without entries that its ``name`` does not use."""
    unread = {
        f.name
        for f in fields(config)
        if f.metadata.get("only") and getattr(config, "name", "") not in f.metadata["only"]
    }
    table: dict[str, Any] = {}
    for f in fields(config):
        value = getattr(config, f.name)
        if value is None or f.name in unread:
            continue
        table[f.name] = table_of(value) if is_dataclass(value) else _without_none(value)
    return table


def _without_none(value: Any) -> Any:
    return {k: _without_none(v) for k, v in value.items() if v is not None} if isinstance(value, Mapping) else value


def flat(table: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return a nested table as one, its keys joined.

    >>> flat({"epochs": 5, "optimizer": {"lr": 0.1}})
    {'epochs': 5, 'optimizer.lr': 0.1}
    """
    result: dict[str, Any] = {}
    for key, value in table.items():
        result |= flat(value, f"{where}{key}.") if isinstance(value, Mapping) else {where + key: value}
    return result


def complete(kind: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table with the defaults of ``kind`` filled in."""
    return asdict(build(kind, table))
