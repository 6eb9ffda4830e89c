"""The fence around typer: what this package uses beyond its documented interface, and where."""

import ast
import re
import tomllib
from functools import reduce
from importlib.metadata import version
from pathlib import Path

import pytest
import typer._completion_classes
import typer.core

from audio_emotion.cli import _typer

ROOT = Path(__file__).parents[2]


def release(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


@pytest.mark.parametrize(
    ("breaks", "name"), [(what, name) for what, names in _typer.INTERNALS.items() for name in names]
)
def test_the_installed_typer_has_what_the_fence_uses(breaks: str, name: str):
    # A class does not have the `params` of its instances.
    objects = {"core.TyperCommand": typer.core.TyperCommand(name="x"), "core.TyperGroup": typer.core.TyperGroup()}
    owner, _, attribute = name.rpartition(".")
    try:
        getattr(objects.get(owner) or reduce(getattr, owner.split("."), typer), attribute)
    except AttributeError:
        pytest.fail(
            f"typer {version('typer')} has no {name}, which gives: {breaks}; audio_emotion/cli/_typer.py was checked "
            f"with {' to '.join(_typer.CHECKED_WITH)}: adapt it, or limit the versions in pyproject.toml"
        )


def test_the_base_of_parser_errors_is_still_the_usage_error():
    assert _typer.ParserError.__name__ == "UsageError", f"typer {version('typer')} has other classes of errors"
    assert issubclass(typer.BadParameter, _typer.ParserError)


def test_the_releases_that_pyproject_allows_are_those_that_were_checked():
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    (bounds,) = (re.findall(r"[\d.]+", line) for line in dependencies if line.startswith("typer"))
    first, last = (release(text) for text in _typer.CHECKED_WITH)
    assert release(bounds[0]) == first[: len(release(bounds[0]))]
    assert last < release(bounds[1])
    assert first <= release(version("typer")) <= (*last[:2], 999), "check cli/_typer.py with this typer"


def private_uses(file: Path) -> list[str]:
    """Return the names of typer that a file uses and that are not documented."""
    tree = ast.parse(file.read_text("utf-8"))
    imported = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    attributes = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return [
        name
        for name in (*imported, *attributes)
        if name.startswith(("typer.core", "typer._")) or (name.startswith("typer.") and "__bases__" in name)
    ]


def test_only_the_fence_uses_typers_own_names():
    package = ROOT / "audio_emotion"
    fence = package / "cli" / "_typer.py"
    assert private_uses(fence)
    assert {str(file): names for file in package.rglob("*.py") if file != fence and (names := private_uses(file))} == {}
