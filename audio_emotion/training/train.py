"""Training: recordings and a split in, a model folder out."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from audio_emotion.core.version import __version__
from audio_emotion.corpora.base import Progress, Utterance, silent
from audio_emotion.corpora.splits import SIDES, Split, cross_corpus, split_utterances
from audio_emotion.inference.backends import choose_device
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training import TrainConfig, distillation, run_dir
from audio_emotion.training.accelerator import is_main, main_process_first
from audio_emotion.training.callbacks import Callbacks, Step
from audio_emotion.training.checkpointing import CheckpointWriter, Epoch
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.fine_tuning import Transfer
from audio_emotion.training.job import DataOptions, TrainJob, TrainResult
from audio_emotion.training.loop import FitJob, fit
from audio_emotion.training.run_dir import Keeping, Run
from audio_emotion.training.save import store

_LOG = logging.getLogger(__name__)

RESUMED = "resumed"
"""The stage of progress under which a run continues: epochs done, of how many, and its folder."""


def train(
    data: DataOptions | Sequence[str] = (),
    *,
    name: str | None = None,
    config: TrainConfig | None = None,
    device: str = "auto",
    progress: Progress = silent,
    keeping: Keeping = Keeping(),  # noqa: B008 (frozen)
) -> TrainResult:
    """Train on labelled recordings and store the model under ``name`` in the user's data folder.

    Without a ``name`` it is the architecture's. The test set is predicted by the stored model, with the code of
    ``infer``. An earlier model of that name is replaced at the very end. A run that was stopped continues when it is
    called again with the same arguments and recordings.

    Args:
        data: the recordings: corpora as ``NAME=DIR``, folders or tables; or these with split and labels as
            :class:`DataOptions`.
        name: of the model.
        config: the settings; None: the defaults.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        progress: called with the run's progress.
        keeping: how the run's state is kept.

    Raises:
        CorpusError: no recordings, too few for the split, or (with ``strict``) one that cannot be decoded.
        UsageError: an option is out of range.
        DeviceError: the device is not available.
        StorageError: the model cannot be written.
        TrainingError: it cannot go on.
        KeyboardInterrupt: Ctrl-C; the state was saved.
    """
    options = data if isinstance(data, DataOptions) else DataOptions(tuple(data))
    config = config or TrainConfig()
    dataset = load_dataset(options.data, options.labels, options.strict, progress, config.rate)
    tested = None
    if options.test_data:
        tested = load_dataset(
            options.test_data, options.labels, options.strict, progress, config.rate, for_training=False
        )
    job = TrainJob.named(name or config.architecture, dataset, split_dataset(dataset, options, config, tested), config)
    return run_job(replace(job, device=device, progress=progress, keeping=keeping))


def split_dataset(dataset: Dataset, options: DataOptions, config: TrainConfig, tested: Dataset | None = None) -> Split:
    """Return the split that the options name; ``tested`` are the recordings of their ``test_data``.

    Raises:
        CorpusError: too few speakers, or the same on both sides.
        UsageError: no such split.
    """
    utterances, validate = dataset.corpus.utterances, config.patience > 0
    if tested:
        return cross_corpus(utterances, tested.corpus.utterances, config.seed, validate)
    return split_utterances(options.split, utterances, config.seed, validate, options.allow_missing)


def run_job(job: TrainJob, keep_state: bool = False) -> TrainResult:
    """Train, store the model, and let the stored model predict the test set.

    Of several processes (``accelerate launch``) only the main one stores the model and tests it. The run's state is
    removed at the end, unless ``keep_state`` says that the caller has more to store before.
    """
    job = replace(job, device=choose_device(job.device))
    split, config = job.split, job.config
    train_side, validation_side = (job.dataset.side(side) for side in (split.train, split.validation))
    _LOG.debug(
        "%s of %s on %s: %d utterances to train on, %d to validate, %d to test",
        *(config.architecture, job.name, job.device, len(split.train), len(split.validation), len(split.test)),
    )
    with main_process_first(job.device):  # it may clear the folder, which the others then read
        run = Run(job.run_folder, config, _sides(split), __version__, job.keeping) if is_main() else None
    writer = run.writer if run else CheckpointWriter(job.run_folder / run_dir.CHECKPOINT / run_dir.STATE)
    if run:
        run_dir.clear_old_leftovers()
    labels = job.dataset.labels.labels
    transfer = Transfer(config, labels) if config.origin else None
    fit_job = FitJob(train_side, validation_side, len(labels), config, job.device, _callbacks(job, run), begin=transfer)
    try:
        model = _fit(fit_job, writer)
    finally:
        if run:
            run.draw()
    if run is None:
        return TrainResult(job.target, (), split, None, job.run_folder)
    evaluation = store(job, model, validation_side, run.history, transfer)
    if not keep_state:
        run_dir.finish(job.run_folder)
    return TrainResult(job.target, tuple(run.history), split, evaluation, job.run_folder)


def _sides(split: Split) -> dict[str, tuple[str, str]]:
    """Return the side and the label of every recording, by its content."""
    return {u.recording: (side, u.label) for side in SIDES for u in getattr(split, side)}


def _callbacks(job: TrainJob, run: Run | None) -> Callbacks:
    """Return what enters epochs into the run's folder and shows how far it is."""
    if run is None:
        return Callbacks()
    progress, epochs = job.progress, job.config.epochs
    if run.history:
        progress(RESUMED, len(run.history), epochs, str(run.folder))

    def on_epoch(epoch: Epoch) -> None:
        run.add(epoch)
        validated = "" if epoch.validation_uar is None else f", validation UAR {100 * epoch.validation_uar:.1f} %"
        times = f"{epoch.seconds:.1f} s, {epoch.waiting_s:.1f} of them waiting for data"
        progress("training", epoch.number, epochs, f"loss {epoch.loss:.3f}{validated}, {times}")

    def on_step(step: Step) -> None:
        progress(
            "step of the epoch", step.batches, step.n_batches, f"loss {step.loss:.3f}, learning rate {step.lr:.2g}"
        )

    return Callbacks(on_step, on_epoch, progress)


