"""Settings as frozen dataclasses: what each field may be, and every problem of a table or an object at once.

A field says what it may be: its type by its annotation, the rest by :func:`number`, :func:`choice`, :func:`choices` and
:func:`text`. A problem is one line with the key, the value and what was expected:

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Noise:
...     snr_db: float = number(15.0, -20.0, 100.0, "dB")
...     color: str = choice("white", "pink")
>>> problems(Noise, {"snr_db": 200, "colour": "pink"}, "noise.")
['noise.snr_db is 200, expected a number from -20 to 100 dB', 'noise.colour is unknown; did you mean color?']
"""

import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from functools import cache
from math import inf
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from audio_emotion.core import paths
from audio_emotion.core.errors import UsageError

HIGHEST = 1e308
"""The end of a range of all numbers that are not infinite."""

_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_KINDS = {int: Integral, float: Real}  # numpy's numbers too
_MAX_CHARS = 120  # of a value in a message


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a field may be, in addition to its type.

    Attributes:
        low, high: the range of a number.
        above: whether ``low`` itself is not in it.
        unit: of the number.
        at_most: the name of another field that it must not exceed.
        among: the allowed words.
        only: the values of the table's own ``name`` with which the field is used; with others it keeps its default.
        expected: what a text is.
    """

    low: float | None = None
    high: float = inf
    above: bool = False
    unit: str = ""
    at_most: str = ""
    among: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    expected: str = ""


_ANYTHING = _Rule()


def number(
    default: Any,
    low: float,
    high: float = inf,
    unit: str = "",
    *,
    only: tuple[str, ...] = (),
    at_most: str = "",
) -> Any:
    """Return a field for a number from ``low`` to ``high`` in ``unit``.

    ``only`` names those values of the table's own ``name`` that use it; with others it must keep its default.
    ``at_most`` names another field that it must not exceed.
    """
    return _field(default, _Rule(low, high, unit=unit, only=only, at_most=at_most))


def within(low: float, high: float = inf, unit: str = "", *, above: bool = False) -> Mapping[str, Any]:
    """Return the metadata of a field without a default, as :func:`number` and :func:`above` set them."""
    return {"rule": _Rule(low, high, above=above, unit=unit)}


def above(default: Any, low: float, high: float = inf, unit: str = "") -> Any:
    """Return a field for a number above ``low``, at most ``high``."""
    return _field(default, _Rule(low, high, above=True, unit=unit))


def choice(*among: str, default: Any = MISSING) -> Any:
    """Return a field for one of some words; the first is the default unless another is given."""
    return _field(among[0] if default is MISSING else default, _Rule(among=among))


def choices(*among: str) -> Any:
    """Return a field for one or more of some words; all are the default."""
    return _field(among, _Rule(among=among))


def text(expected: str) -> Any:
    """Return a field without a default for a text that is not empty; ``expected`` says what it is."""
    return _field(MISSING, _Rule(expected=expected))


def _field(default: Any, rule: _Rule) -> Any:
    metadata = {"rule": rule}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


# --- checks -----------------------------------------------------------------------------------------------------------


def problems(kind: type | tuple[type, ...], table: Mapping[str, Any], where: str = "") -> list[str]:
    """Return the problems of a table for a ``kind``: unknown and missing keys, types, ranges, choices.

    With several kinds, the table may have the keys of all. ``where`` comes before each key, as ``optimizer.``.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    known = {key: entry for each in kinds for key, entry in _known(each).items()}
    name = str(table.get("name", known["name"][0].default)) if "name" in known else ""
    messages = []
    for key, value in table.items():
        if key not in known:
            messages.append(unknown(f"{where}{key}", known, key))
            continue
        setting, hint = known[key]
        if is_dataclass(hint) and isinstance(hint, type) and isinstance(value, Mapping):
            messages += problems(hint, value, f"{where}{key}.")
        elif expected := _expected(setting, hint, value):
            messages.append(mismatch(f"{where}{key}", value, expected))
        elif name and (only := rule_of(setting).only) and name not in only and value != setting.default:
            messages.append(f"{where}{key} is {value}, and {name} has none: it belongs to {', '.join(only)}")
    for key, (setting, _) in known.items():
        if key not in table and setting.default is MISSING and setting.default_factory is MISSING:
            messages.append(f"{where}{key} is missing")
    return messages or _reversed(where, {key: setting for key, (setting, _) in known.items()}, table)


def check(config: Any) -> None:
    """Check the fields of a dataclass, for its ``__post_init__``.

    Raises:
        UsageError: every problem at once.
    """
    if wrong := problems(type(config), {f.name: getattr(config, f.name) for f in fields(config)}):
        raise UsageError("; ".join(wrong))


def unknown(where: str, known: Iterable[str], name: str | None = None) -> str:
    """Return the problem of an unknown key; ``name`` is the part of it that is compared with the known ones."""
    return f"{where} is unknown; {suggestion(where if name is None else name, known)}"


