"""The search: trials are trained and validated on folds of the speakers that a split leaves for training.

The split's test speakers take no part: no trial is trained or validated on them.
"""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_emotion.core import paths, resume
from audio_emotion.core.errors import AudioEmotionError, UsageError
from audio_emotion.core.version import __version__
from audio_emotion.corpora.base import Progress, Utterance
from audio_emotion.corpora.splits import Split, folds, split_utterances
from audio_emotion.inference.backends import choose_device
from audio_emotion.training import TrainConfig
from audio_emotion.training.config import from_table
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.train import fit_sides
from audio_emotion.training.tuning.space import Space
from audio_emotion.training.tuning.trials import PLAN, Record, folder_of, import_optuna

if TYPE_CHECKING:
    from optuna.trial import Trial

    from audio_emotion.training.checkpointing import Epoch


_OPTIONS = {"n_folds": "--folds", "base": "config", "search": "[search]"}
"""The command-line options of the entries of a search record."""


@dataclass(frozen=True)
class SearchPlan:
    """The plan of a search.

    Attributes:
        name: of the folder below ``runs`` in the user's data folder.
        space: the settings that are tried.
        data: the corpora, as :func:`audio_emotion.training.train.train` takes them.
        split: whose test speakers take no part; ``all``: there are none.
        labels: the label set.
        n_folds: groups of the other speakers; each trial is trained on all but one of them and validated on that one.
        sampler: tpe, random or grid.
        seed: of what is tried; the split and the folds go by the config's own.
        device: where trials run.
        allow_missing: whether a named fold may lack actors.
        strict: whether a recording that cannot be decoded ends everything.
    """

    name: str
    space: Space
    data: tuple[str, ...]
    split: str = "speaker"
    labels: str = "eight"
    n_folds: int = 3
    sampler: str = "tpe"
    seed: int = 0
    device: str = "auto"
    allow_missing: bool = False
    strict: bool = False

    @property
    def folder(self) -> Path:
        """Where the search is kept."""
        return folder_of(self.name)

    def split_of(self, utterances: tuple[Utterance, ...]) -> Split:
        """Return the split that is searched within, its validation set joined to training."""
        seed = int(self.space.base.get("seed", TrainConfig.seed))
        split = split_utterances(self.split, utterances, seed, validate=False, allow_missing=self.allow_missing)
        if split.speaker_dependent:
            raise UsageError(f"--split {self.split} shares its test speakers with training; take another, or all")
        return split


