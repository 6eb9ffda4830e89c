"""Shared by all commands: streams, help, errors, exit codes, progress."""

import functools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer

from audio_emotion.cli import _messages
from audio_emotion.cli._messages import ERROR, INFO, note, say, silence
from audio_emotion.cli._typer import MESSAGES, ParserError, PlainCommand, PlainGroup, TyperOption
from audio_emotion.core import packages
from audio_emotion.core.errors import AudioEmotionError, reason
from audio_emotion.core.paths import display_path

if TYPE_CHECKING:
    from audio_emotion.corpora import LeftOut

P = ParamSpec("P")
R = TypeVar("R")

ALL_GOOD, NOTHING_DONE, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

_TOLD_EVERY_S, _FIRST_TOLD_S = 30.0, 5.0


def tell_left_out(files: "Iterable[LeftOut]") -> None:
    """Report the files that are not used: the number for each reason, and the first file."""
    from audio_emotion.corpora.base import by_reason

    for why, paths in by_reason(files).items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        note(f"left out: {display_path(paths[0])}{more}: {why}")


# --- commands and the parser ------------------------------------------------------------------------------------------


def message_options() -> list[TyperOption]:
    """Return the message options that every command has."""
    shared: dict[str, Any] = {"expose_value": False, "callback": _messages.want, "rich_help_panel": MESSAGES}
    return [
        TyperOption(
            param_decls=["--quiet", "-q"],
            is_flag=True,
            default=False,
            help="Only show errors.",
            **shared,
        ),
        TyperOption(
            param_decls=["--verbose", "-v"],
            is_flag=True,
            default=False,
            help="Also show timings, model and back end.",
            **shared,
        ),
        TyperOption(
            param_decls=["--log-file"],
            type=Path,
            metavar="FILE",
            help="Append all messages to this file, with timestamps.",
            **shared,
        ),
    ]


class Command(PlainCommand):
    """A command with the message options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += message_options()


class Section(PlainGroup):
    """A group of commands below the root."""


class Group(Section):
    """The root group: parser errors and write errors become one line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += message_options()

    def main(self, *args: Any, **kwargs: Any) -> Any:
        if os.environ.get("NO_COLOR"):  # rich checks NO_COLOR itself, the parser does not
            kwargs.setdefault("color", False)
        standalone = kwargs.pop("standalone_mode", True)
        run = functools.partial(super().main, *args, **(kwargs | {"standalone_mode": False}))
        if not standalone:
            return run()
        open_streams()
        code = None
        try:
            code = run() or ALL_GOOD
            sys.stdout.flush()
        except OSError as error:
            code = _stream_failed(error)
        except (Exception, KeyboardInterrupt) as error:
            if not isinstance(error, ParserError | typer.Abort | KeyboardInterrupt):
                raise
            code = _refused(error) if isinstance(error, ParserError) else INTERRUPTED
        finally:
            _messages.end(code)
        sys.exit(code)


def _refused(error: Any) -> int:
    """Print the parser's error in one line, or the help if that is all it has."""
    message, command_path = error.format_message(), error.ctx.command_path if error.ctx else "audio-emotion"
    if error.ctx and message == error.ctx.get_help():
        print(message, file=sys.stderr)
    else:
        text = (message[:1].lower() + message[1:]).rstrip(".")
        say(f"{text}{' Try' if text.endswith('?') else '; try'} '{command_path} --help'")
    return int(error.exit_code)


def limited(low: float, high: float = float("inf"), *, above: bool = False) -> Callable[[float | None], float | None]:
    """Return a callback that refuses a number outside ``low`` to ``high`` (``above``: without ``low``), or infinite."""
    expected = f"{'more than ' if above else ''}{low:g}{f' to {high:g}' if high < float('inf') else ''}"
    expected += "" if above or high < float("inf") else " or more"

    def check(value: float | None) -> float | None:
        if value is not None and (not low <= value <= high or abs(value) == float("inf") or (above and value == low)):
            raise typer.BadParameter(f"it is {value:g}, expected {expected}")
        return value

    return check


# --- streams and exit codes -------------------------------------------------------------------------------------------


def open_streams() -> None:
    """Replace closed standard streams, and let stdout accept any character.

    A missing stdin reads as empty, a missing stderr discards, and writing to a missing stdout fails as on a full disk.
    Without replacements, the next opened file would become stdin, stdout or stderr.
    """
    for name, flags, mode in (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode))
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _stream_failed(error: OSError) -> int:
    """Report a file that cannot be written; an error without a file name is about standard output."""
    where = display_path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else "standard output"
    silence(sys.stdout)
    say(f"{where} cannot be written ({reason(error)}); free space there, or redirect it elsewhere")
    return NOTHING_DONE


def _not_installed(name: str | None) -> str:
    if packages.is_inference_only():
        return (
            f"this command needs {name}, which is not installed; this installation is for infer, listen and serve; "
            f"run: {packages.install_command()}"
        )
    return f"this command needs {name}, which is not installed; run audio-emotion doctor to see how to install it"


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Turn an expected error into one line and its exit code, Ctrl-C into 130, and a closed pipe into a silent exit.

    A missing module is an expected error too: an inference-only installation has no torch.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            _messages.begin()
            result = function(*args, **kwargs)
            sys.stdout.flush()
        except AudioEmotionError as error:
            _messages.log(ERROR, str(error), error)
            raise typer.Exit(error.exit_code) from error
        except ModuleNotFoundError as error:
            _messages.log(ERROR, _not_installed(error.name), error)
            raise typer.Exit(NOTHING_DONE) from error
        except KeyboardInterrupt as error:
            say(f"interrupted; {error}" if str(error) else "interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            silence(sys.stdout)
            raise typer.Exit(ALL_GOOD) from None
        return result

    return guarded


# --- progress ---------------------------------------------------------------------------------------------------------

Advance = Callable[[str, int, int, str], None]
"""(stage, done, total, remark) → None."""


@contextmanager
def progress_bars(quiet: bool = False) -> Iterator[Advance]:
    """Yield a function that shows the progress of each stage on stderr: a bar on a terminal, else occasional lines.

    With ``quiet`` or ``--quiet`` it shows nothing.
    """
    if quiet or not _messages.are_wanted(INFO):
        yield lambda stage, done, total, remark: None
        return
    if not sys.stderr.isatty():
        yield _told_now_and_then()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = [
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
        TextColumn("{task.fields[remark]}"),
    ]
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int, remark: str) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, remark="")
            bars.update(tasks[stage], completed=done, remark=remark)

        yield advance


def _told_now_and_then() -> Advance:
    """Return a function that logs the progress after 5 seconds, and then every 30."""
    last = time.monotonic() - _TOLD_EVERY_S + _FIRST_TOLD_S

    def advance(stage: str, done: int, total: int, remark: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _TOLD_EVERY_S:
            last = time.monotonic()
            note(f"{stage}: {done} of {total}{', ' if remark else ''}{remark}")

    return advance
