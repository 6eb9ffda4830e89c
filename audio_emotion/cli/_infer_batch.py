"""``infer --output-dir``: many recordings to a folder, on this machine or a cluster."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from audio_emotion.audio.find import FileList
from audio_emotion.cli import _messages
from audio_emotion.cli._app import NOTHING_DONE, SOME_FAILED, Advance, progress_bars
from audio_emotion.cli._messages import note, say
from audio_emotion.cli._request import Request
from audio_emotion.cli._warnings import note_passed_over
from audio_emotion.core.paths import display_path
from audio_emotion.inference.model import Model

if TYPE_CHECKING:
    from audio_emotion.batch.conversations import ConversationTask
    from audio_emotion.batch.outputs import Failed
    from audio_emotion.batch.run import BatchResult, Progress
    from audio_emotion.batch.scoring import Task
    from audio_emotion.batch.workers import Limits

_NAMED_AGAIN = 10


class ModelChoice(NamedTuple):
    """A model by name, and the device and back end on which the cluster runs it."""

    name: str
    device: str
    backend: str


def to_folder(
    recordings: FileList,
    output_dir: Path,
    model: Model,
    request: Request,
    formats: Sequence[str],
    jobs: int | None,
    limits: "Limits",
    restart: bool,
) -> None:
    """Predict recordings and write the results to a folder; continues an interrupted run."""
    from audio_emotion.batch.run import run_batch

    reported: set[str] = set()
    names = [str(recording) for recording in recordings]
    note_passed_over(recordings)
    problems: list[str] = []
    _messages.listen()
    with progress_bars() as bars:
        result = run_batch(
            names,
            output_dir,
            model,
            formats=formats,
            task=_task(request),
            jobs=jobs,
            limits=limits,
            restart=restart,
            adapt=None if request.adapt == "speaker" else request.adapt,
            progress=_shown_on(bars),
            on_failure=_telling(reported),
            on_problem=problems.append,
        )
    for line in problems:
        say(line)
    is_partial = bool(problems) or (request.segments is not None and request.segments.is_partial)
    _conclude(result, reported, str(output_dir), is_partial)


def _task(request: Request) -> "Task | ConversationTask":
    """Return what to do with each recording."""
    from audio_emotion.batch.conversations import ConversationTask
    from audio_emotion.batch.scoring import task_of
    from audio_emotion.cli._segments import GivenSegments

    part = request.part(_channel(request))
    if request.segments is None:
        return task_of(request.timeline, part, along_time=request.along_time)
    is_given = isinstance(request.segments, GivenSegments)
    adapt = request.adapt == "speaker"
    return ConversationTask(request.segments, request.segments.origin, request.timeline, part, adapt, is_given)


def to_cluster(
    named: Sequence[str],
    recursive: bool,
    output_dir: str,
    model: ModelChoice,
    request: Request,
    jobs: int | None,
    limits: "Limits",
    size: int,
    restart: bool,
) -> None:
    """Predict an archive on a cluster; continues an interrupted run."""
    from audio_emotion.batch.cluster import actor, engine

    part = request.part(_channel(request))
    job = actor.Job(
        output_dir,
        device="cpu" if model.device == "auto" else model.device,
        backend=model.backend,
        timeline=request.timeline,
        part=part,
        along_time=request.along_time,
        jobs=jobs or 1,
        limits=limits,
    )
    reported: set[str] = set()
    with progress_bars() as bars:
        result = engine.run(
            named,
            job,
            model.name,
            recursive=recursive,
            size=size,
            restart=restart,
            progress=_shown_on(bars),
            on_failure=_telling(reported),
        )
    _conclude(result, reported, output_dir)


def _channel(request: Request) -> int | None:
    return request.channels if isinstance(request.channels, int) else None


def _telling(reported: set[str]) -> "Callable[[Failed], None]":
    """Return a callback that reports a failed recording and adds it to ``reported``."""

    def tell(failed: "Failed") -> None:
        reported.add(failed.file)
        say(failed.reason)

    return tell


def _conclude(result: "BatchResult", reported: set[str], output_dir: str, is_partial: bool = False) -> None:
    """Print a summary; exit with 3 or 1 if recordings failed, or if turns of some were skipped (``is_partial``)."""
    _name_earlier(result, reported)
    for line in result.notes.lines():
        note(f"note: {line}")
    note(
        f"{result.done} processed, {result.skipped} already done, {len(result.failed)} failed; "
        f"results are in {display_path(output_dir)}"
    )
    if result.failed:
        raise typer.Exit(SOME_FAILED if result.done + result.skipped else NOTHING_DONE)
    if is_partial:
        raise typer.Exit(SOME_FAILED)


def _name_earlier(result: "BatchResult", reported: set[str]) -> None:
    """Report inputs that failed in an earlier run, which are not tried again until they change."""
    earlier = [failed for failed in result.failed if failed.file not in reported]
    for failed in earlier[:_NAMED_AGAIN]:
        say(f"{failed.reason} (from an earlier run)")
    if len(earlier) > _NAMED_AGAIN:
        say(f"{len(earlier) - _NAMED_AGAIN} more failed in an earlier run; the output folder lists all failures")


def _shown_on(bars: Advance) -> "Callable[[Progress], None]":
    """Return a callback that shows the progress and speed of a batch."""
    began = time.monotonic()

    def show(progress: "Progress") -> None:
        seconds = max(time.monotonic() - began, 1e-3)
        n_files = progress.done + progress.failed
        speed = f"{n_files / seconds:.1f} files/s, {progress.sound_s / seconds:.0f} × real time"
        bars("files", progress.skipped + n_files, progress.total, f"{speed}, {progress.failed} failed")

    return show
