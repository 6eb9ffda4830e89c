"""Render the command reference as Markdown from the help of the commands: `python -m scripts.cli_reference`."""

import inspect
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from audio_emotion.cli import app

HEAD = """# Commands

The help of every command, as `audio-emotion COMMAND --help` prints it. Results go to standard output, everything else
to standard error. See also [commands by task](commands.md) and [exit codes](exit-codes.md).
"""


def render() -> str:
    """Return the page: a section for each command, its options in tables."""
    root: Any = get_command(app)
    return "\n".join([HEAD, *_group(root, root.make_context("audio-emotion", [], resilient_parsing=True))])


def _group(group: Any, context: Any) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command.hidden:
            continue
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        if hasattr(command, "list_commands"):
            yield from _group(command, inner)
        else:
            yield from _command(command, inner)


def _command(command: Any, context: Any) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from (f"## {context.command_path}", "", _cell(inspect.cleandoc(command.help or "")), "")
    yield from ("```text", usage, "```", "")
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        title = getattr(parameter, "rich_help_panel", None) or f"{parameter.param_type_name.title()}s"
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts:
            sections.setdefault(title, []).append((record[0].partition(" <")[0], record[1]))
    for title, records in sections.items():
        yield from (f"| {title} | |", "|---|---|")
        yield from (f"| `{_cell(name)}` | {_cell(told)} |" for name, told in records)
        yield ""
    if command.epilog:
        yield from ("```sh", inspect.cleandoc(command.epilog), "```", "")


def _cell(text: str) -> str:
    """Return text that neither ends a table's cell nor begins a tag or a link."""
    escaped = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return escaped.replace("[", "\\[") if "`" not in escaped else escaped


if __name__ == "__main__":
    print(render())
