"""The settings of a training run: frozen dataclasses, read from TOML and from options."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from audio_emotion import augment as augmentation
from audio_emotion import models
from audio_emotion.core import schema
from audio_emotion.core.errors import ModelError, UsageError
from audio_emotion.core.schema import choice, number
from audio_emotion.training import base_model


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer.

    Attributes:
        name: adamw, adam or sgd (with Nesterov momentum).
        lr: highest learning rate.
        weight_decay: decoupled in AdamW; added to the gradient in the others.
        momentum: SGD's.
    """

    name: str = choice("adamw", "adam", "sgd")
    lr: float = number(2e-3, 1e-7, 10.0)
    weight_decay: float = number(0.01, 0.0, 10.0)
    momentum: float = number(0.9, 0.0, 0.9999, only=("sgd",))


@dataclass(frozen=True)
class ScheduleConfig:
    """The learning rate's schedule.

    Attributes:
        name: one-cycle (rises for 30 % of the steps, then falls along a cosine), cosine (falls to 0 at the last
            step), plateau (is multiplied by ``factor`` when the validation UAR has not risen), or constant.
        warmup_epochs: over which it first rises linearly from near 0.
        factor: of plateau.
        patience: epochs without a better validation UAR that plateau waits.
    """

    name: str = choice("one-cycle", "cosine", "plateau", "constant")
    warmup_epochs: float = number(0.0, 0.0, 100_000.0, only=("cosine", "constant"))
    factor: float = number(0.5, 0.001, 0.999, only=("plateau",))
    patience: int = number(5, 1, 100_000, only=("plateau",))


@dataclass(frozen=True)
class LossConfig:
    """The loss.

    Attributes:
        name: cross-entropy, or focal (Lin et al. 2017, "Focal loss for dense object detection").
        label_smoothing: share of the target spread over all labels.
        class_weights: whether a label counts by the inverse of its frequency on the training set.
        gamma: focal's exponent: the larger, the less utterances count that are predicted well already.
        missing_labels: what labels that a corpus lacks mean for its utterances, where several corpora are trained on:
            neutral-or-calm (neutral of a corpus without calm counts as either), mask (only a corpus's own labels count
            for its utterances) or none (every label counts against all).
    """

    name: str = choice("cross-entropy", "focal")
    label_smoothing: float = number(0.1, 0.0, 0.9)
    class_weights: bool = False
    gamma: float = number(2.0, 0.0, 10.0, only=("focal",))
    missing_labels: str = choice("neutral-or-calm", "mask", "none")


@dataclass(frozen=True)
class SamplingConfig:
    """Which utterances an epoch reads.

    Attributes:
        balance: none (each utterance once), label, corpus, or corpus-and-label (corpora by ``corpus_power``, and each
            label of a corpus as often as its others).
        corpus_power: a corpus of n utterances is read in proportion to n to this power: 0 makes all corpora equal, 1
            leaves them their sizes.
        utterances: how many an epoch reads; 0: as many as there are.
    """

    balance: str = choice("none", "label", "corpus", "corpus-and-label")
    corpus_power: float = number(0.0, 0.0, 1.0)
    utterances: int = number(0, 0, 100_000_000)


