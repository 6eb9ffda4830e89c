"""A model that was adapted → a model folder of its own."""

import shutil
from dataclasses import replace
from pathlib import Path

from audio_emotion.core import paths
from audio_emotion.core.errors import StorageError
from audio_emotion.inference.adaptation import check_adaptable
from audio_emotion.inference.model import Model
from audio_emotion.models import adaptation_file, card, checkpoint


def store(model: Model, base: str, name: str, *, overwrite: bool = False) -> Path:
    """Store an adapted model, and return its folder.

    Its weights and graphs are those of the model it was made from; ``config.json`` says which, and from how many
    recordings.

    Args:
        model: what :meth:`audio_emotion.inference.model.Model.adapt` returned.
        base: the name or path of the model it was adapted from.
        name: what to store it as.
        overwrite: whether a model of that name may be replaced.

    Raises:
        UsageError: the name cannot be a model's.
        ModelError: there is no such base, or ``model`` cannot be adapted.
        StorageError: a model of that name exists, or the folder cannot be written.
    """
    check_adaptable(model)
    assert model.adaptation is not None
    source, target = checkpoint.find(base), checkpoint.new_folder(name)
    check_free(target, overwrite)
    config = replace(model.config, name=name, figures={}, adaptation={**model.config.adaptation, "model": base})
    with paths.writing(target) as folder:
        for file in config.weight_files:
            shutil.copyfile(source / file, folder / file)
        adaptation_file.write(folder, *model.adaptation)
        checkpoint.write(folder, config, card.render(config))
    return target


def check_free(target: Path, overwrite: bool) -> None:
    """Raise a :class:`StorageError` if a model folder exists and may not be replaced."""
    if target.exists() and not (overwrite and (target / checkpoint.CONFIG).is_file()):
        remedy = "add --replace, or use another name" if (target / checkpoint.CONFIG).is_file() else "use another name"
        raise StorageError(f"{paths.display_path(target)} exists already; {remedy}")
