"""Model folder ↔ memory, without torch.

A model is a folder: ``config.json``, ``model.safetensors`` (for training and accelerators), ``model.onnx`` (for the
CPU), maybe ``model.int8.onnx`` (the same in 8-bit integers), maybe ``adaptation.safetensors`` (what adaptation needs),
and ``README.md`` (its card). It is loaded strictly: the file that is used must have the checksum that ``config.json``
states, and the tensors the names and shapes that it lists. A model too large for an ONNX file has none, and
``config.json`` says so.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from audio_emotion.core import paths
from audio_emotion.core.errors import ModelError, NoHomeError, UsageError, reason
from audio_emotion.core.schema import HIGHEST, choice, number, problems, within

CONFIG, TENSORS, CARD = "config.json", "model.safetensors", "README.md"
GRAPH, INT8_GRAPH = "model.onnx", "model.int8.onnx"
ADAPTATION = "adaptation.safetensors"
DEFAULT, OPEN = "default", "open"
BUNDLED = (DEFAULT, OPEN)
"""Names of the models that come with the package: their folders in ``audio_emotion/weights``."""


@dataclass(frozen=True, repr=False)
class ModelConfig:
    """What ``config.json`` holds.

    Attributes:
        name: the model's name.
        architecture: a registered architecture.
        parameters: the architecture's own sizes.
        frontend: the frontend's parameters, in librosa's terms.
        labels: the outputs, in order.
        sampling_rate: Hz.
        window_samples: length of what the model reads at once.
        temperature: what the logits are divided by before the softmax.
        package_version: of the package that wrote the folder.
        graph: what ``model.onnx`` takes: the ``waveform``; ``features`` that librosa makes of it; or ``none``, there
            being no such file.
        int8: whether ``model.int8.onnx`` is there too.
        training: corpora, split, speakers of each set, options, package versions.
        figures: what was measured, with its protocol.
        adaptation: ``shrinkage``, the number of windows at which adaptation goes half the way; in an adapted model also
            the ``model``, ``recordings`` and ``windows`` it was made from. Empty: the model cannot be adapted.
        speech_threshold: probability from which a window contains speech; None: the network does not decide it.
        tensors: name and shape of each tensor.
        sha256: checksum of each weight file.
    """

    name: str
    architecture: str
    parameters: Mapping[str, Any]
    frontend: Mapping[str, Any]
    labels: tuple[str, ...]
    sampling_rate: int = field(metadata=within(1_000, 1_000_000, "Hz"))
    window_samples: int = field(metadata=within(0, HIGHEST, above=True))
    temperature: float = field(metadata=within(0, HIGHEST, above=True))
    package_version: str
    graph: str = choice("waveform", "features", "none")
    int8: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    adaptation: Mapping[str, Any] = field(default_factory=dict)
    speech_threshold: float | None = number(None, 0.0, 1.0)
    tensors: Mapping[str, list[int]] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        seconds = self.window_samples / self.sampling_rate
        return (
            f"ModelConfig({self.name!r}, {self.architecture}, {len(self.labels)} labels, {self.sampling_rate} Hz, "
            f"windows of {seconds:g} s)"
        )

    @property
    def weight_files(self) -> tuple[str, ...]:
        """The names of the files that hold the weights."""
        graphs = () if self.graph == "none" else (GRAPH, INT8_GRAPH) if self.int8 else (GRAPH,)
        return (TENSORS, *graphs, *((ADAPTATION,) if self.adaptation else ()))


def find(name_or_path: str) -> Path:
    """Return the folder of a model: the name of a bundled one, the name of a stored one, or a path.

    Raises:
        ModelError: there is none.
        NoHomeError: there is no folder for models.
    """
    path = Path(name_or_path)
    if name_or_path in BUNDLED:
        return paths.bundled_model_dir(name_or_path)
    models = _models_dir()
    if models and path.name == name_or_path and (models / path).is_dir():
        return models / path
    if path.is_dir():
        return path
    if models is None:
        paths.models_dir()  # raises: it is not there to be looked at
    raise ModelError(
        f"no model {name_or_path!r}: neither a folder nor a stored model; there are: {', '.join(stored())}"
    )


def new_folder(name: str) -> Path:
    """Return the folder that a model of this name is stored in.

    Raises:
        UsageError: the name is a bundled model's, or not one for a folder.
    """
    if name in BUNDLED or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UsageError(
            f"{name!r} cannot name a model; use letters, digits, '.', '_' and '-', and not the name of a bundled model "
            f"({', '.join(BUNDLED)})"
        )
    return paths.models_dir() / name


def stored() -> tuple[str, ...]:
    """Return the names of all available models, the bundled ones first."""
    folder = _models_dir()
    own = sorted(p.name for p in folder.iterdir() if (p / CONFIG).is_file()) if folder and folder.is_dir() else []
    return (*BUNDLED, *(name for name in own if not name.startswith(".") and name not in BUNDLED))


def _models_dir() -> Path | None:
    """Return the folder of the user's models; None where there is no home directory that could hold one."""
    try:
        return paths.models_dir()
    except NoHomeError:
        return None


