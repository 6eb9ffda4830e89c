"""Work that continues where it stopped: the plan it was started with, and the refusal to continue another one.

A batch, an archive on a cluster, a training run, a cross-validation and a search each keep a plan next to their
results: names with JSON values of all that determines them. What is finished is the business of each: lines of a
journal, files of partitions, the state of a run, evaluations of folds, trials of a study.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audio_emotion.core import paths
from audio_emotion.core.errors import StorageError, UsageError
from audio_emotion.core.schema import flat

_MAX_CHARS = 60  # of a value in a message


def open_plan(file: Path, plan: Mapping[str, Any], kind: str, options: Mapping[str, str] | None = None) -> None:
    """Write the plan of new work, or check that the file has the same one.

    ``kind`` says what the folder holds, as ``a search``; ``options`` are the names that users know entries by.

    Raises:
        UsageError: the folder holds work with another plan.
        StorageError: the file cannot be read or written.
    """
    earlier = read_plan(file)
    if earlier is None:
        write_plan(file, plan)
    else:
        refuse_other(file.parent, kind, differences(earlier, plan, options))


def read_plan(file: Path) -> dict[str, Any] | None:
    """Return a stored plan; None if there is none.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        plan = json.loads(file.read_text("utf-8"))
        if not isinstance(plan, dict):
            raise ValueError("not an object")
        return plan
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(
            f"cannot be read ({error})", subject=paths.display_path(file), hint="use --restart to start again"
        ) from error


def write_plan(file: Path, plan: Mapping[str, Any], indent: int | None = 1) -> None:
    """Write a plan, as a whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    with paths.writing_file(file) as sibling:
        sibling.write_text(json.dumps(plan, indent=indent) + "\n", "utf-8", newline="\n")


def differences(
    earlier: Mapping[str, Any], plan: Mapping[str, Any], options: Mapping[str, str] | None = None
) -> list[str]:
    """Return how a plan differs from an earlier one, a phrase each.

    >>> differences({"seed": 0, "base": {"epochs": 3}}, {"seed": 1, "base": {"epochs": 3}, "labels": "eight"})
    ["labels is 'eight' (was not set)", 'seed is 1 (was 0)']
    """
    old, new = flat(earlier), flat(json.loads(json.dumps(plan)))
    return [
        f"{_known_as(key, options or {})} is {_shown(new, key)} (was {_shown(old, key)})"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def refuse_other(
    folder: Path | str,
    kind: str,
    changed: Sequence[str],
    remedy: str = "use --restart to start again, or choose another --name",
) -> None:
    """Refuse to continue if the plan has changed.

    Raises:
        UsageError: it has.
    """
    if changed:
        raise UsageError(
            f"{paths.display_path(folder)} holds {kind}, and now {'; '.join(changed)}: undo that to continue, {remedy}"
        )


def _known_as(key: str, options: Mapping[str, str]) -> str:
    first, dot, rest = key.partition(".")
    return f"{options.get(first, first)}{dot}{rest}"


def _shown(table: Mapping[str, Any], key: str) -> str:
    if key not in table:
        return "not set"
    text = repr(table[key])
    return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}..."
