"""Training: recordings and a split in, a model folder out."""

import hashlib
import logging
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

import audio_emotion
from audio_emotion import cache, card, checkpoint, corpora, paths
from audio_emotion.checkpoint import ModelConfig
from audio_emotion.corpora.base import Corpus, LeftOut, Progress, Utterance
from audio_emotion.corpora.labels import LabelSet, label_set
from audio_emotion.corpora.sounds import digest, made_of_each, sound
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.corpora.splits import SIDES, Split, split_utterances
from audio_emotion.errors import CorpusError
from audio_emotion.evaluation import Evaluation, evaluate_utterances, fit_temperature
from audio_emotion.export.weights import fits_a_graph, write_weights
from audio_emotion.fitting import TrainConfig, origin, run, settings, transfer
from audio_emotion.fitting.cost import Cost, measure
from audio_emotion.fitting.data import Side
from audio_emotion.fitting.loop import Listener, Step, fit
from audio_emotion.fitting.placement import is_main, main_process_first
from audio_emotion.fitting.run import Keeping, Run
from audio_emotion.fitting.state import Epoch, Keeper
from audio_emotion.models import entry
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.prediction import load_model, pooled_logits, speech_windows
from audio_emotion.records import FloatArray
from audio_emotion.runtime import choose_device
from audio_emotion.runtime.torch import TorchRuntime
from audio_emotion.windows import trim

_LOG = logging.getLogger(__name__)

TAKEN_UP = "taken up again"
"""The stage under which progress is told that a run goes on: epochs done, of how many, and its folder."""


