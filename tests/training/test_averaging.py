from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from audio_emotion.core.errors import UsageError
from audio_emotion.models import build, registry
from audio_emotion.training import TrainConfig, loop
from audio_emotion.training.averaging import clean_batches, update_batchnorm
from audio_emotion.training.callbacks import Callbacks
from audio_emotion.training.checkpointing import CheckpointWriter, Epoch, strip_prefix
from audio_emotion.training.config import from_table
from audio_emotion.training.data import Subset
from audio_emotion.training.fine_tuning import freeze
from audio_emotion.training.loop import FitJob
from tests.training import nets

TRAIN, HELD_OUT = nets.side(24), nets.side(8, first=100)
AVERAGED = {"epochs": 5, "patience": 0, "averaging": {"epochs": 3, "lr": 3e-3}}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    nets.register()


def run(
    config: TrainConfig, keeper: CheckpointWriter | None = None, on_epoch=lambda _: None
) -> dict[str, torch.Tensor]:
    return dict(loop.fit(FitJob(TRAIN, HELD_OUT, 4, config, "cpu", Callbacks(on_epoch=on_epoch)), keeper).state_dict())


def test_the_kept_weights_are_the_mean_of_the_last_epochs(tmp_path: Path):
    keeper, after = CheckpointWriter(tmp_path / "state.safetensors"), []

    def on_epoch(_: Epoch) -> None:
        kept = keeper.load()
        assert kept is not None
        after.append(strip_prefix("model", kept[0]))

    weights = run(nets.config(**AVERAGED), keeper, on_epoch)
    for name in ("network.first.weight", "network.last.bias"):
        assert torch.allclose(weights[name], torch.stack([one[name] for one in after[2:]]).mean(0), atol=1e-6)
        assert not torch.allclose(weights[name], after[-1][name], atol=1e-4)


def test_the_schedule_ends_before_the_epochs_that_are_averaged():
    epochs: list[Epoch] = []
    run(nets.config(**AVERAGED), on_epoch=epochs.append)
    assert epochs[0].lr < 2e-3  # the optimizer's highest
    assert [epoch.lr for epoch in epochs[1:]] == [3e-3] * 4  # at the end of the second the third's is set


def test_statistics_are_those_of_the_utterances_as_they_are():
    config = from_table({"architecture": "speech-embedding", "batch_size": 24, "parameters": {"dropout": 0.5}})
    model = build(config.architecture, 4, config.parameters, config.frontend_table)
    last = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d)][-1]
    heard: list[torch.Tensor] = []
    last.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    update_batchnorm(model, clean_batches(TRAIN.sounds, config), None)
    assert len(heard) == 1
    assert not model.training
    assert not any(
        module.training or module.momentum is None for module in model.modules() if hasattr(module, "momentum")
    )
    assert torch.allclose(last.running_mean, heard[0].mean(0), atol=1e-5)
    assert torch.allclose(last.running_var, heard[0].var(0), atol=1e-5)


def test_frozen_statistics_stay():
    config = from_table({"architecture": "speech-embedding"})
    model = build(config.architecture, 4, config.parameters, config.frontend_table)
    freeze(model, ["norm"])
    averaged = AveragedModel(model).module
    update_batchnorm(averaged, clean_batches(TRAIN.sounds, config), None)
    assert torch.equal(averaged.network.norm.running_mean, model.network.norm.running_mean)
    assert not torch.equal(averaged.network.head[0].running_mean, model.network.head[0].running_mean)


def test_the_mean_gets_statistics_of_its_own(monkeypatch: pytest.MonkeyPatch):
    refreshed = []
    monkeypatch.setattr(
        loop, "update_batchnorm", lambda model, heard, _: refreshed.append((model, sum(map(len, heard))))
    )
    without = loop.fit(FitJob(TRAIN, Subset([], []), 4, nets.config(patience=0), "cpu"))
    assert not refreshed
    kept = loop.fit(FitJob(TRAIN, Subset([], []), 4, nets.config(**AVERAGED), "cpu"))
    assert kept is not without
    assert refreshed == [(kept, len(TRAIN.sounds))]


def test_every_utterance_is_heard_once_and_silence_not_at_all():
    config = nets.config(batch_size=10, seed=3)
    sounds = [*TRAIN.sounds, np.zeros(4_000, np.float32)]
    batches = list(clean_batches(sounds, config))
    assert sum(map(len, batches)) == len(TRAIN.sounds)
    assert all(np.array_equal(a, b) for a, b in zip(batches, clean_batches(sounds, config), strict=True))
    assert not list(clean_batches(sounds[-1:], config))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"averaging": {"epochs": 5}, "patience": 0, "epochs": 5}, "of 5 epochs one at least comes before"),
        ({"averaging": {"epochs": 5}}, "set patience to 0"),
        ({"averaging": {"epochs": 5}, "patience": 0, "ema": 0.9}, "two means of the same weights"),
        ({"averaging": {"epoch": 5}}, "did you mean epochs"),
        (
            {"averaging": {"epochs": 30}, "patience": 0, "schedule": {"name": "cosine", "warmup_epochs": 25}},
            "schedule.warmup_epochs is 25, and there are 20 epochs",
        ),
    ],
)
def test_what_cannot_be_averaged_is_told(table: dict, problem: str):
    with pytest.raises(UsageError, match=problem):
        from_table(table)
