"""Adaptation within a batch: a first pass over the recordings of each group, whose shifts later runs use again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np

from audio_emotion.batch.workers import WindowBatch, WorkerPool, WorkerStream
from audio_emotion.core import paths
from audio_emotion.core.errors import StorageError, reason
from audio_emotion.core.types import FloatArray
from audio_emotion.inference.adaptation import (
    Grouping,
    GroupMean,
    check_adaptable,
    group_key,
    pooled_vectors,
    sample_evenly,
)
from audio_emotion.inference.model import Model

SHIFTS = "adaptation.safetensors"
"""In the output folder: the shift of each group, so that a run that continues shifts by the same."""


def batch_shifts(
    folder: Path,
    files: Mapping[str, str],
    model: Model,
    grouping: Grouping,
    gate: bool,
    pool: WorkerPool,
) -> dict[str, FloatArray]:
    """Return the shift of each group of a batch; groups with too little speech have none.

    What an earlier run has stored is used as it is. The others are computed from at most 200 recordings of the group.

    Args:
        folder: the output folder.
        files: path of each recording below the folder that all share → its name.
        model: it must be adaptable.
        grouping: ``all`` or ``folder``.
        gate: whether windows that are not speech are left out, by the network too.
        pool: decode workers with the reader :func:`audio_emotion.batch.readers.whole`.

    Raises:
        ModelError: the model cannot be adapted.
        StorageError: the shifts cannot be read or written.
    """
    check_adaptable(model)
    assert model.adaptation is not None
    stored = _read(folder / SHIFTS)
    groups: dict[str, list[str]] = {}
    for path in sorted(files):
        groups.setdefault(group_key(grouping, path), []).append(files[path])
    todo = {group: sample_evenly(names) for group, names in groups.items() if group not in stored}
    if todo:
        means = _group_means(todo, model, gate, pool)
        shrinkage = float(model.config.adaptation["shrinkage"])
        for group, mean in means.items():
            shift = mean.shift(model.adaptation.mean, shrinkage)
            stored[group] = np.empty(0, np.float32) if shift is None else shift
        _write(folder / SHIFTS, stored)
    return {group: shift for group, shift in stored.items() if len(shift)}


def _group_means(
    groups: Mapping[str, Sequence[str]], model: Model, gate: bool, pool: WorkerPool
) -> dict[str, GroupMean]:
    """Return the mean of each group; recordings that cannot be decoded count for nothing here."""
    owners = [group for group, names in groups.items() for _ in names]
    files = [name for names in groups.values() for name in names]
    means = {group: GroupMean() for group in groups}
    with WorkerStream(files, pool) as stream:
        for events in stream:
            for event in events:
                if isinstance(event, WindowBatch) and event.windows is not None and len(event.windows):
                    pooled = pooled_vectors(model, event.windows, gate)
                    means[owners[event.item]].add(pooled)
    return means


def _read(file: Path) -> dict[str, FloatArray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not file.is_file():
        return {}
    try:
        return {unquote(name, errors="surrogateescape"): shift for name, shift in load_file(file).items()}
    except (SafetensorError, OSError) as error:
        raise StorageError(
            f"not readable ({reason(error)})", subject=paths.display_path(file), hint="add --restart"
        ) from error


def _write(file: Path, shifts: Mapping[str, FloatArray]) -> None:
    from safetensors.numpy import save_file

    with paths.writing_file(file) as target:
        save_file({quote(name, errors="surrogateescape"): shift for name, shift in shifts.items()}, target)