def default_model() -> str:
    """Return the name of the model that is used when none is named: what :func:`choose` has set, else ``default``.

    Raises:
        ModelError: there is no such model any more, or the choice cannot be read.
    """
    name = _choice()
    if name != DEFAULT and name not in stored():
        raise ModelError(
            f"no model {name!r}, which is set as the default; choose another one with "
            "'audio-emotion models default NAME'"
        )
    return name


def _choice() -> str:
    """Return what :func:`choose` has set, else ``default``."""
    try:
        file = paths.chosen_model_file()
    except NoHomeError:  # nothing can have been chosen
        return DEFAULT
    try:
        return file.read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return DEFAULT
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot be read ({reason(error)})", subject=str(file), hint="remove it") from error


def choose(name: str) -> None:
    """Set the model that is used when none is named: a stored one or ``default``.

    Raises:
        ModelError: no such model is stored.
        StorageError: the choice cannot be written.
    """
    if name not in stored():
        raise ModelError(f"no model {name!r} is stored; there are: {', '.join(stored())}")
    if name == DEFAULT:
        paths.remove(paths.chosen_model_file())
        return
    with paths.writing_text(paths.chosen_model_file()) as file:
        file.write(name + "\n")


def own(name: str) -> Path:
    """Return the folder of a model of the user's, whole or damaged.

    Raises:
        UsageError: it is a bundled one.
        ModelError: no such model is stored.
    """
    if name in BUNDLED:
        raise UsageError(f"{name!r} is a bundled model, which cannot be changed; name one of your own")
    folder = paths.models_dir() / name
    if Path(name).name != name or not folder.is_dir():
        raise ModelError(f"no model {name!r} is stored; there are: {', '.join(stored())}")
    return folder


def remove(name: str) -> None:
    """Remove one of the user's models; if it was set with :func:`choose`, ``default`` is used again.

    Raises:
        UsageError: it is a bundled one.
        ModelError: no such model is stored, or the choice cannot be read.
        StorageError: it cannot be removed; it is still there as a whole.
    """
    folder = own(name)
    if _choice() == name:
        paths.remove(paths.chosen_model_file())
    paths.remove_folder(folder)


def read(folder: Path) -> ModelConfig:
    """Read a model folder, and check all of its weight files.

    Raises:
        ModelError: a file is missing, unreadable or altered, or the tensors are not those listed.
    """
    config = read_config(folder)
    check_files(folder, config, config.weight_files)
    return config


