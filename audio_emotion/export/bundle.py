"""A folder that stands by itself: a model in some forms, what it hears and says, and a program that asks it."""

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
from audio_emotion.inference.model import backend_for
from audio_emotion.models import checkpoint

ABOUT = "model.json"
_TIMED = 20
_ASKED = ("onnx", "onnx-int8", "onnx-fp16", "ort", "ort-int8")


@dataclass(frozen=True)
class EvalSet:
    """Recordings that a model's forms are compared on.

    Attributes:
        windows: of all of them, (n_windows, window_samples) float32, or the features made of them.
        of: the number of the recording that each window belongs to, rising from 0.
        targets: the number of each recording's label; none where nobody labelled them.
    """

    windows: FloatArray
    of: Sequence[int]
    targets: Sequence[int] = ()


@dataclass(frozen=True)
class Checked:
    """What one file is worth.

    Attributes:
        kind: which form.
        file: its name.
        size_bytes: on disk.
        milliseconds: a window, one at a time on one thread, the median.
        differs_mean: by how much a score differs from the model's own, the largest of each window, over all windows.
        differs_most: likewise, the largest.
        same: share of recordings with the model's own answer.
        uar: unweighted average recall, 0 to 1; None where nobody labelled the recordings.
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


def export(origin: Origin, target: Path, kinds: Sequence[str], heard: EvalSet, expected: FloatArray) -> list[Checked]:
    """Write a model's forms into the folder ``target``, checked; return what each is worth.

    Args:
        origin: the model.
        target: a new folder, or one that an export wrote.
        kinds: of :data:`audio_emotion.export.variants.KINDS`.
        heard: what they are compared on.
        expected: what the stored model itself says of the windows, probabilities (n_windows, n_labels).

    Raises:
        StorageError: ``target`` is somebody else's, or cannot be written.
        UsageError: a form that this model cannot be had in.
    """
    if target.exists() and not (target / ABOUT).is_file() and not (target.is_dir() and not any(target.iterdir())):
        raise StorageError(f"{display_path(target)}: is there already, and is no export; name a new folder")
    with writing(target) as folder:
        found = [check(kind, write(kind, origin, folder), heard, expected) for kind in kinds]
        lists = {"labels": list(origin.config.labels), "files": [asdict(one) for one in found]}
        about = metadata(origin.config) | _numbers(origin.config) | lists
        (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")
        (folder / checkpoint.CARD).write_text((origin.folder / checkpoint.CARD).read_text("utf-8"), "utf-8")
        if origin.config.graph == "waveform" and any(kind in _ASKED for kind in kinds):
            files = {entry.kind: entry.file for entry in found if entry.kind in _ASKED}
            first = files.get(backend_for(origin.config, "cpu"), next(iter(files.values())))
            (folder / script.ASK).write_text(script.program(first), "utf-8")
            (folder / script.SPEECH).write_text(script.speech_module(__version__), "utf-8")
    return found


def _numbers(config: checkpoint.ModelConfig) -> dict[str, int | float | bool]:
    """Return what an ONNX file's metadata holds as strings, as numbers."""
    return {
        "sampling_rate": config.sampling_rate,
        "window_samples": config.window_samples,
        "temperature": config.temperature,
        "temperature_applied": True,
    }


def check(kind: str, file: Path, heard: EvalSet, expected: FloatArray) -> Checked:
    """Say what an exported file is worth, beside what the model itself says of the same windows."""
    run = runner(file)
    said = np.concatenate([run(heard.windows[i : i + 16]) for i in range(0, len(heard.windows), 16)])
    differs = np.abs(said - expected).max(axis=1)
    answers, own = (_answers(probabilities, heard) for probabilities in (said, expected))
    targets = list(heard.targets)
    return Checked(
        kind,
        file.name,
        file.stat().st_size,
        _milliseconds(run, heard.windows[:1]),
        float(differs.mean()),
        float(differs.max()),
        float(np.mean(answers == own)),
        metrics.uar(targets, answers.tolist()) if targets else None,
        metrics.accuracy(targets, answers.tolist()) if targets else None,
    )


def _answers(probabilities: FloatArray, heard: EvalSet) -> np.ndarray:
    """Return the label's number of each recording, by the mean over its windows of the logarithms."""
    of = np.asarray(heard.of)
    logs = np.log(np.maximum(probabilities, 1e-12))
    return np.array([logs[of == number].mean(axis=0).argmax() for number in range(of.max() + 1)])


def _milliseconds(run: Callable[[FloatArray], FloatArray], window: FloatArray) -> float:
    seconds = []
    for _ in range(_TIMED):
        began = time.perf_counter()
        run(window)
        seconds.append(time.perf_counter() - began)
    return 1000 * float(np.median(seconds))
