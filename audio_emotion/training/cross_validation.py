"""Folds and seeds: one training run each, several at a time, resumed after a stop."""

import json
import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from multiprocessing import connection
from pathlib import Path
from typing import Any

import numpy as np

from audio_emotion.core import paths, resume, schema
from audio_emotion.core.version import __version__
from audio_emotion.corpora.base import Progress, silent
from audio_emotion.corpora.splits import folds as make_folds
from audio_emotion.evaluation.evaluate import Evaluation, Summary, pool, summarise
from audio_emotion.evaluation.report import Provenance, Report
from audio_emotion.models import checkpoint
from audio_emotion.training import TrainConfig, base_model
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.job import TrainJob
from audio_emotion.training.run_dir import finish
from audio_emotion.training.train import run_job

_PLAN, _MODEL, _EVALUATION = "plan.json", "model", "evaluation.json"


@dataclass(frozen=True)
class FoldsPlan:
    """The runs of a cross-validation.

    Attributes:
        name: of the folder below ``runs`` in the user's data folder.
        data: the corpora, as :func:`audio_emotion.training.train.train` takes them.
        folds: a set of folds by name, as ``emobox``.
        seeds: how many times each fold is run, with ``config.seed`` and those after it; the folds stay the same.
        labels: the label set.
        config: of each run.
        device: where each runs.
        allow_missing: whether a named fold may lack actors.
        strict: whether a recording that cannot be decoded is an error.
        jobs: runs at a time, each on its share of the cores.

    Raises:
        UsageError: a name that is not valid for a folder.
    """

    name: str
    data: tuple[str, ...]
    folds: str
    seeds: int
    labels: str
    config: TrainConfig
    device: str = "auto"
    allow_missing: bool = False
    strict: bool = False
    jobs: int = 1

    def __post_init__(self) -> None:
        checkpoint.new_folder(self.name)

    @property
    def folder(self) -> Path:
        """Where the runs are kept."""
        return paths.runs_dir() / checkpoint.new_folder(self.name).name


@dataclass(frozen=True)
class FoldRun:
    """One fold with one seed: its name, the training seed, and the evaluation of its test set."""

    split: str
    seed: int
    evaluation: Evaluation


def run_folds(plan: FoldsPlan, material: Dataset, restart: bool = False, progress: Progress = silent) -> list[FoldRun]:
    """Train and test every fold with every seed; runs that an earlier call finished are not repeated.

    ``material`` is what :func:`audio_emotion.training.train.load_dataset` makes of the plan's data.

    Raises:
        UsageError: the folder holds runs of another plan or other recordings, and ``restart`` is false.
        CorpusError: as the folds say.
        StorageError: the folder cannot be written.
    """
    members = make_folds(
        plan.folds, material.corpus.utterances, plan.config.seed, plan.config.patience > 0, plan.allow_missing
    )
    if restart and (plan.folder / _PLAN).exists():  # what is not of folds stays
        paths.remove_folder(plan.folder)
    resume.open_plan(plan.folder / _PLAN, _determines(plan, material), "runs of folds")
    # All folds of a seed come before the next seed, so an interrupted study has complete seeds to report.
    wanted = [(m.name, plan.config.seed + k) for k in range(plan.seeds) for m in members]
    left = [(name, seed) for name, seed in wanted if not (_run_folder(plan, name, seed) / _EVALUATION).exists()]
    done = len(wanted) - len(left)
    progress("runs", done, len(wanted), "resumed" if done else "")
    for name, seed in _finished(plan, left):
        done += 1
        progress("runs", done, len(wanted), f"{name}, seed {seed}: UAR {100 * _read(plan, name, seed).uar:.1f} %")
    return [FoldRun(name, seed, _read(plan, name, seed)) for name, seed in wanted]