def check_files(folder: Path, config: ModelConfig, names: Iterable[str]) -> None:
    """Check weight files of a model folder. Call it before they are used: a damaged model may still give predictions.

    Raises:
        ModelError: one is missing, unreadable or altered, or its tensors are not those listed.
    """
    for name in names:
        if name not in config.sha256:
            raise ModelError(
                f"states no checksum for {name}", subject=f"{folder / CONFIG}", hint="train or download the model again"
            )
        if _sha256(folder / name) != config.sha256[name]:
            raise ModelError(
                f"its content does not match the checksum in {CONFIG}",
                subject=f"{folder / name}",
                hint="it was changed or damaged, train or download the model again",
            )
        if name == TENSORS:
            _check_tensors(folder / TENSORS, config.tensors)


def read_config(folder: Path) -> ModelConfig:
    """Read ``config.json`` and check what it says, but not the weight files.

    Raises:
        ModelError: it is missing, unreadable, or cannot be true.
    """
    try:
        content = json.loads((folder / CONFIG).read_text("utf-8"))
        if not isinstance(content, dict):
            raise TypeError("it is not an object")
        wrong = problems(ModelConfig, content)
        if not wrong:
            config = ModelConfig(**{**content, "labels": tuple(content["labels"])})
            wrong = [what for what, right in _checks(config).items() if not right]
    except FileNotFoundError as error:
        raise ModelError(
            f"is a folder without {CONFIG}", subject=paths.display_path(folder), hint="name that of a model"
        ) from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"not a readable model description ({error})", subject=f"{folder / CONFIG}") from error
    if wrong:
        raise ModelError("; ".join(wrong), subject=f"{folder / CONFIG}", hint="it was changed or damaged")
    return config


def _checks(config: ModelConfig) -> dict[str, bool]:
    """Return what must be true of a description whose entries are valid each by itself, with whether it is."""
    labels, shrinkage = config.labels, config.adaptation.get("shrinkage")
    return {
        "labels must be two or more different names": len(set(labels)) == len(labels) > 1 and all(labels),
        # what a model says of itself is printed, and written into subtitles line by line
        "names and texts must be printable, without line breaks": all(
            text.isprintable() for text in _texts([config.name, config.architecture, labels, config.training])
        ),
        "int8 must be false without a graph": not (config.int8 and config.graph == "none"),
        "adaptation must be empty or have a shrinkage of 0 or more": config.adaptation == {}
        or (isinstance(shrinkage, int | float) and 0 <= shrinkage < float("inf")),
        "sampling_rate must be the frontend's": config.frontend.get("sampling_rate", config.sampling_rate)
        == config.sampling_rate,
    }


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts([key, item])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def write(folder: Path, config: ModelConfig, card: str) -> None:
    """Write ``config.json`` and the card into a folder that has the weight files already."""
    finished = asdict(config) | {
        "tensors": _shapes(folder / TENSORS),
        "sha256": {name: _sha256(folder / name) for name in config.weight_files},
    }
    (folder / CONFIG).write_text(json.dumps(finished, indent=2) + "\n", "utf-8")
    (folder / CARD).write_text(card, "utf-8")


def add_figures(folder: Path, figures: Mapping[str, Any], card: str) -> None:
    """Write figures into a folder's ``config.json``, and its card; the weight files have not changed."""
    described = json.loads((folder / CONFIG).read_text("utf-8")) | {"figures": dict(figures)}
    (folder / CONFIG).write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    (folder / CARD).write_text(card, "utf-8")


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"cannot be read ({error.strerror})", subject=str(path), hint="the model folder is incomplete"
        ) from error


def _shapes(path: Path) -> dict[str, list[int]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: list(file.get_slice(name).get_shape()) for name in sorted(file.keys())}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"not a readable weight file ({error})", subject=str(path)) from error


def _check_tensors(path: Path, expected: Mapping[str, list[int]]) -> None:
    found = _shapes(path)
    wrong = sorted(n for n in found.keys() | expected.keys() if found.get(n) != expected.get(n))
    if wrong:
        raise ModelError(
            f"{wrong[0]} is {found.get(wrong[0], 'missing')}, {CONFIG} says "
            f"{expected.get(wrong[0], 'nothing of it')} ({len(wrong)} tensor(s) differ)",
            subject=f"{path}",
            hint="the files belong to different models",
        )
