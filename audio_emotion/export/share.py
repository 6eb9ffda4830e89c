"""Models from one machine to another: to and from a folder, or a repository of the Hugging Face hub.

The hub is the one that ``HF_ENDPOINT`` names, else the public one. What travels is the files of a model folder, none of
which can hold code: JSON, safetensors, ONNX and Markdown.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from audio_emotion.core import paths
from audio_emotion.core.errors import AudioEmotionError, ModelError, StorageError, reason
from audio_emotion.export import hub
from audio_emotion.inference.loading import load_model
from audio_emotion.models import card, checkpoint
from audio_emotion.models.checkpoint import ADAPTATION, BUNDLED, CARD, CONFIG, GRAPH, INT8_GRAPH, TENSORS, ModelConfig

FILES = (CONFIG, TENSORS, GRAPH, INT8_GRAPH, ADAPTATION, CARD)
"""All files of a model folder; other files next to them are not copied."""


@dataclass(frozen=True)
class Pulled:
    """What came.

    Attributes:
        name: what the model is stored as.
        folder: where it is.
        config: what it says of itself.
        left_out: files at the source that are no part of a model, and were not taken.
    """

    name: str
    folder: Path
    config: ModelConfig
    left_out: tuple[str, ...]


def push(name: str, target: str, *, replace: bool = False, private: bool = True) -> str:
    """Copy a model into a folder of models, or commit it to a repository, and return where it is then.

    Args:
        name: a stored model, ``default``, or a path.
        target: a folder, in which the model gets one of its own name; or ``hf://OWNER/NAME``.
        replace: whether a model of that name in the folder may be replaced. (A repository keeps its history.)
        private: whether a repository that is made for it is shown to its owner alone.

    Raises:
        ModelError: no such model, or it is incomplete or altered.
        StorageError: the target is there already, or cannot be written.
        DownloadError: the hub cannot be reached, or refuses.
        PackageError: the extra ``hub`` is not installed.
    """
    source = checkpoint.find(name)
    config = checkpoint.read(source)
    called = config.name if name in BUNDLED else source.resolve().name
    files = _files(source, config)
    if target.startswith(hub.SCHEME):
        return hub.push(hub.Address.parse(target), files, f"{called}, {config.architecture}", private)
    goal = Path(target).expanduser() / called
    _check_free(goal, replace)
    with paths.writing(goal) as sibling:
        for file, content in files.items():
            if isinstance(content, bytes):
                (sibling / file).write_bytes(content)
            else:
                shutil.copyfile(content, sibling / file)
    return str(goal)


def pull(source: str, name: str | None = None, *, replace: bool = False) -> Pulled:
    """Take a model from a folder or a repository, check it, and store it; what is damaged is never put in place.

    Args:
        source: a model folder, or ``hf://OWNER/NAME``, with ``@REVISION`` behind it for another than the newest.
        name: what to store it as; without it, the folder's or the repository's name.
        replace: whether a stored model of that name may be replaced.

    Raises:
        ModelError: it is no model, incomplete or altered, or a graph of it cannot be loaded.
        UsageError: the name cannot be a model's.
        StorageError: a model of that name is stored already, or the place cannot be written.
        DownloadError: the repository is not there, or the hub cannot be reached.
        PackageError: the extra ``hub`` is not installed.
    """
    if source.startswith(hub.SCHEME):
        address = hub.Address.parse(source)
        goal = _goal(name or address.repository.partition("/")[2], replace)
        remote = hub.open_repository(address)
        return _put(source, goal, remote.files, remote.fetch)
    folder = Path(source).expanduser()
    goal = _goal(name or folder.resolve().name, replace)
    if not folder.is_dir():
        raise ModelError(
            "no such folder", subject=str(source), hint="expected a model folder, or a repository as hf://OWNER/NAME"
        )
    return _put(source, goal, tuple(path.name for path in folder.iterdir()), partial(_copy, folder))


def _put(source: str, goal: Path, there: tuple[str, ...], fetch: Callable[[list[str], Path], None]) -> Pulled:
    """Fetch the model files among those that are ``there``, check them, and put them at the goal."""
    wanted = [file for file in FILES if file in there]
    if CONFIG not in wanted:
        raise ModelError(
            f"holds no {CONFIG}", subject=str(source), hint="expected a model folder, as 'models push' writes them"
        )
    with paths.writing(goal) as sibling:
        fetch(wanted, sibling)
        config = check(sibling, source)
    return Pulled(goal.name, goal, config, tuple(sorted(set(there) - set(wanted))))


def check(folder: Path, called: str) -> ModelConfig:
    """Check a folder that came from elsewhere: description, checksums, tensors, and that its graphs can be loaded.

    Raises:
        ModelError: something is wrong with it; ``called`` is what the message calls the folder.
    """
    try:
        config = checkpoint.read(folder)
        if GRAPH in config.weight_files:
            load_model(str(folder), "cpu", "onnx")
        if INT8_GRAPH in config.weight_files:
            load_model(str(folder), "cpu", "onnx-int8")
    except AudioEmotionError as error:
        subject = error.subject.replace(str(folder), called) or called
        hint = f"{error.hint}; nothing was stored" if error.hint else "nothing was stored"
        raise ModelError(error.problem, subject=subject, hint=hint) from error
    except Exception as error:  # ONNX Runtime has a class for each of its complaints
        reason_text = " ".join(str(error).replace(str(folder), called).split())[:300]
        raise ModelError(
            f"a graph of it cannot be loaded ({reason_text})", subject=str(called), hint="nothing was stored"
        ) from error
    return config


def _files(folder: Path, config: ModelConfig) -> Mapping[str, Path | bytes]:
    """Return the files of a model, or what is to be in them: a card is made where there is none."""
    files: dict[str, Path | bytes] = {file: folder / file for file in (CONFIG, *config.weight_files)}
    if (folder / CARD).is_file():
        return files | {CARD: folder / CARD}
    try:
        return files | {CARD: card.render(config).encode()}
    except KeyError as error:
        raise ModelError(
            f"has no card, and {CONFIG} lacks {error} to make one of", subject=str(folder), hint=f"write {CARD} by hand"
        ) from error


def _goal(name: str, replace: bool) -> Path:
    goal = checkpoint.new_folder(name)
    _check_free(goal, replace)
    return goal


def _check_free(goal: Path, replace: bool) -> None:
    if goal.exists() and not (replace and (goal / CONFIG).is_file()):
        remedy = (
            "add --replace, or use another name" if (goal / CONFIG).is_file() else "it is no model; use another name"
        )
        raise StorageError(f"{goal} already exists; {remedy}")


def _copy(source: Path, names: list[str], target: Path) -> None:
    for name in names:
        # a link could name any file of this user, which would then be stored, and perhaps pushed, as part of a model
        if (source / name).is_symlink() and not (source / name).resolve().is_relative_to(source.resolve()):
            raise ModelError(
                "is a link to a file outside the model folder", subject=f"{source / name}", hint="copy the file there"
            )
        try:
            shutil.copyfile(source / name, target / name)
        except OSError as error:
            raise StorageError(f"cannot be copied ({reason(error)})", subject=f"{source / name}") from error
