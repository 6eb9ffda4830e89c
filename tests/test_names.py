"""Identifiers of the package are the field's words: an everyday verb as a name has too many meanings to be one."""

import ast
from collections.abc import Iterator

from tests.conftest import ROOT

FORBIDDEN = {"asked", "begun", "chosen", "heard", "judging", "mend", "one", "said", "together", "told"}


def bindings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every name that a module binds, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def test_no_binding_has_a_forbidden_name():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sorted((ROOT / "audio_emotion").rglob("*.py"))
        for name, line in bindings(ast.parse(path.read_text("utf-8")))
        if name.lstrip("_") in FORBIDDEN
    ]
    assert not found
