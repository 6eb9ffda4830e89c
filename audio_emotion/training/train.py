"""Training: recordings and a split in, a model folder out."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_emotion.core import paths
from audio_emotion.core.errors import CorpusError
from audio_emotion.core.version import __version__
from audio_emotion.corpora.base import Progress, Utterance, silent
from audio_emotion.corpora.labels import LabelSet
from audio_emotion.corpora.splits import SIDES, Split, split_utterances
from audio_emotion.evaluation.evaluate import Evaluation
from audio_emotion.inference.backends import choose_device
from audio_emotion.models import checkpoint
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training import TrainConfig, base_model, distillation, fine_tuning, run_dir
from audio_emotion.training.accelerator import is_main, main_process_first
from audio_emotion.training.callbacks import Callbacks, Step
from audio_emotion.training.checkpointing import CheckpointWriter, Epoch
from audio_emotion.training.data import Subset
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.loop import fit
from audio_emotion.training.run_dir import Keeping, Run
from audio_emotion.training.save import store

_LOG = logging.getLogger(__name__)

TAKEN_UP = "taken up again"
"""The stage under which progress is told that a run goes on: epochs done, of how many, and its folder."""


@dataclass(frozen=True)
class Trained:
    """The result of a training run.

    Attributes:
        folder: the stored model.
        history: metrics of each epoch.
        split: the training, validation and test sides.
        evaluation: of the test side; None if there is none.
        run_folder: log, curves and config of the run.
    """

    folder: Path
    history: tuple[Epoch, ...]
    split: Split
    evaluation: Evaluation | None
    run_folder: Path


def train(
    data: Sequence[str] = (),
    *,
    name: str | None = None,
    split: str = "speaker",
    labels: str = "eight",
    config: TrainConfig | None = None,
    device: str = "auto",
    allow_missing: bool = False,
    strict: bool = False,
    progress: Progress = silent,
    keeping: Keeping = Keeping(),  # noqa: B008 (frozen)
) -> Trained:
    """Train on labelled recordings and store the model in the user's data folder.

    ``name`` is the name of the model; by default its architecture. ``data`` are folders, tables, or corpora as
    ``NAME=DIR``; without any, RAVDESS in ``AUDIO_EMOTION_DATA``, or its download. The stored model is evaluated on the
    test side with the code of ``infer``. An existing model of that name is only replaced at the end. To continue an
    interrupted run, call it again with the same arguments and recordings.

    Raises:
        CorpusError: no recordings, too few for the split, or (with ``strict``) one that cannot be decoded.
        UsageError: an option is out of range.
        DeviceError: the device is not available.
        StorageError: the model cannot be written.
        TrainingError: the run cannot continue.
        KeyboardInterrupt: Ctrl-C; the state is saved.
    """
    config = config or TrainConfig()
    material = load_dataset(data, labels, strict, progress, config.rate)
    name = name or config.architecture
    return train_material(material, name, split, config, device, allow_missing, progress, keeping)


def train_material(
    material: Dataset,
    name: str,
    split: str | Split,
    config: TrainConfig,
    device: str = "auto",
    allow_missing: bool = False,
    progress: Progress = silent,
    keeping: Keeping = Keeping(),  # noqa: B008 (frozen)
) -> Trained:
    """Do what :func:`train` does, with recordings that are decoded already.

    A split that is given as a value may test on recordings that are not among them. Of several processes
    (``accelerate launch``) the main one alone stores the model and tests it.
    """
    if isinstance(split, str):
        utterances = material.corpus.utterances
        split = split_utterances(split, utterances, config.seed, config.patience > 0, allow_missing)
    run_folder = paths.runs_dir() / name / f"{split.name}-seed-{config.seed}"
    target = checkpoint.new_folder(name)
    trained = train_split(target, run_folder, name, material, split, config, choose_device(device), progress, keeping)
    if is_main():
        run_dir.finish(run_folder)
    return trained


def train_split(
    target: Path,
    run_folder: Path,
    name: str,
    material: Dataset,
    split: Split,
    config: TrainConfig,
    device: str,
    progress: Progress = silent,
    keeping: Keeping = Keeping(),  # noqa: B008 (frozen)
) -> Trained:
    """Train on one split, store the model as ``target``, and let the stored model answer the test side.

    What the run needs to go on after a stop is kept in ``run_folder``, until :func:`run_dir.finish` is called.

    Raises:
        CorpusError: the training side holds one emotion alone.
    """
    split = replace(split, heard=base_model.training_recordings(config.origin)) if config.origin else split
    emotions = {utterance.label for utterance in split.train}
    if len(emotions) < 2:
        raise CorpusError(f"all {len(split.train)} utterance(s) to train on are {emotions.pop()}; add another emotion")
    train_side, validation_side = (material.side(side) for side in (split.train, split.validation))
    _LOG.debug(
        "%s of %s on %s: %d utterances to train on, %d to validate, %d to test",
        *(config.architecture, name, device, len(split.train), len(split.validation), len(split.test)),
    )
    with main_process_first(device):  # it may begin the folder anew, and what it holds is what the others read
        opened = Run(run_folder, config, _sides(split), __version__, keeping) if is_main() else None
    keeper = opened.keeper if opened else CheckpointWriter(run_folder / run_dir.CHECKPOINT / run_dir.STATE)
    if opened:
        run_dir.clear_old_leftovers()
    try:
        listener = _listener(config, opened, progress)
        model = _fit(train_side, validation_side, material.labels, config, device, listener, keeper)
    finally:
        if opened:
            opened.draw()
    if opened is None:
        return Trained(target, (), split, None, run_folder)
    evaluation = store(target, name, material, split, config, model, validation_side, opened.history, progress)
    return Trained(target, tuple(opened.history), split, evaluation, run_folder)


def _sides(split: Split) -> dict[str, tuple[str, str]]:
    """Return the side and the label of every recording, by its content."""
    return {u.recording: (side, u.label) for side in SIDES for u in getattr(split, side)}


def _listener(config: TrainConfig, opened: Run | None, progress: Progress) -> Callbacks:
    """Return what enters epochs into the run's folder and shows how far it is."""
    if opened is None:
        return Callbacks()
    if opened.history:
        progress(TAKEN_UP, len(opened.history), config.epochs, str(opened.folder))

    def on_epoch(epoch: Epoch) -> None:
        opened.add(epoch)
        heard = "" if epoch.validation_uar is None else f", validation UAR {100 * epoch.validation_uar:.1f} %"
        times = f"{epoch.seconds:.1f} s, {epoch.waiting_s:.1f} of them waiting for sounds"
        progress("training", epoch.number, config.epochs, f"loss {epoch.loss:.3f}{heard}, {times}")

    def on_step(step: Step) -> None:
        progress(
            "step of the epoch", step.batches, step.n_batches, f"loss {step.loss:.3f}, learning rate {step.lr:.2g}"
        )

    return Callbacks(on_step, on_epoch, progress)


