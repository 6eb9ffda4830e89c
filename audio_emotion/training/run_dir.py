"""A run's folder: its config and data, its log so far, and the state from which a stopped run continues.

config.toml              the resolved config
data.json                which recordings, by content, are on which side with which label
log.jsonl                a line for each epoch
curves.svg               loss and validation UAR
checkpoint/              the state of a run that is not finished
tensorboard/             with --tensorboard
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audio_emotion.core import paths, resume, schema
from audio_emotion.core.errors import PackageError, StorageError
from audio_emotion.core.packages import install_command
from audio_emotion.training.checkpointing import CheckpointWriter, Epoch, read_state
from audio_emotion.training.config import TrainConfig

CONFIG, DATA, LOG, CURVES = "config.toml", "data.json", "log.jsonl", "curves.svg"
CHECKPOINT, STATE, BOARD = "checkpoint", "state.safetensors", "tensorboard"

Recordings = Mapping[str, Sequence[str]]
"""By an utterance's digest: its side and its label."""


@dataclass(frozen=True)
class Keeping:
    """How a run's state is kept.

    Attributes:
        restart: whether to start again even if an unfinished run could continue.
        minutes: between saves within an epoch; 0: save after epochs only.
        tensorboard: whether to write for TensorBoard.
    """

    restart: bool = False
    minutes: float = 10.0
    tensorboard: bool = False


class Run:
    """The open folder of one run.

    Attributes:
        folder: where it is.
        writer: of its state.
        history: the epochs that are finished.
    """

    def __init__(
        self,
        folder: Path,
        config: TrainConfig,
        recordings: Recordings,
        version: str,
        keeping: Keeping,
    ) -> None:
        """Open a folder: an unfinished run of the same config, recordings and version continues, else a new one starts.

        Raises:
            UsageError: the unfinished run is of another config or other recordings.
            PackageError: no TensorBoard is installed.
            StorageError: the folder cannot be written.
        """
        self.folder, self._board = folder, None
        self.writer = CheckpointWriter(folder / CHECKPOINT / STATE, keeping.minutes)
        plan = {
            "version": version,
            "config": json.loads(json.dumps(schema.table_of(config.resolved()))),
            "recordings": {key: list(value) for key, value in recordings.items()},
        }
        try:
            if keeping.restart or not any((folder / CHECKPOINT).glob("*.safetensors")):  # a teacher's may be the first
                self._begin(config, plan)
            else:
                self._check(plan)
        except OSError as error:
            raise StorageError(
                f"cannot write to {folder} ({error.strerror}); make it writable, or set AUDIO_EMOTION_HOME"
            ) from error
        kept = self.writer.load()
        self.history: list[Epoch] = read_state(kept[1]["state"]).history if kept else []
        self._write_log()
        if keeping.tensorboard:
            self._board = _board(folder / BOARD)
            for epoch in self.history:
                self._show(epoch)

    def add(self, epoch: Epoch) -> None:
        """Add a finished epoch."""
        self.history.append(epoch)
        with (self.folder / LOG).open("a", encoding="utf-8", newline="\n") as file:
            file.write(_line(epoch))
        self._show(epoch)

    def draw(self) -> None:
        """Plot the curves of the epochs so far."""
        from audio_emotion.evaluation.plots import LIGHT, training_curves

        if self.history:
            drawn = training_curves({self.folder.name: [asdict(epoch) for epoch in self.history]}, LIGHT)
            with paths.writing_text(self.folder / CURVES) as file:
                file.write(drawn)

    def _begin(self, config: TrainConfig, plan: Mapping[str, Any]) -> None:
        for old in (CHECKPOINT, BOARD):
            shutil.rmtree(self.folder / old, ignore_errors=True)
        for old in (LOG, CURVES):
            (self.folder / old).unlink(missing_ok=True)
        (self.folder / CHECKPOINT).mkdir(parents=True, exist_ok=True)
        with paths.writing_text(self.folder / CONFIG) as file:
            file.write(config.resolved().to_toml())
        resume.write_plan(self.folder / DATA, plan, indent=None)

    def _check(self, plan: Mapping[str, Any]) -> None:
        """Refuse to continue another run than the folder's."""
        for unfinished in (self.folder / CHECKPOINT).glob(".*"):  # what was being written when a run was killed
            unfinished.unlink(missing_ok=True)
        try:
            changed = _changes(resume.read_plan(self.folder / DATA) or {}, plan)
        except (KeyError, AttributeError, TypeError) as error:
            raise StorageError(
                f"cannot be read ({error})", subject=f"{self.folder / DATA}", hint="use --restart to start again"
            ) from error
        resume.refuse_other(self.folder, "an unfinished run", changed)

    def _write_log(self) -> None:
        """Write the lines of the epochs that the state has: a run may be killed after a line, before the state."""
        with paths.writing_text(self.folder / LOG) as file:
            file.writelines(_line(epoch) for epoch in self.history)

    def _show(self, epoch: Epoch) -> None:
        if self._board:
            for name, value in asdict(epoch).items():
                if name != "number" and value is not None:
                    self._board.add_scalar(name, value, epoch.number)
            self._board.flush()


def clear_old_leftovers() -> None:
    """Remove what killed trainings left a day ago, of any name: half-written models, and half-written states.

    The state of an unfinished run stays.
    """
    for folder in (paths.models_dir(), paths.runs_dir()):
        paths.clear_old_leftovers(folder)
    for left in paths.runs_dir().glob(f"*/*/{CHECKPOINT}/.*"):
        if paths.is_old(left):
            with suppress(OSError):  # another process was faster, or it is another user's
                left.unlink()


def finish(folder: Path) -> None:
    """Remove the state of a run whose model is stored: the same command then starts again."""
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)


def _changes(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Describe how a run's version, config and recordings differ from an earlier one's."""
    changes = resume.differences(*({"version": plan["version"], **plan["config"]} for plan in (earlier, now)))
    before, after = earlier["recordings"], now["recordings"]
    counts = {
        "new": len(after.keys() - before.keys()),
        "gone": len(before.keys() - after.keys()),
        "with another label or in another set": sum(before[k] != after[k] for k in before.keys() & after.keys()),
    }
    words = [f"{count} {what}" for what, count in counts.items() if count]
    return changes + ([f"of the recordings {', '.join(words)}"] if words else [])


def _line(epoch: Epoch) -> str:
    return json.dumps(asdict(epoch)) + "\n"


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise PackageError(
            f"--tensorboard needs TensorBoard, which is not installed; run: {install_command('tensorboard')}"
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    return SummaryWriter(str(folder))
