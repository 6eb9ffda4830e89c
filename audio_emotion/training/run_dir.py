"""A run's folder: what reruns it, what it has told so far, and the state that a stopped run goes on from.

config.toml              the resolved config
data.json                which recordings, by content, are on which side with which label
log.jsonl                a line for each epoch
curves.svg               loss and validation UAR
checkpoint/              the state of a run that is not finished
tensorboard/             where it was asked for
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audio_emotion.core import paths
from audio_emotion.core.errors import PackageError, StorageError, UsageError
from audio_emotion.training import schema
from audio_emotion.training.checkpointing import CheckpointWriter, Epoch, standing_of
from audio_emotion.training.config import TrainConfig

CONFIG, DATA, LOG, CURVES = "config.toml", "data.json", "log.jsonl", "curves.svg"
CHECKPOINT, STATE, BOARD = "checkpoint", "state.safetensors", "tensorboard"

Recordings = Mapping[str, Sequence[str]]
"""By an utterance's digest: its side and its label."""


@dataclass(frozen=True)
class Keeping:
    """How a run is kept.

    Attributes:
        restart: whether to begin anew where an unfinished run could go on.
        minutes: after which its state is kept within an epoch too; 0: after epochs alone.
        tensorboard: whether to write for TensorBoard.
    """

    restart: bool = False
    minutes: float = 10.0
    tensorboard: bool = False


class Run:
    """A folder that is open for one run.

    Attributes:
        folder: where it is.
        keeper: where its state is kept.
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
        """Open a folder: an unfinished run of the same config, recordings and version goes on, else a new one begins.

        Raises:
            UsageError: the unfinished run is of another config or other recordings.
            PackageError: no TensorBoard is installed.
            StorageError: the folder cannot be written.
        """
        self.folder, self._board = folder, None
        self.keeper = CheckpointWriter(folder / CHECKPOINT / STATE, keeping.minutes)
        mark = {"version": version, "config": json.loads(json.dumps(schema.table_of(config.resolved())))}
        mark["recordings"] = {key: list(value) for key, value in recordings.items()}
        try:
            if keeping.restart or not any((folder / CHECKPOINT).glob("*.safetensors")):  # a teacher's may be the first
                self._begin(config, mark)
            else:
                self._check(mark)
        except OSError as error:
            raise StorageError(
                f"cannot write to {folder} ({error.strerror}); make it writable, or set AUDIO_EMOTION_HOME"
            ) from error
        kept = self.keeper.load()
        self.history: list[Epoch] = standing_of(kept[1]["standing"]).history if kept else []
        self._write_log()
        if keeping.tensorboard:
            self._board = _board(folder / BOARD)
            for epoch in self.history:
                self._show(epoch)

    def add(self, epoch: Epoch) -> None:
        """Enter a finished epoch."""
        self.history.append(epoch)
        with (self.folder / LOG).open("a", encoding="utf-8", newline="\n") as file:
            file.write(_line(epoch))
        self._show(epoch)

    def draw(self) -> None:
        """Draw the curves of the epochs so far."""
        from audio_emotion.evaluation.plots import LIGHT, training_curves

        if self.history:
            drawn = training_curves({self.folder.name: [asdict(epoch) for epoch in self.history]}, LIGHT)
            with paths.writing_text(self.folder / CURVES) as file:
                file.write(drawn)

    def _begin(self, config: TrainConfig, mark: Mapping[str, Any]) -> None:
        for old in (CHECKPOINT, BOARD):
            shutil.rmtree(self.folder / old, ignore_errors=True)
        for old in (LOG, CURVES):
            (self.folder / old).unlink(missing_ok=True)
        (self.folder / CHECKPOINT).mkdir(parents=True, exist_ok=True)
        with paths.writing_text(self.folder / CONFIG) as file:
            file.write(config.resolved().to_toml())
        with paths.writing_text(self.folder / DATA) as file:
            file.write(json.dumps(mark) + "\n")

    def _check(self, mark: Mapping[str, Any]) -> None:
        """Refuse to go on with another run than the folder's."""
        for unfinished in (self.folder / CHECKPOINT).glob(".*"):  # what was being written when a run was killed
            unfinished.unlink(missing_ok=True)
        try:
            earlier = json.loads((self.folder / DATA).read_text("utf-8"))
            changed = differences(earlier, mark)
        except (ValueError, KeyError, AttributeError) as error:
            raise StorageError(f"{self.folder / DATA}: cannot be read ({error}); --restart begins anew") from error
        if changed:
            raise UsageError(
                f"{self.folder} holds an unfinished run, and now {'; '.join(changed)}: undo that to go on with it, "
                "--restart to begin anew, or choose another --name"
            )

    def _write_log(self) -> None:
        """Write the lines of the epochs that the state knows of: a run may be killed between line and state."""
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

    The state that an unfinished run goes on from stays.
    """
    for folder in (paths.models_dir(), paths.runs_dir()):
        paths.clear_old_leftovers(folder)
    for left in paths.runs_dir().glob(f"*/*/{CHECKPOINT}/.*"):
        if paths.is_old(left):
            with suppress(OSError):  # another process was faster, or it is another user's
                left.unlink()


def finish(folder: Path) -> None:
    """Forget the state of a run whose model is stored: the same command then begins anew."""
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say in words how a run's config, recordings and version differ from an earlier one's."""
    old, new = ({"version": m["version"], **schema.flat(m["config"])} for m in (earlier, now))
    told = [
        f"{key} is {new.get(key, 'not said')} (was {old.get(key, 'not said')})"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    before, after = earlier["recordings"], now["recordings"]
    counts = {
        "new": len(after.keys() - before.keys()),
        "gone": len(before.keys() - after.keys()),
        "with another label or on another side": sum(before[k] != after[k] for k in before.keys() & after.keys()),
    }
    words = [f"{count} {what}" for what, count in counts.items() if count]
    return told + ([f"of the recordings {', '.join(words)}"] if words else [])


def _line(epoch: Epoch) -> str:
    return json.dumps(asdict(epoch)) + "\n"


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise PackageError(
            "--tensorboard needs TensorBoard, which is not installed; pip install 'audio-emotion[tensorboard]'"
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    return SummaryWriter(str(folder))
