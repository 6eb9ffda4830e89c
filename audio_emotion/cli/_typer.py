"""Everything that this package uses of typer beyond its documented interface; no other file does.

``tests/cli/test_typer.py`` checks each of these names in the installed typer, and says what breaks without it.
"""

import inspect
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import typer
from typer import _completion_classes
from typer.core import TyperCommand, TyperGroup, TyperOption

__all__ = ["CHECKED_WITH", "INTERNALS", "MESSAGES", "ParserError", "PlainCommand", "PlainGroup", "TyperOption"]

CHECKED_WITH = ("0.26.0", "0.28.0")
"""The first and the last release of typer that this file was checked with."""

INTERNALS: Mapping[str, tuple[str, ...]] = {
    "help with sections and examples, without importing rich": (
        "core.TyperCommand.format_options",
        "core.TyperCommand.format_epilog",
        "core.TyperCommand.get_params",
        "core.TyperGroup.format_options",
        "core.TyperGroup.format_epilog",
        "core.TyperGroup.format_commands",
        "core.TyperOption.get_help_record",
    ),
    "options of messages for every command": ("core.TyperOption", "core.TyperCommand.params", "core.TyperGroup.params"),
    "an empty argument refused": ("core.TyperCommand.parse_args",),
    "errors of the parser as one line": (
        "core.TyperGroup.main",
        "BadParameter.format_message",
        "BadParameter.exit_code",
    ),
    "fast completion": ("core.TyperGroup._main_shell_completion", "_completion_classes._sanitize_help_text"),
}
"""What each part of typer is for, by what breaks without it; dotted names below ``typer``."""

ParserError = typer.BadParameter.__bases__[0]
"""The base class of parser errors, which typer does not export."""

MESSAGES = "Messages"
"""The section of the help with the options that every command has."""

_LAST = (MESSAGES, "Options")  # sections that come after those of the command


class PlainCommand(TyperCommand):
    """A command whose help shows sections of options (``rich_help_panel``) and examples (``epilog``) as plain text.

    typer only shows sections with rich, whose import takes longer than the rest of ``--help``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _refuse_empty(self.params, args, ctx)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_examples(self, formatter)


class PlainGroup(TyperGroup):
    """A group of commands, with the same style of help."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        self.format_commands(ctx, formatter)
        _write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_examples(self, formatter)

    def _main_shell_completion(self, *args: Any, **kwargs: Any) -> None:
        # Our help is plain text. typer would import rich to remove markup, which is too slow for a key press.
        _completion_classes._sanitize_help_text = lambda text: text
        super()._main_shell_completion(*args, **kwargs)


def _refuse_empty(params: Iterable[Any], args: list[str], ctx: Any) -> None:
    """Refuse an empty argument, such as an unset shell variable: an empty path would mean the current folder."""
    names = {name for param in params if not getattr(param, "is_flag", True) for name in param.opts}
    given = args[: args.index("--")] if "--" in args else args
    for name, value in pairwise([*given, "--"]):
        if (name in names and not value) or (name.endswith("=") and name[:-1] in names):
            raise ParserError(f"{name.removesuffix('=')} is empty, expected a value", ctx)
    if "" in args:
        raise ParserError("an argument is empty, expected a name", ctx)


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        title = getattr(parameter, "rich_help_panel", None) or f"{parameter.param_type_name.title()}s"
        if (record := parameter.get_help_record(ctx)) is not None:
            name = record[0].partition(" <")[0] if title == "Arguments" else record[0]  # drop typer's <list[str]>
            sections.setdefault(title, []).append((name, record[1]))
    for title in sorted(sections, key=lambda title: _LAST.index(title) if title in _LAST else -1):
        with formatter.section(title):
            formatter.write_dl(sections[title])


def _write_examples(command: Any, formatter: Any) -> None:
    if command.epilog:
        with formatter.section("Examples"):
            formatter.write("".join(f"  {line}\n" for line in inspect.cleandoc(command.epilog).splitlines()))