@dataclass(frozen=True)
class TeachersConfig:
    """Networks that are trained first, on the same recordings, whose predictions become part of the targets.

    Attributes:
        count: how many; 0: none.
        share: of the target that is the mean of their predictions; the rest is the label's.
        parameters: their sizes, where they differ from the architecture's defaults.
    """

    count: int = number(0, 0, 100)
    share: float = number(0.7, 0.0, 1.0)
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AveragingConfig:
    """The mean of the weights of a run's last epochs, which have a constant learning rate.

    Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization". Batch normalization's
    statistics are then computed again, from the utterances without augmentation.

    Attributes:
        epochs: how many of the run's; 0: the weights of the last one are kept. The schedule spans those before.
        lr: learning rate in them.
    """

    epochs: int = number(0, 0, 100_000)
    lr: float = number(5e-4, 1e-7, 10.0)


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a training run.

    Attributes:
        architecture: a registered name.
        epochs: passes over the training set, at most; the one-cycle and cosine schedules span them, but for those that
            are averaged.
        patience: epochs without a better validation UAR after which training stops; 0: no validation set is
            set apart, every epoch is run, and the last one's weights are kept.
        batch_size: utterances of a batch, over all processes.
        seed: of every random draw.
        sampling_rate: Hz; None: the architecture's.
        window_s: seconds of sound that the model reads at once; None: the architecture's.
        clip_norm: the largest norm of the gradient; 0: no limit.
        accumulation: batches whose gradients are added up to one step.
        precision: auto (bf16 on the CPU and on GPUs that have it, else fp32), fp32, bf16 or fp16.
        ema: decay of the running mean of weights that is validated and kept, as 0.999; 0: none.
        parameters: the architecture's own sizes, where they differ from its defaults.
        frontend: the frontend's, likewise.
        optimizer, schedule, loss, sampling, teachers, averaging: tables of their own.
        augment: each transform of the sound by name with its parameters, these and no others; None: the default set.
        origin: an available model that the run starts from, by name or path; it determines the architecture, its
            sizes, the frontend, the sampling rate and the window. None: new weights.
        freeze: layers of the origin that are not trained, as globs over their names; None: none.

    Raises:
        UsageError: every problem at once.
    """

    architecture: str = "two-channel-cnn"
    epochs: int = number(50, 1, 100_000)
    patience: int = number(12, 0, 100_000)
    batch_size: int = number(32, 2, 100_000)
    seed: int = number(0, 0, 2**32 - 1)
    sampling_rate: int | None = number(None, 1_000, 192_000)
    window_s: float | None = number(None, 0.5, 60.0)
    clip_norm: float = number(5.0, 0.0, 1e6)
    accumulation: int = number(1, 1, 10_000)
    precision: str = choice("auto", "fp32", "bf16", "fp16")
    ema: float = number(0.0, 0.0, 0.99999)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    frontend: Mapping[str, Any] = field(default_factory=dict)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    teachers: TeachersConfig = field(default_factory=TeachersConfig)
    averaging: AveragingConfig = field(default_factory=AveragingConfig)
    augment: Mapping[str, Any] | None = None
    origin: str | None = None
    freeze: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _refuse(find_problems(asdict(self)))

    @property
    def rate(self) -> int:
        """The sampling rate in Hz."""
        return self.sampling_rate or models.entry(self.architecture).sampling_rate

    @property
    def window_samples(self) -> int:
        """How many samples the model reads at once."""
        return round((self.window_s or models.entry(self.architecture).window_s) * self.rate)

    def resolved(self) -> "TrainConfig":
        """Return the same run with the architecture's defaults written out."""
        sizes, features = models.config_classes(self.architecture)
        return replace(
            self,
            sampling_rate=self.rate,
            window_s=self.window_samples / self.rate,
            parameters=schema.complete(sizes, self.parameters),
            frontend=schema.complete(features, self.frontend_table),
            teachers=replace(self.teachers, parameters=schema.complete(sizes, self.teachers.parameters)),
            augment=augmentation.DEFAULT if self.augment is None else self.augment,
        )

    @property
    def frontend_table(self) -> dict[str, Any]:
        """The frontend's parameters with the sampling rate, which is the run's."""
        return {**self.frontend, "sampling_rate": self.rate}

    def to_toml(self) -> str:
        """Return the run as a config file."""
        import tomli_w

        return tomli_w.dumps(schema.table_of(self))


def read(path: Path | None, changes: Mapping[str, Any] | None = None) -> TrainConfig:
    """Read a TOML file (None: the defaults) and apply ``changes``, nested alike; they win.

    Raises:
        UsageError: every problem of its content.
        StorageError: it cannot be read.
    """
    table = {} if path is None else schema.read_toml(path, "a TOML file for --config", "docs/training.md")
    return from_table(merged(table, changes or {}), str(path) if path else "")


def from_table(table: Mapping[str, Any], source: str = "") -> TrainConfig:
    """Make a config of a nested mapping.

    Raises:
        UsageError: every problem at once; ``source`` is named before them.
    """
    _refuse(find_problems(table), source)
    config: TrainConfig = schema.build(TrainConfig, base_model.completed(table)[0])
    return config


def merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested table with changes, which win."""
    result = dict(table)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def changes(assignments: Iterable[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` as TOML, with keys such as ``optimizer.lr``; a value that is not TOML is a string.

    >>> changes(["optimizer.lr=0.001", "loss.name=focal"])
    {'optimizer': {'lr': 0.001}, 'loss': {'name': 'focal'}}

    Raises:
        UsageError: one without ``=`` or without a key.
    """
    result: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise UsageError("expected KEY=VALUE, as optimizer.lr=0.001", subject=f"{assignment!r}")
        try:
            parsed: Any = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value.strip()
        for part in reversed(key.strip().split(".")):
            parsed = {part: parsed}
        result = merged(result, parsed)
    return result


def find_problems(table: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with a nested mapping that is to become a :class:`TrainConfig`."""
    table, problems = base_model.completed(table)
    problems += schema.problems(TrainConfig, table)
    if isinstance(table.get("augment"), Mapping):
        problems += augmentation.problems(table["augment"])
    problems += _architecture_problems(table)
    return problems or _contradictions(table)


def _architecture_problems(table: Mapping[str, Any]) -> list[str]:
    """Check the parameters of network and frontend, which only the named architecture knows."""
    name = table.get("architecture", TrainConfig.architecture)
    if not isinstance(name, str):
        return []
    try:
        entry = models.entry(name)
    except ModelError as error:
        return [f"architecture: {error}"]
    given = {
        key: table[key] for key in ("parameters", "frontend") if isinstance(table.get(key), Mapping) and table[key]
    }
    teachers = table.get("teachers")
    of_teachers = teachers.get("parameters") if isinstance(teachers, Mapping) else None
    if not given and not of_teachers:
        return []
    sizes, features = models.config_classes(name)
    problems = schema.problems(sizes, given.get("parameters", {}), f"{name}'s parameters.")
    if isinstance(of_teachers, Mapping):
        problems += schema.problems(sizes, of_teachers, f"{name}'s teachers.parameters.")
    frontend = given.get("frontend", {})
    problems += schema.problems(features, frontend, f"{name}'s frontend.")
    rate = table.get("sampling_rate") or entry.sampling_rate
    if frontend.get("sampling_rate", rate) != rate:
        problems.append(f"frontend.sampling_rate is {frontend['sampling_rate']}, and sampling_rate {rate}: set one")
    return problems


def _contradictions(table: Mapping[str, Any]) -> list[str]:
    """Return the contradictions of a table whose single values are valid."""
    config = {"epochs": TrainConfig.epochs, "patience": TrainConfig.patience} | dict(table)
    schedule = asdict(ScheduleConfig()) | dict(table.get("schedule", {}))
    averaged = dict(table.get("averaging", {})).get("epochs", 0)
    problems = []
    if averaged and config.get("ema"):
        problems.append("averaging.epochs and ema are two means of the same weights: remove one of them")
    if averaged and config["patience"]:
        problems.append(
            "averaging.epochs needs all of a run's epochs, and patience may end it before: set patience to 0"
        )
    sampling = asdict(SamplingConfig()) | dict(table.get("sampling", {}))
    if sampling["corpus_power"] and "corpus" not in sampling["balance"]:
        problems.append(f"sampling.corpus_power is given, and balance is {sampling['balance']}, which reads none")
    if config.get("origin") and config.get("teachers", {}).get("count"):
        problems.append("teachers.count is given with an origin, whose sizes they need not have: remove one of them")
    if schedule["name"] == "plateau" and not config["patience"]:
        problems.append(
            "schedule.name is plateau, which goes by the validation UAR, and patience 0 leaves no validation set"
        )
    scheduled = config["epochs"] - averaged
    if scheduled < 1:
        problems.append(f"averaging.epochs is {averaged}, and of {config['epochs']} epochs one at least comes before")
    elif schedule["warmup_epochs"] and schedule["warmup_epochs"] >= scheduled:
        problems.append(f"schedule.warmup_epochs is {schedule['warmup_epochs']:g}, and there are {scheduled} epochs")
    return problems


def _refuse(problems: list[str], source: str = "") -> None:
    if problems:
        raise UsageError(f"{source}: {'; '.join(problems)}" if source else "; ".join(problems))
