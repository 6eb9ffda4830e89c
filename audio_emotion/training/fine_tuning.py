"""An available model → the network that a run starts from: its weights, a new head, frozen layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from audio_emotion.core.errors import ModelError, UsageError
from audio_emotion.inference.backends.torch import load
from audio_emotion.models import build, checkpoint
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training.config import TrainConfig

_NETWORK = "network."


@dataclass(frozen=True)
class TransferReport:
    """What a network takes from another model.

    Attributes:
        model: that model's name, as requested.
        sha256: of its weight file.
        n_taken: number of tensors taken over whole.
        new: the names of the others, which are the head's.
        rows: the labels whose rows in the head were taken over.
        frozen: the names of those that training does not change.
    """

    model: str
    sha256: str
    n_taken: int
    new: tuple[str, ...]
    rows: tuple[str, ...]
    frozen: tuple[str, ...]


class Transfer:
    """Builds the network that a run starts from, once, and remembers what it took.

    Attributes:
        report: what was taken, after the network was built.
    """

    def __init__(self, config: TrainConfig, labels: Sequence[str]) -> None:
        self._config, self._labels = config, labels
        self.report: TransferReport | None = None

    def __call__(self) -> EmotionModel:
        """Return the network, on the CPU; see :func:`begin`."""
        model, self.report = begin(self._config, self._labels)
        return model


def begin(config: TrainConfig, labels: Sequence[str]) -> tuple[EmotionModel, TransferReport | None]:
    """Return the network of a run for these labels, on the CPU, and what of it is another model's.

    Without ``config.origin`` all of it is new. Where the labels or their order differ, the head, which is the last
    linear layer, is new but for the rows of the labels that the origin has too.

    Raises:
        ModelError: the origin is damaged, has no such head, or is another than the config says.
        UsageError: a pattern of ``config.freeze`` that names no layer, or nothing is left to be trained.
    """
    if not config.origin:
        return build(config.architecture, len(labels), config.parameters, config.frontend_table), None
    folder = checkpoint.find(config.origin)
    origin = checkpoint.read(folder)
    _check(config, origin)
    parameters = {**origin.parameters, **config.parameters}
    weights = folder / checkpoint.TENSORS
    trained = load(weights, origin.architecture, len(origin.labels), parameters, origin.frontend)
    model = build(origin.architecture, len(labels), parameters, origin.frontend)
    head = _head(trained, len(origin.labels), config.origin) if tuple(labels) != origin.labels else ""
    state = trained.state_dict()
    taken = {name: tensor for name, tensor in state.items() if not head or not name.startswith(f"{head}.")}
    fresh = model.state_dict()
    new, rows = (
        tuple(name for name in state if name not in taken),
        tuple(x for x in labels if head and x in origin.labels),
    )
    for name in new:
        fresh[name][[labels.index(x) for x in rows]] = state[name][[origin.labels.index(x) for x in rows]]
    model.load_state_dict(fresh | taken)
    frozen = freeze(model, config.freeze or (), head)
    return model, TransferReport(config.origin, origin.sha256[checkpoint.TENSORS], len(taken), new, rows, frozen)


def record(report: TransferReport) -> dict[str, Any]:
    """Return, for a model folder, what its network was made from and what of it was taken over."""
    origin = checkpoint.read_config(checkpoint.find(report.model))
    return {
        "model": origin.name,
        "sha256": report.sha256,
        "taken over": report.n_taken,
        "new": list(report.new),
        "labels taken over in them": list(report.rows),
        "frozen": list(report.frozen),
        **{key: origin.training[key] for key in ("corpora", "licence", "speakers") if key in origin.training},
        "labels": list(origin.labels),
    }


def freeze(model: EmotionModel, patterns: Sequence[str], head: str = "") -> tuple[str, ...]:
    """Freeze the parameters whose names match any pattern; return the names of all frozen ones.

    What the network itself freezes, as a pretrained block, stays frozen too.

    A pattern is a glob over the names of the network's layers and parameters, as ``norm``, ``blocks.0`` or
    ``blocks.*.weight``; a layer stands for all in it. A batch normalisation that is frozen also keeps its running
    mean and variance, and uses them in training.

    Raises:
        UsageError: a pattern matches nothing, or the new ``head``; or nothing is left to be trained.
    """
    names = [name for name, _ in model.network.named_parameters()]
    frozen: set[str] = set()
    for pattern in patterns:
        matching = {name for name in names if any(fnmatchcase(part, pattern) for part in _layers(name))}
        if not matching:
            layers = dict.fromkeys(name.split(".")[0] for name in names)
            raise UsageError(f"freeze: {pattern!r} matches no layer; there are: {', '.join(layers)}, and those in them")
        frozen |= matching
    fresh = sorted(name for name in frozen if head and f"{_NETWORK}{name}".startswith(f"{head}."))
    if fresh:
        raise UsageError(f"freeze: {', '.join(fresh)} is new, since the labels differ, and has to be trained")
    frozen |= {name for name, parameter in model.network.named_parameters() if not parameter.requires_grad}
    if frozen == set(names):
        raise UsageError("freeze: nothing is left to be trained; leave a layer out, as the head")
    for name, parameter in model.network.named_parameters():
        parameter.requires_grad_(name not in frozen)
    model.still = [
        module
        for module in model.network.modules()
        if isinstance(module, _BatchNorm) and module.weight is not None and not module.weight.requires_grad
    ]
    return tuple(f"{_NETWORK}{name}" for name in names if name in frozen)


def _layers(name: str) -> list[str]:
    """Return a parameter's name and those of the layers around it.

    >>> _layers("blocks.0.weight")
    ['blocks', 'blocks.0', 'blocks.0.weight']
    """
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _head(model: EmotionModel, n_labels: int, name: str) -> str:
    """Return the name of the last linear layer, which gives a logit for each label."""
    own = [(layer, module) for layer, module in model.named_modules() if isinstance(module, nn.Linear)]
    linear = [(layer, module) for layer, module in own if not layer.startswith(f"{_NETWORK}speech.")]
    if not linear or linear[-1][1].out_features != n_labels:
        raise ModelError(f"{name!r} does not end in a linear layer of {n_labels} labels; train with its own labels")
    return str(linear[-1][0])


def _check(config: TrainConfig, origin: ModelConfig) -> None:
    """Refuse a config that was not completed by its origin, as one made in code may be."""
    settings: dict[str, Any] = {
        "architecture": config.architecture,
        "sampling_rate": config.rate,
        "window_samples": config.window_samples,
    }
    wrong = [
        f"{key} {value} and not {getattr(origin, key)}"
        for key, value in settings.items()
        if value != getattr(origin, key)
    ]
    if wrong:
        raise ModelError(
            f"the config has {', '.join(wrong)} as the model {config.origin!r}; make it with "
            "training.config.from_table, which takes them from the model"
        )
