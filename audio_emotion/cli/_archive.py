"""``infer --output-dir``: many recordings, into a folder."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from audio_emotion.cli._app import NOTHING_DONE, SOME_FAILED, Advance, note, progress_bars, say
from audio_emotion.cli._request import Request
from audio_emotion.paths import shown
from audio_emotion.prediction import Model

if TYPE_CHECKING:
    from audio_emotion.batch import BatchResult, Progress
    from audio_emotion.workers import Limits

_NAMED_AGAIN = 10


def to_folder(
    recordings: Sequence[Path],
    output_dir: Path,
    model: Model,
    request: Request,
    formats: Sequence[str],
    jobs: int | None,
    limits: "Limits",
    restart: bool,
) -> None:
    """Answer recordings into a folder, going on where an earlier run stopped."""
    from audio_emotion import batch

    channel = request.channels if isinstance(request.channels, int) else None
    told: set[str] = set()

    def tell(failed: batch.Failed) -> None:
        told.add(failed.file)
        say(failed.reason)

    with progress_bars() as bars:
        result = batch.run(
            [str(recording) for recording in recordings],
            output_dir,
            model,
            formats=formats,
            task=batch.task_of(request.timeline, request.part(channel), along_time=request.along_time),
            jobs=jobs,
            limits=limits,
            restart=restart,
            progress=_shown_on(bars),
            on_failure=tell,
        )
    _name_earlier(result, told)
    note(
        f"{result.done} answered, {result.skipped} answered before, {len(result.failed)} failed; "
        f"answers are in {shown(output_dir)}"
    )
    if result.failed:
        raise typer.Exit(SOME_FAILED if result.done + result.skipped else NOTHING_DONE)


def _name_earlier(result: "BatchResult", told: set[str]) -> None:
    """Say which inputs an earlier run has found to be no recordings, which are not tried again until they change."""
    earlier = [failed for failed in result.failed if failed.file not in told]
    for failed in earlier[:_NAMED_AGAIN]:
        say(f"{failed.reason} (found by an earlier run)")
    if len(earlier) > _NAMED_AGAIN:
        say(f"{len(earlier) - _NAMED_AGAIN} more were found by an earlier run; failures.jsonl names them all")


def _shown_on(bars: Advance) -> "Callable[[Progress], None]":
    """Return what shows how far a batch is, and how fast."""
    began = time.monotonic()

    def show(progress: "Progress") -> None:
        seconds = max(time.monotonic() - began, 1e-3)
        n_files = progress.done + progress.failed
        speed = f"{n_files / seconds:.1f} files/s, {progress.sound_s / seconds:.0f} × real time"
        bars("files", progress.skipped + n_files, progress.total, f"{speed}, {progress.failed} failed")

    return show
