"""Many recordings → results: decoding in separate processes, and a journal so that a run can be continued."""

import hashlib
import json
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from audio_emotion.audio.notes import NoteSummary
from audio_emotion.batch.adaptation import SHIFTS, batch_shifts
from audio_emotion.batch.conversations import ConversationTask, score_conversations
from audio_emotion.batch.journal import FileStat, Journal, check_same, file_stat, open_journal
from audio_emotion.batch.names import as_named, common_folder, find_root, path_below
from audio_emotion.batch.outputs import Failed, Outputs, from_json, to_json
from audio_emotion.batch.scoring import Scored, Task, score, whole_task, worker_pool
from audio_emotion.batch.workers import Failure, Limits, WorkerPool
from audio_emotion.core.paths import display_path, remove
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
        skipped: those that an earlier run processed.
        done: those with a result of this run.
        failed: those that failed in this run.
        sound_s: seconds of sound with a result of this run.
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
        done: inputs with a result of this run.
        skipped: inputs with a result of an earlier run.
        failed: inputs without a result, in their order, of this run or an earlier one.
        notes: notes on the inputs with a result of this run.
    """

    done: int
    skipped: int
    failed: tuple[Failed, ...]
    notes: NoteSummary = field(default_factory=NoteSummary)


def run_batch(
    inputs: Sequence[str | os.PathLike[str]],
    output_dir: str | os.PathLike[str],
    model: Model,
    *,
    formats: Sequence[str] = ("json",),
    per_input: bool = True,
    task: Task | ConversationTask | None = None,
    jobs: int | None = None,
    limits: Limits | None = None,
    restart: bool = False,
    adapt: Grouping | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
    on_failure: Callable[[Failed], None] = lambda failed: None,
    on_problem: Callable[[str], None] = lambda line: None,
) -> BatchResult:
    """Predict the emotion of recordings into a folder, and continue where an earlier run into it stopped.

    Each input gets a file in each of ``formats`` (unless ``per_input`` is false) as soon as it is finished. At the end
    ``results.*`` are written, all results in the order of the inputs in each format that can hold several, and
    ``failures.jsonl``. An input that an earlier run finished is processed again only if its size or modification time
    changed; the same is true of one that could not be decoded; other failures are tried again. Inputs are known by
    their paths below the folder that they share, wherever that is mounted. ``restart`` removes what earlier runs wrote.
    With ``adapt``, ``all`` or ``folder``, the model is adapted to the recordings of each group first
    (:mod:`audio_emotion.batch.adaptation`); a run that continues uses the same shifts. With a
    :class:`~audio_emotion.batch.conversations.ConversationTask` the turns of each recording are predicted, and it is
    processed again too if its turns changed. ``on_problem`` gets a line for each result that lacks some turns.

    Raises:
        ModelError: ``adapt`` with a model that cannot be adapted.
        UsageError: the folder was started with another model or other parameters, or no such format.
        StorageError: the folder cannot be written, another run is writing there, or it has files with the names of
            results but no journal.
    """
    task = task or Task()
    folder = Path(output_dir)
    named = as_named(inputs)
    made_with = fingerprint(model.config, model.backend, task) | ({"adapt": adapt} if adapt else {})
    header = {"fingerprint": made_with, "root": common_folder(list(named))}
    for format_name in formats:
        get_writer(format_name, model.config.labels)

    def forget(earlier: Journal) -> None:
        Outputs(folder, earlier, (), model.config.labels).delete_outputs()
        remove(folder / SHIFTS)

    with open_journal(folder, header, forget if restart else None) as journal:
        check_same(flatten_params(journal.header["fingerprint"]), flatten_params(made_with), folder)
        outputs = Outputs(folder, journal, formats, model.config.labels, per_input)
        journal.add_root(find_root(list(named), journal.entries, journal.root))
        names = {path_below(path, journal.root): name for path, name in named.items()}
        if journal.is_new and not restart:
            outputs.check_free(names)
        journal.is_kept = True
        digest_of = task.digest if isinstance(task, ConversationTask) else None
        todo = _left_to_do(names, journal, outputs, digest_of)
        if todo:
            outputs.delete_combined()
        reports = _Callbacks(progress, on_failure, on_problem)
        recorder = _Recorder(names, len(names) - len(todo), outputs, journal, digest_of, reports)
        if adapt and todo:
            reading = whole_task(task.settings.get("part"), task.gate, task.vad)
            task = _adapted(task, model, folder, names, adapt, worker_pool(model, reading, jobs, limits))
        files = [names[key] for key, _ in todo]
        with closing(_scored(files, model, task, jobs, limits)) as results:
            for result in results:
                recorder.add(*todo[result.item], result)
        failures = outputs.write_combined(names)
    done = recorder.counts.done
    return BatchResult(done, len(names) - len(failures) - done, failures, recorder.notes)


def _scored(
    files: Sequence[str], model: Model, task: Task | ConversationTask, jobs: int | None, limits: Limits | None
) -> Generator[Scored | Failure, None, None]:
    if isinstance(task, ConversationTask):
        return score_conversations(files, model, task, limits)
    return score(files, model, task, jobs=jobs, limits=limits)


@dataclass(frozen=True, slots=True)
class _Callbacks:
    """What is called during a run."""

    progress: Callable[[Progress], None]
    on_failure: Callable[[Failed], None]
    on_problem: Callable[[str], None]


class _Recorder:
    """Writes each outcome to the output files and then to the journal, and reports the progress.

    Attributes:
        counts: how far the run is.
        notes: notes on the inputs with a result.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        n_skipped: int,
        outputs: Outputs,
        journal: Journal,
        digest_of: Callable[[str], str | None] | None,
        callbacks: _Callbacks,
    ) -> None:
        self._names, self._outputs, self._journal = names, outputs, journal
        self._digest_of, self._callbacks = digest_of, callbacks
        self.counts = Progress(len(names), n_skipped, 0, 0, 0.0)
        self.notes = NoteSummary()
        callbacks.progress(self.counts)

    def add(self, key: str, seen: FileStat, result: Scored | Failure) -> None:
        """Add the outcome of an input, known by its path below the root and by what the file was like."""
        output, counts = self._outputs.reserve(key), self.counts
        if isinstance(result, Scored):
            self._outputs.write(key, result.answer)
            self.notes.add(display_path(self._names[key]), result.answer.notes)
            digest = {} if self._digest_of is None else {"turns": self._digest_of(self._names[key])}
            self._journal.add(key, seen, {"answer": to_json(result.answer), **digest}, output)
            if result.problem:
                self._callbacks.on_problem(result.problem)
            self.counts = replace(counts, done=counts.done + 1, sound_s=counts.sound_s + result.duration_s)
        else:
            failed = Failed(self._names[key], result.kind, result.reason)
            self._outputs.discard(key)
            self._journal.add(key, seen, {"failure": asdict(failed)}, output)
            self._callbacks.on_failure(failed)
            self.counts = replace(counts, failed=counts.failed + 1)
        self._callbacks.progress(self.counts)