def mismatch(where: str, value: object, expected: str) -> str:
    """Return the problem of a value that is not what was expected."""
    shown = repr(value)
    return f"{where} is {shown if len(shown) <= _MAX_CHARS else f'{shown[:_MAX_CHARS]}...'}, expected {expected}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" for a name that is like a known one, else all known ones."""
    from difflib import get_close_matches

    names = list(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names) or 'none'}"


def rule_of(setting: "Field[Any]") -> _Rule:
    """Return what a field may be in addition to its type."""
    rule: _Rule = setting.metadata.get("rule", _ANYTHING)
    return rule


@cache
def _known(kind: type) -> "dict[str, tuple[Field[Any], Any]]":
    """Return a dataclass's fields and annotated types by name."""
    hints = get_type_hints(kind)
    return {f.name: (f, hints[f.name]) for f in fields(kind)}


def _expected(setting: "Field[Any]", hint: Any, value: object) -> str:
    """Return what was expected of a field where ``value`` is not that; empty where it is."""
    rule = rule_of(setting)
    if value is None and type(None) in get_args(hint):
        return ""
    is_typed = not type_expected(hint, value)
    if rule.low is not None:
        fits = is_typed and rule.low <= value <= rule.high and not (rule.above and value == rule.low)  # type: ignore[operator]
        return "" if fits else _range(rule, hint)
    if rule.among:
        several = get_origin(hint) is tuple
        given = value if several and isinstance(value, list | tuple) else [value]
        fits = bool(given) and all(isinstance(each, str) and each in rule.among for each in given)
        return "" if fits else f"{'some' if several else 'one'} of {', '.join(rule.among)}"
    if rule.expected:
        return "" if isinstance(value, str) and value else rule.expected
    return type_expected(hint, value)


def _range(rule: _Rule, hint: Any) -> str:
    whole = hint is int or int in get_args(hint)
    kind, unit = f"a {'whole ' if whole else ''}number", f" {rule.unit}" if rule.unit else ""
    if rule.above:
        end = f" and at most {rule.high:g}" if rule.high < HIGHEST else ""
        return f"{kind} above {rule.low:g}{end}{unit}"
    if rule.high >= HIGHEST:
        return f"{kind} of {rule.low:g}{unit} or more"
    return f"{kind} from {rule.low:g} to {rule.high:g}{unit}"


def type_expected(hint: Any, value: object) -> str:
    """Return what was expected where ``value`` is not of the annotated type; empty where it is."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        expected = [type_expected(argument, value) for argument in arguments]
        return "" if "" in expected else " or ".join(e for e in expected if e != "nothing")
    if origin is tuple:
        return _tuple_expected(arguments, value)
    if is_dataclass(hint) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return "" if isinstance(value, Mapping | (origin or hint)) else "a table"
    accepted = _KINDS.get(hint, hint if isinstance(hint, type) else object)
    is_right = isinstance(value, accepted) and (hint is bool or not isinstance(value, bool))
    return "" if is_right else _WORDS.get(hint, "nothing")


def _tuple_expected(arguments: tuple[Any, ...], value: object) -> str:
    """Check a list as a tuple: ``tuple[int, int]`` has two numbers, ``tuple[int, ...]`` any."""
    several = len(arguments) == 2 and arguments[1] is Ellipsis
    what = {int: "whole numbers", float: "numbers", str: "texts"}.get(arguments[0], "values")
    expected = f"a list of {what}" if several else f"a list of {len(arguments)} {what}"
    if not isinstance(value, list | tuple) or not (several or len(value) == len(arguments)):
        return expected
    kinds = [arguments[0]] * len(value) if several else arguments
    return expected if any(type_expected(kind, v) for kind, v in zip(kinds, value, strict=True)) else ""


def _reversed(where: str, known: "Mapping[str, Field[Any]]", table: Mapping[str, Any]) -> list[str]:
    """Return the pairs of bounds that are the wrong way round."""
    messages = []
    for name, setting in known.items():
        upper = rule_of(setting).at_most
        if upper and (low := table.get(name, setting.default)) > (high := table.get(upper, known[upper].default)):
            messages.append(f"{where}{name} is {low:g}, above {upper}, {high:g}; set both, the smaller one first")
    return messages


# --- tables -----------------------------------------------------------------------------------------------------------


def read_toml(path: Path, expected: str, docs: str) -> dict[str, Any]:
    """Return the content of a TOML file; messages name what was ``expected``, and the page that describes it.

    Raises:
        UsageError: it is not TOML.
        StorageError: it cannot be read.
    """
    import tomllib

    try:
        return tomllib.loads(paths.content(path, expected).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"not TOML ({error})", subject=str(path), hint=f"see {docs} for what it may contain"
        ) from error


def build(kind: Any, table: Mapping[str, Any]) -> Any:
    """Build a ``kind`` from a valid table; lists become tuples if annotated so."""
    hints = {key: hint for key, (_, hint) in _known(kind).items()}
    return kind(**{key: _converted(hints[key], value) for key, value in table.items()})


def _converted(hint: Any, value: Any) -> Any:
    if is_dataclass(hint):
        return build(hint, value)
    if hint is float:
        return float(value)
    return tuple(value) if get_origin(hint) is tuple else value


def table_of(config: Any) -> dict[str, Any]:
    """Return a dataclass as a TOML table, without None and without entries that its ``name`` does not use."""
    unused = {f.name for f in fields(config) if (only := rule_of(f).only) and getattr(config, "name", "") not in only}
    table: dict[str, Any] = {}
    for f in fields(config):
        value = getattr(config, f.name)
        if value is None or f.name in unused:
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
