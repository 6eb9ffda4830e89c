"""What a training run is made of, as values: its data, its job, and what it leaves."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from audio_emotion.core import paths
from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora.base import Progress, silent
from audio_emotion.corpora.splits import Split
from audio_emotion.evaluation.evaluate import Evaluation
from audio_emotion.models import checkpoint
from audio_emotion.training import base_model
from audio_emotion.training.checkpointing import Epoch
from audio_emotion.training.config import TrainConfig
from audio_emotion.training.dataset import Dataset
from audio_emotion.training.run_dir import Keeping


@dataclass(frozen=True)
class DataOptions:
    """Which recordings a run uses, and how they are split.

    Attributes:
        data: corpora as ``NAME=DIR``, or folders and tables that are recognized; empty: RAVDESS speech in
            ``AUDIO_EMOTION_DATA``, or among the downloads.
        test_data: other recordings to test on, written likewise; all of ``data`` is then for training.
        split: the name of a split, as ``speaker`` or ``emobox-1``.
        labels: the label set.
        allow_missing: whether a named fold may lack actors.
        strict: whether a recording that cannot be decoded is an error.
    """

    data: tuple[str, ...] = ()
    test_data: tuple[str, ...] = ()
    split: str = "speaker"
    labels: str = "eight"
    allow_missing: bool = False
    strict: bool = False


@dataclass(frozen=True)
class TrainJob:
    """One training run, ready to start.

    Attributes:
        name: of the model.
        dataset: the decoded recordings.
        split: who trains, who validates, who is tested. It may test on recordings that are not in ``dataset``.
        config: the settings.
        target: the model folder that is written.
        run_folder: for the run's log, curves and state.
        device: where it trains.
        progress: called with the run's progress.
        keeping: how its state is kept.

    Raises:
        CorpusError: the training set has one emotion only.
    """

    name: str
    dataset: Dataset
    split: Split
    config: TrainConfig
    target: Path
    run_folder: Path
    device: str = "auto"
    progress: Progress = silent
    keeping: Keeping = field(default_factory=Keeping)

    def __post_init__(self) -> None:
        emotions = {utterance.label for utterance in self.split.train}
        if len(emotions) < 2:
            raise CorpusError(
                f"all {len(self.split.train)} utterance(s) to train on are {emotions.pop()}; add another emotion"
            )
        if self.config.origin and not self.split.base_speakers:
            known = base_model.training_recordings(self.config.origin)
            object.__setattr__(self, "split", replace(self.split, base_speakers=known))

    @classmethod
    def named(cls, name: str, dataset: Dataset, split: Split, config: TrainConfig) -> "TrainJob":
        """Return the job whose model and run are in the user's data folder."""
        run_folder = paths.runs_dir() / name / f"{split.name}-seed-{config.seed}"
        return cls(name, dataset, split, config, checkpoint.new_folder(name), run_folder)


@dataclass(frozen=True)
class TrainResult:
    """What a run leaves.

    Attributes:
        folder: the stored model.
        history: the epochs.
        split: who trained, who validated, who was tested.
        evaluation: of the test set; None if there is none.
        run_folder: for the run's log, curves and config.
    """

    folder: Path
    history: tuple[Epoch, ...]
    split: Split
    evaluation: Evaluation | None
    run_folder: Path