def _adapted(
    task: Task | ConversationTask,
    model: Model,
    folder: Path,
    names: Mapping[str, str],
    grouping: Grouping,
    pool: WorkerPool,
) -> Task | ConversationTask:
    """Return the task with the shift of each file's group; the pool is closed."""
    with pool:
        shifts = batch_shifts(folder, names, model, grouping, task.gate, pool)
    group_of = {name: group_key(grouping, key) for key, name in names.items()}
    return replace(task, shift_of=lambda name: shifts.get(group_of[name]))


def fingerprint(config: ModelConfig, backend: str, task: Task | ConversationTask) -> dict[str, Any]:
    """Return what determines the results: names with JSON values."""
    described = {name: value for name, value in asdict(config).items() if name not in {"training", "figures"}}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    what = {"model": f"{config.name} (sha256 {digest[:16]})", "backend": backend}
    return {**what, **task.fingerprint}


def flatten_params(made_with: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fingerprint without levels, with the parameters' names as users know them."""
    flat: dict[str, Any] = {}
    for name, value in made_with.items():
        if isinstance(value, Mapping):
            flat |= flatten_params(value)
        elif name == "reader":
            flat["kind of answer"] = str(value).rpartition(":")[2]
        else:
            flat[name.removesuffix("_s").replace("_", " ")] = value
    return flat


def _left_to_do(
    names: Mapping[str, str], journal: Journal, outputs: "Outputs", digest_of: Callable[[str], str | None] | None
) -> list[tuple[str, FileStat]]:
    """Return the keys of inputs that need work, with their sizes and times; write output files that others lack.

    ``digest_of`` gives the checksum of the turns of an input, if it is a conversation.
    """
    todo = []
    for key, name in names.items():
        entry, seen = journal.entries.get(key), file_stat(name)
        outputs.reserve(key)  # in the order of the inputs, so that output names do not depend on what is finished first
        is_done = entry is not None and entry.stamp.is_same(seen) and entry.failure in {None, FINAL}
        if entry is None or not is_done or (digest_of and _has_new_turns(journal.read(entry), digest_of(name))):
            todo.append((key, seen))
        elif entry.failure is None and outputs.lacks(key):
            outputs.write(key, from_json(journal.read(entry), name))
    return todo


def _has_new_turns(content: Mapping[str, Any], digest: str | None) -> bool:
    return "answer" in content and content.get("turns") != digest
