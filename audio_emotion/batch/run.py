"""Many recordings → answers, with decoding in processes of its own, and a journal that lets a run be continued."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from audio_emotion.batch.adaptation import SHIFTS, batch_shifts
from audio_emotion.batch.journal import FileStat, Journal, check_same, file_stat, open_journal
from audio_emotion.batch.outputs import Failed, Outputs, from_json, to_json
from audio_emotion.batch.scoring import Scored, Task, default_jobs, score
from audio_emotion.batch.workers import Limits
from audio_emotion.core.paths import remove
from audio_emotion.core.types import FloatArray
from audio_emotion.formats import get_writer
from audio_emotion.inference.adaptation import Grouping, group_key
from audio_emotion.inference.model import Model
from audio_emotion.models.checkpoint import ModelConfig

FINAL = "decode"
"""The one kind of failure that will not go away while the file stays as it is."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is.

    Attributes:
        total: inputs, each counted once.
        skipped: those that an earlier run had dealt with.
        done: those answered in this run.
        failed: those that failed in this run.
        sound_s: seconds of sound answered in this run.
    """

    total: int
    skipped: int
    done: int
    failed: int
    sound_s: float


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch left.

    Attributes:
        done: inputs answered in this run.
        skipped: inputs whose answer an earlier run had left.
        failed: inputs without an answer, in their order, whichever run found out.
    """

    done: int
    skipped: int
    failed: tuple[Failed, ...]


def run_batch(
    inputs: Sequence[str | os.PathLike[str]],
    output_dir: str | os.PathLike[str],
    model: Model,
    *,
    formats: Sequence[str] = ("json",),
    per_input: bool = True,
    task: Task | None = None,
    jobs: int | None = None,
    limits: Limits | None = None,
    restart: bool = False,
    adapt: Grouping | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
    on_failure: Callable[[Failed], None] = lambda failed: None,
) -> BatchResult:
    """Answer recordings into a folder, and continue where an earlier run into it stopped.

    Each input leaves a file in each of ``formats`` (unless ``per_input`` is false) as soon as it is answered; at the
    end come ``results.*``, all answers in the order of the inputs in each format that can hold several, and
    ``failures.jsonl``. An input that an earlier run answered is done again only if its size or modification time
    changed; one whose content could not be decoded likewise; other failures are tried again. ``restart`` takes away
    what earlier runs wrote, and begins anew. With ``adapt``, ``all`` or ``folder``, the model is adapted to the
    recordings of each group first (:mod:`audio_emotion.batch.adaptation`); a run that continues uses the same shifts.

    Raises:
        ModelError: ``adapt`` with a model that cannot be adapted.
        UsageError: the folder was begun with another model or other parameters, or no such format.
        StorageError: the folder cannot be written, another run is writing there, or it holds files under the names
            of answers though it holds no journal.
    """
    task = task or Task()
    folder = Path(output_dir)
    names: dict[str, str] = {}  # absolute path → as named, each once
    for name in inputs:
        names.setdefault(os.path.abspath(name), os.fspath(name))  # noqa: PTH100 (keeps "..", and odd bytes, right)
    made_with = fingerprint(model.config, model.backend, task) | ({"adapt": adapt} if adapt else {})
    header = {"fingerprint": made_with, "root": _common_folder(list(names))}
    for format_name in formats:
        get_writer(format_name, model.config.labels)

    def forget(earlier: Journal) -> None:
        Outputs(folder, earlier, (), model.config.labels).delete_outputs()
        remove(folder / SHIFTS)

    with open_journal(folder, header, forget if restart else None) as journal:
        check_same(flatten_params(journal.header["fingerprint"]), flatten_params(made_with), folder)
        outputs = Outputs(folder, journal, formats, model.config.labels, per_input)
        if journal.is_new and not restart:
            outputs.check_free(names)
        journal.is_kept = True
        todo = _left_to_do(names, journal, outputs)
        if todo:
            outputs.delete_combined()
        counts = Progress(len(names), len(names) - len(todo), 0, 0, 0.0)
        progress(counts)
        files = [names[path] for path, _ in todo]
        shift_of = _shift_of(folder, names, model, adapt, task, jobs, limits) if adapt and todo else None
        with closing(score(files, model, task, jobs=jobs, limits=limits, shift_of=shift_of)) as results:
            for result in results:
                path, seen = todo[result.item]
                if isinstance(result, Scored):
                    outputs.write(path, result.answer)
                    journal.add(path, seen, {"answer": to_json(result.answer)})
                    counts = replace(counts, done=counts.done + 1, sound_s=counts.sound_s + result.duration_s)
                else:
                    failed = Failed(names[path], result.kind, result.reason)
                    outputs.discard(path)
                    journal.add(path, seen, {"failure": asdict(failed)})
                    on_failure(failed)
                    counts = replace(counts, failed=counts.failed + 1)
                progress(counts)
        failures = outputs.write_combined(names)
    return BatchResult(counts.done, len(names) - len(failures) - counts.done, failures)


def _shift_of(
    folder: Path,
    names: Mapping[str, str],
    model: Model,
    grouping: Grouping,
    task: Task,
    jobs: int | None,
    limits: Limits | None,
) -> Callable[[str], FloatArray | None]:
    """Return what gives the shift of a file, by its name."""
    settings = {"part": task.settings.get("part"), "gate": task.gate, "vad": task.vad}
    n_jobs = default_jobs() if jobs is None else jobs
    shifts = batch_shifts(folder, names, model, grouping, settings, n_jobs, limits or Limits())
    return lambda name: shifts.get(group_key(grouping, os.path.abspath(name)))  # noqa: PTH100 (as for names)


def fingerprint(config: ModelConfig, backend: str, task: Task) -> dict[str, Any]:
    """Return what the answers depend on, a name to a value."""
    described = {name: value for name, value in asdict(config).items() if name not in {"training", "figures"}}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    what = {"model": f"{config.name} (sha256 {digest[:16]})", "backend": backend, "reader": task.reader}
    return {**what, **task.settings, **task.parameters}


def flatten_params(made_with: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fingerprint without levels, its parameters called what a user calls them."""
    said: dict[str, Any] = {}
    for name, value in made_with.items():
        if isinstance(value, Mapping):
            said |= flatten_params(value)
        elif name == "reader":
            said["kind of answer"] = str(value).rpartition(":")[2]
        else:
            said[name.removesuffix("_s").replace("_", " ")] = value
    return said


def _common_folder(files: Sequence[str]) -> str:
    """Return the deepest folder that all absolute paths are in; none where they are on several drives."""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in files])  # noqa: PTH120
    except ValueError:
        return ""


def _left_to_do(names: Mapping[str, str], journal: Journal, outputs: "Outputs") -> list[tuple[str, FileStat]]:
    """Return the inputs that need work, with their present stamps; give the others the output files they lack."""
    todo = []
    for path in names:
        entry, seen = journal.entries.get(path), file_stat(path)
        if entry is None or entry.stamp != seen or entry.failure not in {None, FINAL}:
            todo.append((path, seen))
        elif entry.failure is None and outputs.lacks(path):
            outputs.write(path, from_json(journal.read(entry)))
    return todo