def fit_sides(
    dataset: Dataset,
    train_on: Sequence[Utterance],
    validate_on: Sequence[Utterance],
    config: TrainConfig,
    device: str,
    on_epoch: Callable[[Epoch], None],
) -> EmotionModel:
    """Train a network on some utterances and validate it on others after each epoch; nothing is stored."""
    train_side, validation_side = (dataset.side(side) for side in (train_on, validate_on))
    labels = dataset.labels.labels
    transfer = Transfer(config, labels) if config.origin else None
    callbacks = Callbacks(on_epoch=on_epoch)
    return _fit(FitJob(train_side, validation_side, len(labels), config, device, callbacks, transfer), None)


def _fit(job: FitJob, writer: CheckpointWriter | None) -> EmotionModel:
    """Train the job's teachers, if its config has any, and then its network.

    A run that was stopped reads the teachers that are finished from their states.
    """
    models = []
    for number, recipe in enumerate(distillation.recipes(job.config), start=1):
        own_writer = writer.sibling(f"teacher-{number}.safetensors") if writer else None
        callbacks = _of_teacher(number, job.config, job.callbacks.progress)
        models.append(fit(replace(job, config=recipe, callbacks=callbacks), own_writer))
    if models:
        job = replace(job, teachers=distillation.Teachers(models, job.config.teachers.share))
    return fit(job, writer)


def _of_teacher(number: int, config: TrainConfig, progress: Progress) -> Callbacks:
    """Return what tells how far a teacher is."""

    def on_epoch(epoch: Epoch) -> None:
        stage = f"training teacher {number} of {config.teachers.count}"
        progress(stage, epoch.number, config.epochs, f"loss {epoch.loss:.3f}, {epoch.seconds:.1f} s")

    return Callbacks(on_epoch=on_epoch, progress=progress)