def fit_sides(
    material: Dataset,
    train_on: Sequence[Utterance],
    validate_on: Sequence[Utterance],
    config: TrainConfig,
    device: str,
    on_epoch: Callable[[Epoch], None],
) -> EmotionModel:
    """Fit a network on some utterances and validate it on others after each epoch; nothing is stored."""
    train_side, validation_side = (material.side(side) for side in (train_on, validate_on))
    return _fit(train_side, validation_side, material.labels, config, device, Callbacks(on_epoch=on_epoch), None)


def _fit(
    train_on: Subset,
    validate_on: Subset,
    labels: LabelSet,
    config: TrainConfig,
    device: str,
    listener: Callbacks,
    keeper: CheckpointWriter | None,
) -> EmotionModel:
    """Fit the network that the config names for these labels: a new one, or one that is another model's.

    Its teachers come first; a run that was stopped reads those that are done from their states.
    """
    n_labels, teachers = len(labels.labels), []
    for number, recipe in enumerate(distillation.recipes(config), start=1):
        kept = keeper.beside(f"teacher-{number}.safetensors") if keeper else None
        heard = _of_teacher(number, config, listener.progress)
        teachers.append(fit(train_on, validate_on, n_labels, recipe, device, heard, kept))
    if teachers:
        taught_by = distillation.Teachers(teachers, config.teachers.share)
        return fit(train_on, validate_on, n_labels, config, device, listener, keeper, teachers=taught_by)
    begin = None if config.origin is None else lambda: fine_tuning.begin(config, labels.labels)[0]
    return fit(train_on, validate_on, n_labels, config, device, listener, keeper, begin)


def _of_teacher(number: int, config: TrainConfig, progress: Progress) -> Callbacks:
    """Return what tells how far a teacher is."""

    def on_epoch(epoch: Epoch) -> None:
        stage = f"training teacher {number} of {config.teachers.count}"
        progress(stage, epoch.number, config.epochs, f"loss {epoch.loss:.3f}, {epoch.seconds:.1f} s")

    return Callbacks(on_epoch=on_epoch, progress=progress)
