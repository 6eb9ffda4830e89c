import sys
from pathlib import Path

import pytest

from audio_emotion.core.errors import PackageError
from audio_emotion.training import TrainConfig
from audio_emotion.training.checkpointing import Epoch
from audio_emotion.training.run_dir import BOARD, Keeping, Run

SHOWN = Keeping(tensorboard=True)


def test_tensorboard_reads_what_each_epoch_left(tmp_path: Path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    run = Run(tmp_path, TrainConfig(), {}, "1.0", SHOWN)
    run.add(Epoch(1, loss=2.0, validation_uar=0.25, seconds=3.0))
    run.add(Epoch(2, loss=1.5, validation_uar=None, seconds=3.0))
    (file,) = (tmp_path / BOARD).iterdir()
    values = [
        (event.step, value.tag, value.tensor.float_val[0])
        for event in loader.EventFileLoader(str(file)).Load()
        for value in event.summary.value
    ]
    assert [(step, x) for step, tag, x in values if tag == "loss"] == [(1, 2.0), (2, 1.5)]
    assert [(step, x) for step, tag, x in values if tag == "validation_uar"] == [(1, 0.25)]


def test_without_tensorboard_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(PackageError, match=r"pip install 'audio-emotion\[tensorboard\]'"):
        Run(tmp_path, TrainConfig(), {}, "1.0", SHOWN)
