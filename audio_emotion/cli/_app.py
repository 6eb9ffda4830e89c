"""What every command shares: streams, errors, exit codes, progress."""

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

from audio_emotion.errors import AudioEmotionError

if TYPE_CHECKING:
    from audio_emotion.corpora import LeftOut

P = ParamSpec("P")
R = TypeVar("R")

ALL_GOOD, NOTHING_DONE, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


def say(message: str) -> None:
    """Write one line to stderr."""
    print(f"audio-emotion: {' '.join(message.split())}", file=sys.stderr)


def tell_left_out(files: "Iterable[LeftOut]") -> None:
    """Say which files are not used: how many for each reason, and the first of them."""
    from audio_emotion.corpora.base import by_reason

    for reason, paths in by_reason(files).items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        say(f"left out: {paths[0]}{more}: {reason}")


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Turn an expected error into one line and its exit code, Ctrl-C into 130, and a closed pipe into a quiet end."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            result = function(*args, **kwargs)
            sys.stdout.flush()
        except AudioEmotionError as error:
            say(str(error))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            say(f"interrupted; {error}" if str(error) else "interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
            )  # or Python complains when it flushes at exit
            raise typer.Exit(ALL_GOOD) from None
        return result

    return guarded


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int, str], None]]:
    """Give a function (stage, done, total, remark) that draws a bar for each stage on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = [
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
        TextColumn("{task.fields[remark]}"),
    ]
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int, remark: str) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, remark="")
            bars.update(tasks[stage], completed=done, remark=remark)

        yield advance