def silent(stage: str, done: int, total: int, remark: str) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Material:
    """Decoded recordings, ready to be split.

    Attributes:
        corpus: the utterances that could be decoded, each with its digest.
        sampling_rate: Hz, of ``sounds``.
        sounds: by utterance digest, samples without the quiet at their ends, (n_samples,) each.
        labels: what the model is to tell apart.
        unreadable: the files that could not be decoded.
    """

    corpus: Corpus
    sampling_rate: int
    sounds: Mapping[str, FloatArray]
    labels: LabelSet
    unreadable: tuple[LeftOut, ...]

    @property
    def fingerprint(self) -> str:
        """What changes when a recording, its label or its speaker does."""
        heard = "\n".join(sorted(f"{u.digest} {u.label} {u.speaker}" for u in self.corpus.utterances))
        return hashlib.sha256(heard.encode()).hexdigest()

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Every file that is not used: foreign to the corpora, or unreadable."""
        return self.corpus.left_out + self.unreadable


@dataclass(frozen=True)
class Trained:
    """What one run left.

    Attributes:
        folder: the stored model.
        history: what each epoch left.
        split: who trained, who chose the epoch, who was tested on.
        evaluation: the test side's; None where there was none.
        run_folder: its log, curves and config.
    """

    folder: Path
    history: tuple[Epoch, ...]
    split: Split
    evaluation: Evaluation | None
    run_folder: Path


@dataclass(frozen=True)
class Estimate:
    """What a run would be: who is on each side, and its cost."""

    split: Split
    config: TrainConfig
    cost: Cost

    def lines(self) -> list[str]:
        """Return it in words."""
        cost, epochs = self.cost, self.config.epochs
        sides = [
            f"{side}: {self.split.sizes[side]} utterances of {len(speakers)} speaker(s)"
            + (f": {', '.join(speakers)}" if speakers else "")
            for side, speakers in self.split.speakers.items()
        ]
        return [
            f"split {self.split.name}",
            *sides,
            f"{cost.parameters:,} parameters; {cost.steps_per_epoch} steps an epoch, {cost.steps_per_epoch * epochs} "
            f"in at most {epochs} epochs",
            *([f"{cost.preparing_s:.3g} s for features before the first epoch"] if cost.preparing_s >= 10 else []),
            f"about {cost.seconds_per_step * cost.steps_per_epoch:.3g} s an epoch, "
            f"{cost.seconds_per_step * cost.steps_per_epoch * epochs / 60:.3g} min in all, validation not counted "
            f"({1000 * cost.seconds_per_step:.3g} ms a step, measured on {cost.measured_steps})",
        ]


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
    """Train on labelled recordings and store the model under ``name`` (its architecture's) in the user's data folder.

    ``data`` are corpora as ``NAME=DIR``, or folders and tables that are recognised; without any, RAVDESS speech is
    looked for in ``AUDIO_EMOTION_DATA``, else among the downloads. The test side is answered by the stored model,
    through the same code as ``infer``. A model of that name is replaced when all is done, and not before. A run that
    was stopped goes on where it stood when it is called again with the same arguments and recordings.

    Raises:
        CorpusError: no recordings, or too few for the split, or (``strict``) one that cannot be decoded.
        UsageError: an option out of its range.
        DeviceError: no such device here.
        StorageError: the model cannot be written.
        TrainingError: it cannot go on.
        KeyboardInterrupt: Ctrl-C, the state being kept.
    """
    config = config or TrainConfig()
    material = load_material(data, labels, strict, progress, config.rate)
    name = name or config.architecture
    return train_material(material, name, split, config, device, allow_missing, progress, keeping)


def train_material(
    material: Material,
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
        run.finish(run_folder)
    return trained


def load_material(
    data: Sequence[str],
    labels: str = "eight",
    strict: bool = False,
    progress: Progress = silent,
    sampling_rate: int = 16_000,
) -> Material:
    """Find the recordings of ``data``, as :func:`train` takes it, and decode them at ``sampling_rate`` (Hz).

    Raises:
        CorpusError: no recordings, or one that cannot be decoded where ``strict`` asks for all.
    """
    chosen = label_set(labels)
    corpus = gather(parse_sources(data), chosen) if data else chosen.restrict(corpora.locate("ravdess"))
    began = time.monotonic()
    heard, unreadable = made_of_each(corpus.utterances, partial(_heard, sampling_rate), "decoding", progress)
    _LOG.debug("%d recordings decoded or found in the cache in %.1f s", len(heard), time.monotonic() - began)
    if unreadable and strict:
        raise CorpusError(f"{len(unreadable)} recording(s) cannot be decoded, the first: {unreadable[0]}")
    cache.trim()
    unheard = sorted(set(chosen.labels) - {utterance.label for utterance, _ in heard})
    if chosen.name == "own" and unheard:
        raise CorpusError(f"no recording is labelled {', '.join(unheard)}; leave it out of --labels, or add recordings")
    utterances = tuple(utterance for utterance, _ in heard)
    sounds = {utterance.digest: samples for utterance, samples in heard}
    return Material(replace(corpus, utterances=utterances), sampling_rate, sounds, chosen, unreadable)


def _heard(sampling_rate: int, utterance: Utterance) -> tuple[Utterance, FloatArray]:
    """Return an utterance with its digest, and its sound without the quiet at both ends."""
    if utterance.is_segment:
        samples = sound(utterance, sampling_rate).samples
    else:
        samples = cache.load(utterance.path, sampling_rate)
    start, end = trim(samples)
    return replace(utterance, digest=digest(samples)), samples[start:end]


def train_split(
    target: Path,
    run_folder: Path,
    name: str,
    material: Material,
    split: Split,
    config: TrainConfig,
    device: str,
    progress: Progress = silent,
    keeping: Keeping = Keeping(),  # noqa: B008 (frozen)
) -> Trained:
    """Train on one split, store the model as ``target``, and let the stored model answer the test side.

    What the run needs to go on after a stop is kept in ``run_folder``, until :func:`run.finish` is called.

    Raises:
        CorpusError: the training side holds one emotion alone.
    """
    split = replace(split, heard=origin.heard(config.origin)) if config.origin else split
    emotions = {utterance.label for utterance in split.train}
    if len(emotions) < 2:
        raise CorpusError(f"all {len(split.train)} utterance(s) to train on are {emotions.pop()}; add another emotion")
    train_side, validation_side = (_side(material, side) for side in (split.train, split.validation))
    _LOG.debug(
        "%s of %s on %s: %d utterances to train on, %d to validate, %d to test",
        *(config.architecture, name, device, len(split.train), len(split.validation), len(split.test)),
    )
    with main_process_first(device):  # it may begin the folder anew, and what it holds is what the others read
        opened = Run(run_folder, config, _sides(split), audio_emotion.__version__, keeping) if is_main() else None
    keeper = opened.keeper if opened else Keeper(run_folder / run.CHECKPOINT / run.STATE)
    try:
        listener = _listener(config, opened, progress)
        model = _fit(train_side, validation_side, material.labels, config, device, listener, keeper)
    finally:
        if opened:
            opened.draw()
    if opened is None:
        return Trained(target, (), split, None, run_folder)
    with paths.writing(target) as folder:
        write_weights(model, folder, config.window_samples)
        temperature = _temperature(model, validation_side, config, "cpu")
        described = _describe(name, material, split, config, model, temperature, opened.history)
        checkpoint.write(folder, described, card.render(described))
        evaluation = _test(folder, described, split, progress) if split.test else None
    return Trained(target, tuple(opened.history), split, evaluation, run_folder)


def _sides(split: Split) -> dict[str, tuple[str, str]]:
    """Return the side and the label of every recording, by its content."""
    return {u.recording: (side, u.label) for side in SIDES for u in getattr(split, side)}


def _listener(config: TrainConfig, opened: Run | None, progress: Progress) -> Listener:
    """Return what enters epochs into the run's folder and shows how far it is."""
    if opened is None:
        return Listener()
    if opened.history:
        progress(TAKEN_UP, len(opened.history), config.epochs, str(opened.folder))

    def on_epoch(epoch: Epoch) -> None:
        opened.add(epoch)
        heard = "" if epoch.validation_uar is None else f", validation UAR {100 * epoch.validation_uar:.1f} %"
        times = f"{epoch.seconds:.1f} s, {epoch.waiting_s:.1f} of them waiting for sounds"
        progress("training", epoch.number, config.epochs, f"loss {epoch.loss:.3f}{heard}, {times}")

    def on_step(step: Step) -> None:
        progress("epoch", step.batches, step.n_batches, f"loss {step.loss:.3f}, learning rate {step.lr:.2g}")

    return Listener(on_step, on_epoch, progress)


def fit_sides(
    material: Material,
    train_on: Sequence[Utterance],
    validate_on: Sequence[Utterance],
    config: TrainConfig,
    device: str,
    on_epoch: Callable[[Epoch], None],
) -> EmotionModel:
    """Fit a network on some utterances and validate it on others after each epoch; nothing is stored."""
    train_side, validation_side = (_side(material, side) for side in (train_on, validate_on))
    return _fit(train_side, validation_side, material.labels, config, device, Listener(on_epoch=on_epoch), None)


def _fit(
    train_on: Side,
    validate_on: Side,
    labels: LabelSet,
    config: TrainConfig,
    device: str,
    listener: Listener,
    keeper: Keeper | None,
) -> EmotionModel:
    """Fit the network that the config names for these labels: a new one, or one that is another model's."""
    begin = None if config.origin is None else lambda: transfer.begin(config, labels.labels)[0]
    return fit(train_on, validate_on, len(labels.labels), config, device, listener, keeper, begin)


def estimate(material: Material, split: Split, config: TrainConfig, device: str = "auto") -> Estimate:
    """Say what a run is made of and, from a few of its steps, what it would cost."""
    side, n_labels = _side(material, split.train), len(material.labels.labels)
    return Estimate(split, config, measure(side, n_labels, config, choose_device(device)))


def _side(material: Material, utterances: Sequence[Utterance]) -> Side:
    labels = material.labels.labels
    return Side(
        [material.sounds[u.digest] for u in utterances],
        [labels.index(u.label) for u in utterances],
        [str(u.path) for u in utterances],
        [u.digest for u in utterances],
    )


def _temperature(model: EmotionModel, validation: Side, config: TrainConfig, device: str) -> float:
    """Fit the temperature on the validation side; without one it stays 1."""
    windows = [speech_windows(samples, config.window_samples, config.rate) for samples in validation.sounds]
    logits = pooled_logits(TorchRuntime(model, device), windows) if windows else []
    heard = [(x, target) for x, target in zip(logits, validation.targets, strict=True) if x is not None]
    return fit_temperature(np.stack([x for x, _ in heard]), [target for _, target in heard]) if heard else 1.0


def _describe(
    name: str,
    material: Material,
    split: Split,
    config: TrainConfig,
    model: EmotionModel,
    temperature: float,
    history: Sequence[Epoch],
) -> ModelConfig:
    training = {
        "corpora": list(material.corpus.names),
        "licence": material.corpus.licence,
        "labels": material.labels.description,
        "split": split.name,
        "speakers": split.speakers,
        "utterances": split.sizes,
        "options": settings.table_of(config.resolved()),
        "history": [asdict(epoch) for epoch in history],
        "versions": {"python": platform.python_version()}
        | {p: version(p) for p in ("torch", "accelerate", "numpy", "librosa")},
    }
    if config.origin:
        training |= origin.passed_on(config.origin, training)
        training["from"] = transfer.record(config, material.labels.labels)
    return ModelConfig(
        name=name,
        architecture=config.architecture,
        parameters=model.sizes,
        frontend=model.frontend_config,
        labels=material.labels.labels,
        sampling_rate=config.rate,
        window_samples=config.window_samples,
        temperature=temperature,
        package_version=audio_emotion.__version__,
        graph=entry(config.architecture).graph if fits_a_graph(model) else "none",
        training=training,
    )


def _test(folder: Path, described: ModelConfig, split: Split, progress: Progress) -> Evaluation:
    """Let the stored model answer the test side on the CPU, and write its figures into its folder."""
    done = iter(range(1, len(split.test) + 1))
    evaluation = evaluate_utterances(
        load_model(str(folder), "cpu"), split.test, lambda: progress("testing", next(done), len(split.test), "")
    )
    figures = {
        "protocol": split.protocol,
        "test utterances": len(split.test),
        "UAR": evaluation.uar,
        "accuracy": evaluation.accuracy,
    }
    described = replace(described, figures=figures)
    checkpoint.write(folder, described, card.render(described))
    return evaluation