def reports(plan: FoldsPlan, runs: Sequence[FoldRun], corpora: tuple[str, ...]) -> list[Report]:
    """Report on each seed: the test sets of all its folds, every utterance once.

    No fold's model was trained on its test speakers, unless the folds are random
    or the base model was trained on them.
    """
    made = []
    for seed in dict.fromkeys(run.seed for run in runs):
        evaluation = pool([run.evaluation for run in runs if run.seed == seed])
        known = evaluation.speakers if plan.folds.startswith("random") else ()
        known += base_model.training_recordings(plan.config.origin) if plan.config.origin else ()
        model = Provenance(plan.name, plan.config.architecture, corpora, plan.folds, {"train": known})
        intervals = evaluation.intervals(np.random.default_rng(seed))
        made.append(Report(f"{plan.folds}, all folds, seed {seed}", model, evaluation, intervals))
    return made


def histories(plan: FoldsPlan, runs: Sequence[FoldRun]) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of each epoch of each run, for curves."""
    folders = {f"{run.split}, seed {run.seed}": _run_folder(plan, run.split, run.seed) for run in runs}
    return {name: list(checkpoint.read_config(folder / _MODEL).training["history"]) for name, folder in folders.items()}


def fold_means(runs: Sequence[FoldRun]) -> dict[str, Summary]:
    """Return mean and standard deviation over seeds of each figure's mean over folds, as results are published."""
    seeds = dict.fromkeys(run.seed for run in runs)
    means = [summarise(run.evaluation for run in runs if run.seed == seed) for seed in seeds]
    return {name: Summary.of([mean[name].mean for mean in means]) for name in means[0]}


def _finished(plan: FoldsPlan, left: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Do the remaining runs, yielding each when it is finished."""
    if not left:
        return
    threads = max(1, (os.cpu_count() or 1) // plan.jobs)
    context = multiprocessing.get_context("spawn")
    workers = ProcessPoolExecutor(min(plan.jobs, len(left)), mp_context=context, initializer=end_with_parent)
    try:
        pending = {workers.submit(_run, plan, name, seed, threads): (name, seed) for name, seed in left}
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                future.result()
                yield pending.pop(future)
    finally:
        workers.shutdown(wait=True, cancel_futures=True)


def end_with_parent() -> None:
    """End this worker when the process that started it is killed, which ends no other by itself."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run(plan: FoldsPlan, name: str, seed: int, threads: int) -> None:
    """Train and test one fold in a process of its own."""
    import torch

    torch.set_num_threads(threads)
    material = load_dataset(plan.data, plan.labels, plan.strict, sampling_rate=plan.config.rate)
    number = int(name.removeprefix(f"{plan.folds}-"))
    (split,) = make_folds(
        plan.folds,
        material.corpus.utterances,
        plan.config.seed,
        plan.config.patience > 0,
        plan.allow_missing,
        only=number,
    )
    config = replace(plan.config, seed=seed)
    folder, full_name = _run_folder(plan, name, seed), f"{plan.name}-{name}-{seed}"
    job = TrainJob(full_name, material, split, config, folder / _MODEL, folder, plan.device)
    trained = run_job(job, keep_state=True)
    assert trained.evaluation is not None
    with paths.writing_text(folder / _EVALUATION) as file:
        json.dump(trained.evaluation.as_dict(), file, indent=1)
    finish(folder)


def _run_folder(plan: FoldsPlan, name: str, seed: int) -> Path:
    return plan.folder / f"{name}-seed-{seed}"


def _read(plan: FoldsPlan, name: str, seed: int) -> Evaluation:
    return Evaluation.from_dict(json.loads((_run_folder(plan, name, seed) / _EVALUATION).read_text("utf-8")))


def _determines(plan: FoldsPlan, material: Dataset) -> dict[str, object]:
    """Return all that must be the same for runs to belong together; more seeds may be added."""
    determines = {
        "folds": plan.folds,
        "labels": plan.labels,
        "recordings": material.fingerprint,
        "version": __version__,
    }
    options = schema.flat(json.loads(json.dumps(asdict(plan.config))))
    return determines | {f"option {key}": value for key, value in options.items()}