def search(plan: SearchPlan, n_trials: int, progress: Progress, restart: bool = False) -> Record:
    """Run trials until ``n_trials`` are begun, in this and any other process; then return the record.

    A trial whose settings contradict one another, or whose training fails, is entered with the reason, and the
    search goes on.

    Raises:
        UsageError: the folder holds another search, or Optuna is not installed.
        CorpusError: no recordings, or fewer speakers than folds.
        StorageError: the folder cannot be written.
    """
    if restart and (plan.folder / PLAN).exists():  # what is not of a search stays
        paths.remove_folder(plan.folder)
    if plan.sampler == "grid":
        n_trials = min(n_trials, len(plan.space.grid()))
    import_optuna()  # otherwise a missing package is reported only after decoding
    work = _Work(plan, progress)
    _open(plan, work)
    record = Record(plan.folder, warmup=max(1, plan.space.most_epochs // 5))
    with record.owner() as owner:
        while True:
            finished = [t for t in record.tried() if t.state in ("complete", "pruned", "failed")]
            best = max((t.uar for t in finished if t.state == "complete" and t.uar is not None), default=None)
            progress("trials", len(finished), n_trials, "" if best is None else f"best UAR {100 * best:.1f} %")
            trial = record.next_trial(plan.space, plan.sampler, plan.seed, n_trials, owner)
            if trial is None:
                return record
            _run(record, trial, work)


def _run(record: Record, trial: "Trial", work: "_Work") -> None:
    """Run one trial and enter what came of it."""
    from optuna import TrialPruned

    try:
        record.finish(trial, work.value(trial))
    except TrialPruned:
        record.finish(trial, None)
    except AudioEmotionError as error:
        record.finish(trial, None, str(error))
    except BaseException:
        record.stopped(trial)
        raise


class _Work:
    """The data of the trials: recordings, decoded once per sampling rate, and folds."""

    def __init__(self, plan: SearchPlan, progress: Progress) -> None:
        self._plan, self._progress = plan, progress
        self._device = choose_device(plan.device)
        self._materials: dict[int, Dataset] = {}
        self.base = from_table(plan.space.base)

    def material(self, sampling_rate: int) -> Dataset:
        """Return the decoded recordings at a rate in Hz."""
        plan = self._plan
        if sampling_rate not in self._materials:
            self._materials[sampling_rate] = load_dataset(
                plan.data, plan.labels, plan.strict, self._progress, sampling_rate
            )
        return self._materials[sampling_rate]

    def members(self, material: Dataset) -> list[Split]:
        """Return the folds of the training speakers; what a fold tests on is a trial's validation set.

        Raises:
            CorpusError: fewer speakers than folds.
        """
        split = self._plan.split_of(material.corpus.utterances)
        return folds(f"{self._plan.n_folds}-fold", split.train, self.base.seed, validate=False)

    def value(self, trial: "Trial") -> float:
        """Train and validate on each fold; return the mean UAR of the epochs that a training would keep."""
        config = self._plan.space.config(trial.params)
        material = self.material(config.rate)
        scores: list[float] = []
        for member in self.members(material):
            uars: list[float] = []
            on_epoch = partial(self._after_epoch, trial, scores, uars)
            fit_sides(material, member.train, member.test, config, self._device, on_epoch)
            scores.append(max(uars) if config.patience else uars[-1])
            trial.set_user_attr("folds", scores)
        return float(np.mean(scores))

    def _after_epoch(self, trial: "Trial", scores: list[float], uars: list[float], epoch: "Epoch") -> None:
        """Report the mean over this fold so far and those before it; end a trial that others were better than."""
        from optuna import TrialPruned

        assert epoch.validation_uar is not None
        uars.append(epoch.validation_uar)
        step = len(scores) * self._plan.space.most_epochs + epoch.number
        trial.report(float(np.mean([*scores, epoch.validation_uar])), step)
        self._progress(f"trial {trial.number}", step, self._plan.n_folds * self._plan.space.most_epochs, "")
        if trial.should_prune():
            raise TrialPruned


def _open(plan: SearchPlan, work: _Work) -> None:
    """Write the plan to the folder, or check that an existing plan is the same.

    Raises:
        UsageError: the folder has another search, or something else.
    """
    file = plan.folder / PLAN
    if not file.exists() and plan.folder.exists() and any(not e.name.startswith(".") for e in plan.folder.iterdir()):
        raise UsageError(f"{plan.folder} contains something other than a search; choose another --name")
    resume.open_plan(file, _determines(plan, work), "a search", _OPTIONS)


def _determines(plan: SearchPlan, work: _Work) -> dict[str, Any]:
    """Return all that must be the same for trials to belong together, and how their figures may be called."""
    material = work.material(work.base.rate)
    split, members = plan.split_of(material.corpus.utterances), work.members(material)
    n_speakers = sum(len({u.speaker for u in member.test}) for member in members)
    tested = sorted({u.speaker for u in split.test})
    apart = f"the test speakers of split {split.name} take no part: {', '.join(tested)}" if tested else "no test set"
    return {
        "protocol": f"mean validation UAR over {plan.n_folds} folds of {n_speakers} training speakers; {apart}",
        "base": plan.space.base,
        "search": [asdict(dimension) for dimension in plan.space.dimensions],
        "split": plan.split,
        "labels": plan.labels,
        "n_folds": plan.n_folds,
        "sampler": plan.sampler,
        "seed": plan.seed,
        "recordings": material.fingerprint,
        "version": __version__,
    }
