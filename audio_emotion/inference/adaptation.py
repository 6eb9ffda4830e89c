"""Adaptation of a model to a speaker, a microphone or a language, from recordings without labels.

A network reduces each window to one vector, its pooled vector, and a small head turns that into logits. A speaker's
vectors lie elsewhere than those of the training data; adaptation moves them back::

    shift = n / (n + shrinkage) * (mean of the training data - mean of the group's n windows)
    logits = head(pooled + shift)

``shrinkage`` makes a small group safe: five windows of one emotion say little about how the speaker usually sounds, and
with a shrinkage of 15 move the vectors a quarter of the way. No weight changes, and nothing is trained.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.find import expand
from audio_emotion.audio.windows import iter_speech_windows
from audio_emotion.core.errors import AudioError, ModelError, UsageError
from audio_emotion.core.types import FloatArray
from audio_emotion.inference.backends import FullRuntime, cores, speech_mask
from audio_emotion.inference.batching import BatchItem
from audio_emotion.inference.model import Input, Model

MIN_WINDOWS = 5
"""With fewer windows of speech, a group is not adapted to."""

MAX_RECORDINGS = 200
"""Recordings of a group that are read, spread evenly over it: more move the mean no further."""

Grouping = Literal["all", "folder", "speaker"]
GROUPINGS: tuple[str, ...] = get_args(Grouping)
Group = TypeVar("Group", bound=Hashable)


@dataclass(eq=False, slots=True)
class GroupMean:
    """The mean of the pooled vectors of a group, window by window.

    Attributes:
        total: sum over windows, (n_pooled,) float64; None before the first.
        n_windows: windows with speech.
        n_recordings: recordings with at least one such window.
    """

    total: npt.NDArray[np.float64] | None = field(default=None)
    n_windows: int = 0
    n_recordings: int = 0

    def add(self, pooled: FloatArray) -> None:
        """Take the pooled vectors of the next recording, (n_windows, n_pooled)."""
        if not len(pooled):
            return
        total = pooled.sum(axis=0, dtype=np.float64)
        self.total = total if self.total is None else self.total + total
        self.n_windows += len(pooled)
        self.n_recordings += 1

    def shift(self, training_mean: FloatArray, shrinkage: float) -> FloatArray | None:
        """Return the shift, (n_pooled,); None if there are fewer than :data:`MIN_WINDOWS` windows."""
        if self.total is None or self.n_windows < MIN_WINDOWS:
            return None
        # n_windows    5     15    45        with a shrinkage of 15
        # share        1/4   1/2   3/4       of the way to the mean of the training data
        share = self.n_windows / (self.n_windows + shrinkage)
        return np.asarray(share * (training_mean - self.total / self.n_windows), np.float32)


def check_adaptable(model: Model) -> None:
    """Raise a :class:`ModelError` if a model cannot be adapted."""
    if model.adaptation is None or not isinstance(model.runtime, FullRuntime):
        raise ModelError(
            f"model {model.config.name!r} cannot be adapted: it does not store the mean of its training data; "
            "use another model, or train it again with this version"
        )


def pooled_vectors(model: Model, windows: FloatArray, gate: bool = True, threads: int | None = None) -> FloatArray:
    """Return the pooled vectors, before any shift, of the windows with speech: (n, window_samples) → (m, n_pooled).

    Raises:
        ModelError: the model cannot be adapted.
    """
    check_adaptable(model)
    assert isinstance(model.runtime, FullRuntime)
    outputs = model.runtime.outputs(windows, None, threads)
    assert outputs.pooled is not None
    return outputs.pooled[speech_mask(outputs, model.config.speech_threshold if gate else None)]


def adapted(
    model: Model,
    recordings: Sequence[BatchItem],
    shrinkage: float | None = None,
    on_failure: Callable[[AudioError], None] | None = None,
) -> Model:
    """Do as :meth:`Model.adapt`; with ``on_failure`` recordings that cannot be decoded are reported and left out."""
    check_adaptable(model)
    assert model.adaptation is not None
    if shrinkage is not None and not shrinkage >= 0:
        raise UsageError(f"shrinkage is {shrinkage:g}, expected 0 or more windows")
    mean = GroupMean()
    for result in _pooled(model, recordings, cores()):
        if isinstance(result, AudioError):
            if on_failure is None:
                raise result
            on_failure(result)
        else:
            mean.add(result)
    strength = float(model.config.adaptation["shrinkage"] if shrinkage is None else shrinkage)
    shift = mean.shift(model.adaptation.mean, strength)
    if shift is None:
        raise AudioError(
            f"adaptation needs at least {MIN_WINDOWS} windows with speech, and {len(recordings)} "
            f"recording{'s' * (len(recordings) != 1)} gave {mean.n_windows}; add recordings of the same speaker"
        )
    details = {"recordings": mean.n_recordings, "windows": mean.n_windows}
    origin = model.config.adaptation.get("model", model.config.name)
    config = replace(model.config, adaptation={"shrinkage": strength, "model": origin, **details})
    moved = model.with_shift(shift)
    return Model(config, moved.runtime, moved.backend, moved.adaptation)


def recordings_of(
    model: Model, sources: Input | Sequence[Input], sampling_rate: int | None, gate: bool, vad: bool
) -> list[BatchItem]:
    """Return the recordings that :func:`adapted` takes; folders and patterns among the paths are expanded."""
    check_adaptable(model)
    given = cast(Sequence[Input], sources if isinstance(sources, list | tuple) else [sources])
    listed: list[Input] = []
    for source in given:
        listed += expand([source]) if isinstance(source, str | PathLike) else [source]
    return [BatchItem(model.reader(source, sampling_rate), gate=gate, vad=vad) for source in listed]


def _pooled(model: Model, recordings: Sequence[BatchItem], n_threads: int) -> Iterable[FloatArray | AudioError]:
    """Yield the pooled vectors of each recording, or the error that it met."""

    def pooled(recording: BatchItem) -> FloatArray | AudioError:
        shape = model.config.sampling_rate, model.config.window_samples
        try:
            _, batches = iter_speech_windows(recording.read, *shape, recording.gate, recording.vad)
            parts = [pooled_vectors(model, batch, recording.gate, threads=1) for batch in batches if len(batch)]
        except AudioError as error:
            return error
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    with ThreadPoolExecutor(n_threads) as threads:
        yield from threads.map(pooled, recordings)


def group_key(grouping: Grouping, path: str | PathLike[str]) -> str:
    """Return what recordings of one group have in common: nothing, or their folder."""
    return "" if grouping == "all" else str(Path(path).parent)


def sample_evenly(members: Sequence[Group], maximum: int = MAX_RECORDINGS) -> list[Group]:
    """Return at most ``maximum`` members, spread evenly over all, in their order.

    >>> sample_evenly(range(10), 4)
    [0, 3, 6, 9]
    """
    if len(members) <= maximum:
        return list(members)
    return [members[i] for i in np.linspace(0, len(members) - 1, maximum).round().astype(int)]


def group_shifts(
    model: Model, groups: Mapping[Group, Sequence[BatchItem]], n_threads: int | None = None
) -> dict[Group, FloatArray]:
    """Return the shift of each group, (n_pooled,); groups with fewer than :data:`MIN_WINDOWS` windows are left out.

    Recordings that cannot be decoded are left out: whatever predicts them reports them. ``n_threads`` read at once;
    None: one on each core; 1 for parts of one open file.

    Raises:
        ModelError: the model cannot be adapted.
    """
    check_adaptable(model)
    assert model.adaptation is not None
    shifts: dict[Group, FloatArray] = {}
    for group, recordings in groups.items():
        mean = GroupMean()
        for pooled in _pooled(model, sample_evenly(recordings), n_threads or cores()):
            if not isinstance(pooled, AudioError):
                mean.add(pooled)
        shift = mean.shift(model.adaptation.mean, float(model.config.adaptation["shrinkage"]))
        if shift is not None:
            shifts[group] = shift
    return shifts
