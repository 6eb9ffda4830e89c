"""What a search tries: ranges and choices of settings, read from the table ``[search]`` beside a base config."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from audio_emotion import augment, models
from audio_emotion.core import schema
from audio_emotion.core.errors import ModelError, UsageError
from audio_emotion.training.config import TrainConfig, find_problems, from_table, merged

_WORDS = ("low", "high", "log", "step", "choices")
_FIXED = {
    "seed": "the best of several seeds is no finding, and the split is drawn with it",
    "origin": "each model has its own architecture; search with one, and then with another",
}


@dataclass(frozen=True)
class _Range:
    """A searched range, as a table gives it."""

    low: float
    high: float
    log: bool = False
    step: float | None = None


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched.

    Attributes:
        key: its dotted path in the config, as ``optimizer.lr``.
        choices: its values, or empty where it is a range.
        low, high: the range, both ends in it.
        log: whether the range is searched by ratio.
        step: distance of its values; None: any number between.
        whole: whether it is a whole number.
    """

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    whole: bool = False

    @property
    def names(self) -> tuple[str | int | float | bool, ...]:
        """The choices as a study stores them: a list stands there as JSON."""
        return tuple(c if isinstance(c, str | int | float | bool) else json.dumps(c) for c in self.choices)

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that show whether all are allowed."""
        return self.choices or (self.low, self.high)

    @property
    def is_head(self) -> bool:
        """Whether it decides which other settings there are."""
        return self.key == "architecture" or self.key.endswith(".name")

    def points(self) -> tuple[Any, ...]:
        """Return every value of a choice or of a range with steps, as a study stores them; empty: there is no end."""
        if self.choices:
            return self.names
        if self.step is None:
            return ()
        count = int((self.high - self.low) / self.step + 1e-9) + 1
        values = (self.low + i * self.step for i in range(count))
        return tuple(int(v) if self.whole else round(v, 12) for v in values)

    def value(self, stored: Any) -> Any:
        """Return the setting that a study stored."""
        return self.choices[self.names.index(stored)] if self.choices else stored


Chosen = Mapping[str, Any]
"""What a trial stores: by the key of each dimension that applies, its value."""


@dataclass(frozen=True)
class Space:
    """A base config and what is searched around it.

    Attributes:
        base: the config without ``[search]``; with the default augmentation written out where some of it is searched.
        dimensions: those that decide which others apply come first.
    """

    base: Mapping[str, Any]
    dimensions: tuple[Dimension, ...]

    @property
    def most_epochs(self) -> int:
        """How many epochs the longest trial has."""
        searched = [max(d.ends) for d in self.dimensions if d.key == "epochs"]
        return int(searched[0]) if searched else self.config({}).epochs

    def choose(self, pick: Callable[[Dimension], Any]) -> dict[str, Any]:
        """Ask ``pick`` for a value of each dimension that applies to what was picked before it."""
        values: dict[str, Any] = {}
        for dimension in self.dimensions:
            if _applies(dimension.key, self.table(values)):
                values[dimension.key] = pick(dimension)
        return values

    def table(self, values: Chosen) -> dict[str, Any]:
        """Return the base config with what a trial has chosen."""
        by_key = {dimension.key: dimension for dimension in self.dimensions}
        return _with(self.base, {key: by_key[key].value(stored) for key, stored in values.items()})

    def config(self, values: Chosen) -> TrainConfig:
        """Return a trial's config.

        Raises:
            UsageError: its settings contradict one another.
        """
        return from_table(self.table(values))

    def grid(self) -> list[dict[str, Any]]:
        """Return every combination, each once.

        Raises:
            UsageError: a range without steps.
        """
        endless = [dimension.key for dimension in self.dimensions if not dimension.points()]
        if endless:
            raise UsageError(f"a grid needs choices, or a step, of {', '.join(endless)}; or take another sampler")
        points: dict[str, dict[str, Any]] = {}
        for values in itertools.product(*(dimension.points() for dimension in self.dimensions)):
            at = dict(zip((d.key for d in self.dimensions), values, strict=True))
            picked = self.choose(lambda dimension, at=at: at[dimension.key])  # type: ignore[misc]
            points.setdefault(json.dumps(picked), picked)
        return list(points.values())


def read(path: Path) -> Space:
    """Read a TOML file: a training config with a table ``[search]``.

    Raises:
        UsageError: every problem of what it says.
        StorageError: it cannot be read.
    """
    table = schema.read_toml(path, "a TOML file with [search]", "docs/tuning.md")
    try:
        return space_of(table)
    except UsageError as error:
        raise UsageError(f"{error}", subject=str(path)) from error


def space_of(table: Mapping[str, Any]) -> Space:
    """Read a nested mapping as :func:`read` reads a file.

    Raises:
        UsageError: every problem at once.
    """
    base = {key: value for key, value in table.items() if key != "search"}
    searched = table.get("search")
    if not isinstance(searched, Mapping) or not searched:
        raise UsageError("there is no table [search] that names a setting, as optimizer.lr = {low = 1e-4, high = 1e-2}")
    if "augment" in searched and "augment" not in base:
        base["augment"] = dict(augment.DEFAULT)
    problems = find_problems(base)
    dimensions = []
    for key, leaf in _leaves(searched):
        wrong = _form_problems(key, leaf)
        problems += wrong
        if not wrong:
            dimensions.append(_dimension(key, leaf))
    dimensions.sort(key=lambda dimension: (dimension.key != "architecture", not dimension.is_head))
    sound = base if not find_problems(base) else {}
    variants = list(_variants(sound, dimensions))
    problems += [problem for dimension in dimensions for problem in _value_problems(dimension, variants)]
    if problems:
        raise UsageError("; ".join(dict.fromkeys(problems)))
    return Space(base, tuple(_typed(dimension, variants) for dimension in dimensions))


def _leaves(table: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each searched setting's dotted path with what is said of it."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value and not any(word in value for word in _WORDS):
            yield from _leaves(value, f"{where}{key}.")
        else:
            yield where + key, value


def _form_problems(key: str, leaf: Any) -> list[str]:
    """Return what is wrong with a range or choices as such."""
    if key in _FIXED:
        return [f"search.{key}: cannot be searched ({_FIXED[key]})"]
    if not isinstance(leaf, Mapping):
        return [schema.mismatch(f"search.{key}", leaf, "{low = ..., high = ...} or {choices = [...]}")]
    if "choices" not in leaf:
        return schema.problems(_Range, leaf, f"search.{key}.") or _range_problems(key, leaf)
    given, others = leaf["choices"], [word for word in leaf if word != "choices"]
    problems = [f"search.{key}: choices stand alone, without {', '.join(others)}"] if others else []
    if not isinstance(given, list) or not 0 < len(given) == len({json.dumps(choice) for choice in given}):
        problems.append(schema.mismatch(f"search.{key}.choices", given, "a list of different values"))
    return problems


def _range_problems(key: str, leaf: Mapping[str, Any]) -> list[str]:
    low, high, step, problems = leaf["low"], leaf["high"], leaf.get("step"), []
    if not low < high:
        problems.append(f"search.{key}: low is {low:g} and high {high:g}, expected a smaller low")
    if leaf.get("log") and low <= 0:
        problems.append(f"search.{key}: low is {low:g}, and a range with log begins above 0")
    if step is not None and (leaf.get("log") or not 0 < step <= high - low):
        problems.append(f"search.{key}.step is {step:g}, expected a part of the range, which has no log")
    return problems


def _dimension(key: str, leaf: Mapping[str, Any]) -> Dimension:
    if "choices" in leaf:
        return Dimension(key, tuple(leaf["choices"]))
    return Dimension(key, (), leaf["low"], leaf["high"], leaf.get("log", False), leaf.get("step"))


def _variants(base: Mapping[str, Any], dimensions: Sequence[Dimension]) -> Iterator[dict[str, Any]]:
    """Yield the base with every combination of the architectures and names that are searched."""
    heads = [dimension for dimension in dimensions if dimension.is_head]
    for values in itertools.product(*(head.ends for head in heads)):
        yield _with(base, dict(zip((head.key for head in heads), values, strict=True)))


def _applies(key: str, table: Mapping[str, Any]) -> bool:
    """Say whether a config's architecture, or the name in its own table, reads a setting."""
    group, _, name = key.partition(".")
    if group in ("parameters", "frontend"):
        try:
            sizes, features = models.config_classes(table.get("architecture", TrainConfig.architecture))
        except ModelError:  # told of the architecture itself
            return True
        return name in {f.name for f in fields(sizes if group == "parameters" else features)}
    kind = get_type_hints(TrainConfig).get(group)
    known = {f.name: f for f in fields(kind)} if isinstance(kind, type) and is_dataclass(kind) else {}
    only = schema.rule_of(known[name]).only if name in known else ()
    return not only or table.get(group, {}).get("name", known["name"].default) in only


def _value_problems(dimension: Dimension, variants: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with a dimension's values, each judged in the variant that suits it best."""
    good = [variant for variant in variants if not find_problems(variant)] or variants
    reading = [variant for variant in good if _applies(dimension.key, variant)] or good
    problems: list[str] = []
    for end in dimension.ends:
        fewest: list[str] = min((find_problems(_with(variant, {dimension.key: end})) for variant in reading), key=len)
        problems += fewest
    return [f"search: {problem}" for problem in problems]


def _typed(dimension: Dimension, variants: Sequence[Mapping[str, Any]]) -> Dimension:
    """Say whether a range is of whole numbers: those whose setting takes no others."""
    if dimension.choices or not all(isinstance(end, int) for end in dimension.ends):
        return dimension
    between = Dimension(dimension.key, (dimension.low + 0.5,))
    if not _value_problems(between, variants):
        return dimension
    step = dimension.step if dimension.step or dimension.log else 1
    return Dimension(dimension.key, (), dimension.low, dimension.high, dimension.log, step, whole=True)


def _with(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested table with values at dotted paths."""
    result = dict(base)
    for key, value in values.items():
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        result = merged(result, nested)
    return result
