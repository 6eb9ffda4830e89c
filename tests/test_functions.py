"""Sizes of functions: more than six parameters call for an object, and a body fits a screen."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

MAX_PARAMETERS, MAX_LINES = 6, 60

INTERFACES = {
    # The Python interface: every option is keyword-only and has a default, as users of such libraries expect.
    "audio_emotion/batch/cluster/engine.py:run",
    "audio_emotion/batch/run.py:run_batch",
    "audio_emotion/explanation/__init__.py:explain",
    "audio_emotion/inference/model.py:timeline",
    "audio_emotion/inference/turns.py:score_turns",
    # The HTTP interface: a parameter of the function is one of the request.
    "audio_emotion/web/api.py:predict",
    "audio_emotion/web/page.py:predict",
    "audio_emotion/web/params.py:timeline_config",
    # Readers in a worker: they get settings as JSON, by name.
    "audio_emotion/batch/readers.py:whole",
    "audio_emotion/web/readers.py:read",
}
"""Functions that are an interface, besides the command line, and may have more parameters."""


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function of the package and of training's scripts, by its file and name, but for the command line."""
    folders = [ROOT / "audio_emotion", ROOT / "training"]
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        if (ROOT / "audio_emotion" / "cli") in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{Path(path.relative_to(ROOT)).as_posix()}:{node.name}", node


def n_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many parameters a function has, besides ``self`` and ``cls``."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in given)


def n_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, without its docstring."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_no_function_has_more_than_six_parameters_but_interfaces():
    long = {name for name, node in functions() if n_parameters(node) > MAX_PARAMETERS}
    assert long == INTERFACES, "make an object of parameters that belong to each other"


def test_options_of_the_python_interface_are_given_by_name():
    python = {name for name in INTERFACES if "web/" not in name and "readers" not in name}
    for name, node in functions():
        if name in python:
            positional = [argument.arg for argument in node.args.args if argument.arg != "self"]
            assert len(positional) <= 5, name


def test_every_function_fits_a_screen():
    assert {name: n_lines(node) for name, node in functions() if n_lines(node) > MAX_LINES} == {}
