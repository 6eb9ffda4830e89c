"""A self-contained folder: a model in several forms, its description, and a program that predicts with it."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from audio_emotion.core.errors import StorageError
from audio_emotion.core.paths import display_path, writing
from audio_emotion.core.types import FloatArray
from audio_emotion.core.version import __version__
from audio_emotion.evaluation import metrics
from audio_emotion.export import script
from audio_emotion.export.variants import Origin, metadata, runner, write
from audio_emotion.inference.loading import backend_for
from audio_emotion.models import checkpoint

ABOUT = "model.json"
_TIMED = 20
_ASKED = ("onnx", "onnx-int8", "ort", "ort-int8")


@dataclass(frozen=True)
class EvalSet:
    """Recordings that a model's forms are compared on.

    Attributes:
        windows: of all recordings, (n_windows, window_samples) float32, or their features.
        of: the number of the recording that each window belongs to, ascending from 0.
        targets: the index of each recording's label; empty if they have none.
    """

    windows: FloatArray
    of: Sequence[int]
    targets: Sequence[int] = ()


@dataclass(frozen=True)
class Checked:
    """How an exported file compares with the model.

    Attributes:
        kind: the form.
        file: its name.
        size_bytes: on disk.
        milliseconds: for one window on one thread, the median.
        differs_mean: mean over windows of the largest difference between a score and the model's own.
        differs_most: the largest difference.
        same: share of recordings with the label that the model predicts.
        uar: unweighted average recall, 0 to 1; None if the recordings have no labels.
        accuracy: likewise.
    """

    kind: str
    file: str
    size_bytes: int
    milliseconds: float
    differs_mean: float
    differs_most: float
    same: float
    uar: float | None = None
    accuracy: float | None = None


def export(
    origin: Origin, target: Path, kinds: Sequence[str], eval_set: EvalSet, expected: FloatArray
) -> list[Checked]:
    """Write a model's forms into the folder ``target``, and compare each with the model.

    Args:
        origin: the model.
        target: a new folder, or one from an earlier export.
        kinds: of :data:`audio_emotion.export.variants.KINDS`.
        eval_set: what they are compared on.
        expected: the stored model's probabilities of the windows, (n_windows, n_labels).

    Raises:
        StorageError: ``target`` holds something else, or cannot be written.
        UsageError: the model cannot be exported in one of the forms.
    """
    if target.exists() and not (target / ABOUT).is_file() and not (target.is_dir() and not any(target.iterdir())):
        raise StorageError(
            "already exists and is not an export", subject=display_path(target), hint="name a new folder"
        )
    with writing(target) as folder:
        forms = [check(kind, write(kind, origin, folder), eval_set, expected) for kind in kinds]
        lists = {"labels": list(origin.config.labels), "files": [asdict(form) for form in forms]}
        about = metadata(origin.config) | _numbers(origin.config) | lists
        (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")
        (folder / checkpoint.CARD).write_text((origin.folder / checkpoint.CARD).read_text("utf-8"), "utf-8")
        if origin.config.graph == "waveform" and any(kind in _ASKED for kind in kinds):
            files = {form.kind: form.file for form in forms if form.kind in _ASKED}
            first = files.get(backend_for(origin.config, "cpu"), next(iter(files.values())))
            (folder / script.ASK).write_text(script.program(first), "utf-8")
            (folder / script.SPEECH).write_text(script.speech_module(__version__), "utf-8")
    return forms


def _numbers(config: checkpoint.ModelConfig) -> dict[str, float | bool | None]:
    """Return what an ONNX file's metadata holds as strings, as numbers."""
    return {
        "sampling_rate": config.sampling_rate,
        "window_samples": config.window_samples,
        "temperature": config.temperature,
        "temperature_applied": True,
        "speech_threshold": config.speech_threshold,
    }


def check(kind: str, file: Path, eval_set: EvalSet, expected: FloatArray) -> Checked:
    """Compare an exported file with the model, on the same windows."""
    run = runner(file)
    computed = np.concatenate([run(eval_set.windows[i : i + 16]) for i in range(0, len(eval_set.windows), 16)])
    differs = np.abs(computed - expected).max(axis=1)
    answers, own = (_answers(probabilities, eval_set) for probabilities in (computed, expected))
    targets = list(eval_set.targets)
    return Checked(
        kind,
        file.name,
        file.stat().st_size,
        _milliseconds(run, eval_set.windows[:1]),
        float(differs.mean()),
        float(differs.max()),
        float(np.mean(answers == own)),
        metrics.uar(targets, answers.tolist()) if targets else None,
        metrics.accuracy(targets, answers.tolist()) if targets else None,
    )


def _answers(probabilities: FloatArray, eval_set: EvalSet) -> np.ndarray:
    """Return the index of the label of each recording, by the mean of the logarithms over its windows."""
    of = np.asarray(eval_set.of)
    logs = np.log(np.maximum(probabilities, 1e-12))
    return np.array([logs[of == number].mean(axis=0).argmax() for number in range(of.max() + 1)])


def _milliseconds(run: Callable[[FloatArray], FloatArray], window: FloatArray) -> float:
    seconds = []
    for _ in range(_TIMED):
        began = time.perf_counter()
        run(window)
        seconds.append(time.perf_counter() - began)
    return 1000 * float(np.median(seconds))
