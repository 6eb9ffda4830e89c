"""The record of a search: Optuna's journal in a file, shared by any number of processes.

A trial belongs to the process that runs it, known by a file that this process keeps locked. The system lets go of the
lock however the process ends, so a trial whose owner's file can be locked was interrupted: it is marked failed, and
its settings are tried again. What a fresh trial tries depends on the seed, its place among the fresh ones and, for
``tpe``, on what was finished before; not on the process that runs it.
"""

import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_emotion.core import paths
from audio_emotion.core.errors import PackageError, StorageError
from audio_emotion.core.packages import install_command
from audio_emotion.models import checkpoint
from audio_emotion.training.tuning.space import Dimension, Space

if TYPE_CHECKING:
    from filelock import FileLock
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

SAMPLERS = ("tpe", "random", "grid")
MOST_TRIES = 3
"""How often a trial is begun before it counts as one that ends its process."""

PLAN = "search.json"
"""Name of the file with the plan of a search."""

_JOURNAL, _LOCK, _OWNERS = "journal.log", "journal.lock", "owners"


@dataclass(frozen=True)
class Tried:
    """One trial, for a report.

    Attributes:
        number: Optuna's.
        state: ``complete``, ``pruned``, ``failed``, ``interrupted`` (tried again under another number) or ``running``.
        uar: mean validation UAR over the folds, 0 to 1; of a pruned one, over what was run; None: nothing was.
        folds: the validation UAR of each fold that was finished.
        parameters: by key, what was tried, as a study stores it.
        problem: why it failed.
        seconds: what it took.
    """

    number: int
    state: str
    uar: float | None
    folds: tuple[float, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    seconds: float = 0.0


def folder_of(name: str) -> Path:
    """Return where a search of this name is kept."""
    return paths.runs_dir() / checkpoint.new_folder(name).name


def import_optuna() -> Any:
    """Return the package, quiet.

    Raises:
        PackageError: it is not installed.
    """
    try:
        import filelock  # noqa: F401 (of the same extra)
        import optuna
    except ImportError as error:
        raise PackageError(
            f"tune needs the package {error.name}; install it with: {install_command('tune')}"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class _SystemLock:
    """The journal's lock, which ends with its process, where Optuna's own waits half a minute for a dead one."""

    def __init__(self, lock: "FileLock") -> None:
        self._lock = lock

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


class Record:
    """The trials of one search, in a folder."""

    def __init__(self, folder: Path, warmup: int = 1) -> None:
        """Open the record in ``folder``, or create it; no trial is pruned in its first ``warmup`` epochs.

        Raises:
            PackageError: Optuna is not installed.
            StorageError: the journal is damaged or cannot be written.
        """
        self._optuna = import_optuna()
        from filelock import FileLock

        self._warmup = warmup
        self._owners = folder / _OWNERS
        self._lock = FileLock(folder / _LOCK)
        try:
            self._owners.mkdir(parents=True, exist_ok=True)
            with self._lock:
                _drop_torn_line(folder / _JOURNAL)
                self.study: Study = self._opened(folder / _JOURNAL)
        except (OSError, ValueError, KeyError) as error:
            raise StorageError(
                f"cannot be read or written ({error})", subject=f"{folder / _JOURNAL}", hint="see --restart"
            ) from error

    def _opened(self, journal: Path) -> "Study":
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        study: Study = self._optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal), _SystemLock(self._lock))),
            study_name="search",
            direction="maximize",
            load_if_exists=True,
            pruner=self._optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=self._warmup),
        )
        return study

    @contextmanager
    def owner(self) -> Iterator[str]:
        """Give a name under which this process runs trials; others see whether it still does."""
        from filelock import FileLock

        name = uuid.uuid4().hex
        with FileLock(self._owners / name):
            yield name
        with suppress(OSError):
            (self._owners / name).unlink(missing_ok=True)

    def next_trial(self, space: Space, sampler: str, seed: int, n_trials: int, owner: str) -> "Trial | None":
        """Return an interrupted trial to repeat, otherwise a new one; None if all ``n_trials`` have started."""
        with self._lock:
            for trial in self._running():
                if not self._is_alive(trial):
                    self._interrupted(trial)
            waiting = self._waiting()
            if not waiting:
                place = sum("again" not in t.user_attrs for t in self.study.get_trials(deepcopy=False))
                grid = _shuffled(space.grid(), seed) if sampler == "grid" else [{}] * n_trials
                if place >= min(n_trials, len(grid)):
                    return None
                self.study.enqueue_trial(grid[place], {"place": place})
                waiting = self._waiting()
            self.study.sampler = self._sampler(sampler, seed, waiting[0].user_attrs["place"])
            trial = self.study.ask()
            trial.set_user_attr("owner", owner)
            space.choose(partial(_suggest, trial))
            return trial

    def stopped(self, trial: "Trial") -> None:
        """Mark a trial of this process as interrupted, to be tried again."""
        with self._lock:
            self._interrupted(next(t for t in self._running() if t.number == trial.number))

    def finish(self, trial: "Trial", uar: float | None, problem: str = "") -> None:
        """Enter what came of a trial: its UAR, or why it failed; neither: it was pruned."""
        states = self._optuna.trial.TrialState
        if problem:
            trial.set_user_attr("problem", problem)
        state = states.FAIL if problem else states.PRUNED if uar is None else states.COMPLETE
        self.study.tell(trial, uar if state == states.COMPLETE else None, state=state)

    def tried(self) -> list[Tried]:
        """Return every trial that was begun, the best first, then those pruned, failed and running."""
        states = self._optuna.trial.TrialState
        trials = [self._read(t) for t in self.study.get_trials(deepcopy=False) if t.state != states.WAITING]
        order = ("complete", "pruned", "failed", "running", "interrupted")
        return sorted(trials, key=lambda t: (order.index(t.state), -(t.uar or 0.0), t.number))

    def importances(self) -> dict[str, float]:
        """Return how much of the UAR's spread each setting explains (PED-ANOVA); empty before four are complete."""
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        if sum(t.state == "complete" for t in self.tried()) < 4:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # few trials: it says that all settings then count the same, as the table does
            shares: dict[str, float] = get_param_importances(self.study, evaluator=PedAnovaImportanceEvaluator())
        return shares

    def _read(self, trial: "FrozenTrial") -> Tried:
        state, problem = trial.state.name.lower(), trial.user_attrs.get("problem", "")
        if state == "fail" or (state == "running" and not self._is_alive(trial)):
            if not problem and trial.user_attrs.get("again", 1) >= MOST_TRIES:
                problem = f"its process ended {MOST_TRIES} times"
            state = "failed" if problem else "interrupted"
        return Tried(
            trial.number,
            state,
            trial.value if trial.value is not None else trial.intermediate_values.get(trial.last_step or 0),
            tuple(trial.user_attrs.get("folds", ())),
            dict(trial.params),
            problem,
            trial.duration.total_seconds() if trial.duration else 0.0,
        )

    def _running(self) -> "list[FrozenTrial]":
        return self._in("RUNNING")

    def _waiting(self) -> "list[FrozenTrial]":
        return self._in("WAITING")

    def _in(self, state: str) -> "list[FrozenTrial]":
        states = (self._optuna.trial.TrialState[state],)
        trials: list[FrozenTrial] = self.study.get_trials(deepcopy=False, states=states)
        return trials

    def _is_alive(self, trial: "FrozenTrial") -> bool:
        from filelock import FileLock, Timeout

        file = self._owners / trial.user_attrs.get("owner", "nobody")
        if not file.exists():
            return False
        try:
            with FileLock(file, timeout=0):
                return False
        except Timeout:
            return True

    def _interrupted(self, trial: "FrozenTrial") -> None:
        """Mark a trial failed, and have its settings tried again unless that was done often enough."""
        tries = trial.user_attrs.get("again", 1)
        if tries < MOST_TRIES:
            self.study.enqueue_trial(trial.params, {"again": tries + 1, "place": trial.user_attrs["place"]})
        self.study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)

    def _sampler(self, name: str, seed: int, place: int) -> "BaseSampler":
        drawn = int(np.random.SeedSequence([seed, place]).generate_state(1)[0])
        samplers = self._optuna.samplers
        sampler: BaseSampler = samplers.TPESampler(seed=drawn) if name == "tpe" else samplers.RandomSampler(seed=drawn)
        return sampler


def _suggest(trial: "Trial", dimension: Dimension) -> Any:
    if dimension.choices:
        return trial.suggest_categorical(dimension.key, dimension.names)
    if dimension.whole:
        step = 1 if dimension.step is None else int(dimension.step)
        return trial.suggest_int(dimension.key, int(dimension.low), int(dimension.high), log=dimension.log, step=step)
    return trial.suggest_float(
        dimension.key, dimension.low, dimension.high, log=dimension.log, step=dimension.step or None
    )


def _shuffled(points: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    return [points[i] for i in np.random.default_rng(seed).permutation(len(points))]


def _drop_torn_line(journal: Path) -> None:
    """Remove a partial last line, left by a killed process or a full disk, before appending."""
    if not journal.exists():
        return
    content = journal.read_bytes()
    if content and not content.endswith(b"\n"):
        with journal.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
