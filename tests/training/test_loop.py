import errno
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from audio_emotion.core.errors import DeviceError, StorageError, TrainingError
from audio_emotion.models import registry
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.models.frontends import MelMfcc
from audio_emotion.models.frontends.stft import LogMel
from audio_emotion.training import LossConfig, OptimizerConfig, ScheduleConfig, TrainConfig, spectrogram_cache
from audio_emotion.training.accelerator import precision
from audio_emotion.training.callbacks import Callbacks, Step
from audio_emotion.training.checkpointing import CheckpointWriter, Epoch
from audio_emotion.training.data import Shard, Subset, batches
from audio_emotion.training.estimate import measure
from audio_emotion.training.loop import FitJob, Trainer, fit
from audio_emotion.training.sampling import epoch_order
from audio_emotion.training.targets import Targets
from audio_emotion.training.validation import Validator
from tests.conftest import ROOT
from tests.training import nets

TRAIN, HELD_OUT = nets.side(24), nets.side(8, first=100)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the small network for one test: what stays registered is tested as an architecture."""
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    nets.register()


class KilledError(Exception):
    pass


def job(config: TrainConfig, callbacks: Callbacks | None = None, train: Subset = TRAIN) -> FitJob:
    return FitJob(train, HELD_OUT, 4, config, "cpu", callbacks or Callbacks())


def run(config: TrainConfig, keeper: CheckpointWriter | None = None, **told) -> dict[str, torch.Tensor]:
    model = fit(job(config, Callbacks(**told)), keeper)
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def kill_after(epoch: int, batches: int):
    def on_step(step: Step) -> None:
        if (step.epoch, step.batches) == (epoch, batches):
            raise KilledError

    return on_step


RECIPES = {
    "balanced sampling": {"sampling": {"balance": "corpus-and-label", "utterances": 30}},
    "default": {},
    "all else": {
        "optimizer": {"name": "sgd", "lr": 0.05},
        "schedule": {"name": "plateau", "patience": 1},
        "loss": {"name": "focal", "class_weights": True},
        "ema": 0.9,
        "accumulation": 2,
        "patience": 1,
    },
    "adam, cosine": {
        "optimizer": {"name": "adam"},
        "schedule": {"name": "cosine", "warmup_epochs": 1},
        "patience": 0,
        "ema": 0.5,
    },
    "the last epochs averaged": {"patience": 0, "averaging": {"epochs": 2}},
    "epochs that repeat": {"augment": {"repeat_after": 2, "speed": {}, "mixup": {}}},
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_that_was_killed_anywhere_ends_as_one_left_alone(recipe: str, tmp_path: Path):
    config = nets.config(**RECIPES[recipe])
    epochs: list[Epoch] = []
    alone = run(config, on_epoch=epochs.append)
    assert len(epochs) > 1
    left = [step for step in (config.accumulation, 3) if step % config.accumulation == 0 or step == 3]
    for number, (epoch, n_batches) in enumerate([(1, left[0]), (2, 3), (2, left[0])]):
        keeper = CheckpointWriter(tmp_path / f"{number}.safetensors", minutes=1e-9)  # after every step
        with pytest.raises(KilledError):
            run(config, keeper, on_step=kill_after(epoch, n_batches))
        again: list[Epoch] = []
        resumed = run(config, keeper, on_epoch=again.append)
        assert all(torch.equal(resumed[name], alone[name]) for name in alone)
        assert [(e.loss, e.validation_uar, e.lr) for e in again] == [
            (e.loss, e.validation_uar, e.lr) for e in epochs[-len(again) :]
        ]
        assert run(config, keeper, on_epoch=lambda _: pytest.fail("nothing is left to do")).keys() == alone.keys()


def test_the_state_is_written_by_the_minute_and_after_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for minutes, times in ((0, 3), (1e-9, 12)):
        keeper = CheckpointWriter(tmp_path / "state", minutes)
        kept = []
        monkeypatch.setattr(keeper, "save", lambda *_, kept=kept: kept.append(1))
        run(nets.config(), keeper)
        assert len(kept) == times


def test_what_learns_is_learnt():
    told: list[Epoch] = []
    plain = {"augment": {}, "loss": {"label_smoothing": 0.0}, "parameters": {"dropout": 0.0, "hidden": 64}}
    run(nets.config(epochs=25, patience=0, optimizer={"lr": 0.03}, **plain), on_epoch=told.append)
    assert told[-1].loss < told[0].loss - 0.2
    assert all(0 <= epoch.waiting_s <= epoch.seconds for epoch in told)


def test_accumulated_batches_are_one_step_of_the_larger_batch():
    plain = {"augment": {}, "parameters": {"dropout": 0.0}, "patience": 0, "epochs": 1}
    whole = run(nets.config(batch_size=24, **plain))
    parts = run(nets.config(batch_size=8, accumulation=3, **plain))
    assert nets.near(whole, parts) < 1e-5
    assert nets.near(whole, run(nets.config(batch_size=8, **plain))) > 1e-4


def test_a_loss_that_is_no_number_names_the_files_and_keeps_the_last_epoch(tmp_path: Path):
    keeper, config = CheckpointWriter(tmp_path / "state"), nets.config(patience=0)
    with pytest.raises(KilledError):
        run(config, keeper, on_step=kill_after(3, 1))
    bad = replace(TRAIN, sounds=[*TRAIN.sounds[:-1], np.full(6_000, np.nan, np.float32)])
    before = keeper.file.read_bytes()
    with pytest.raises(TrainingError, match=r"epoch 3, batch \d.*the loss is nan.*lower --lr.*\b23\.wav") as told:
        fit(job(config, train=bad), keeper)
    assert str(told.value).count(".wav") == 8, "the batch alone"
    assert keeper.file.read_bytes() == before


def test_weights_are_spared_a_gradient_that_is_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fitting = Trainer(job(nets.config()))
    before = {k: v.clone() for k, v in fitting.model.state_dict().items()}
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("inf")))
    with pytest.raises(TrainingError, match="gradient's norm inf"):
        next(fitting._steps())
    assert nets.near(before, fitting.model.state_dict()) == 0


def test_no_memory_left_names_the_settings(monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Trainer, "_step", full)
    with pytest.raises(TrainingError, match=r"batch_size 8; try --batch-size 4 with --set accumulation=2"):
        run(nets.config())


def test_a_full_disk_leaves_the_last_state_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    keeper = CheckpointWriter(tmp_path / "state")
    with pytest.raises(KilledError):
        run(nets.config(), keeper, on_step=kill_after(2, 1))
    before = keeper.file.read_bytes()

    def full(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left on device"):
        run(nets.config(), keeper)
    assert keeper.file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_a_damaged_state_is_one_line(tmp_path: Path):
    (tmp_path / "state").write_bytes(b"half of it")
    with pytest.raises(StorageError, match="use --restart to start again"):
        run(nets.config(), CheckpointWriter(tmp_path / "state"))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself there")
def test_ctrl_c_ends_after_the_step_and_the_run_goes_on(tmp_path: Path):
    config, keeper = nets.config(), CheckpointWriter(tmp_path / "state")
    alone = run(config)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it

    def press(step: Step) -> None:
        if (step.epoch, step.batches) == (2, 1):
            os.kill(os.getpid(), signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt, match="the same command continues it"):
            run(config, keeper, on_step=press)
    finally:
        signal.signal(signal.SIGINT, before)
    assert nets.near(run(config, keeper), alone) == 0


def test_it_also_runs_in_a_thread_of_somebody_else():
    done = []
    thread = threading.Thread(target=lambda: done.append(run(nets.config(epochs=1))))
    thread.start()
    thread.join()
    assert done


def test_torchs_generator_is_left_as_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run(nets.config(epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_utterance_is_read_once_by_one_process():
    config = nets.config(batch_size=10)

    def sizes(n: int, shard: Shard) -> list[int]:
        return [len(group) for group in batches(np.arange(n), 10, shard)]

    order = epoch_order(config.sampling, (), [0] * 24, np.random.default_rng([0, 1]))
    assert sorted(order) == list(range(24))
    assert sizes(24, Shard()) == [10, 10, 4]
    assert sizes(21, Shard()) == [10, 10], "none of one utterance"
    assert sizes(23, Shard(0, 2)) == [10, 10], "none of one for a process"
    assert sizes(1, Shard()) == [1]


def test_schedules_move_as_they_say():
    def rates(schedule: ScheduleConfig) -> list[float]:
        told: list[Step] = []
        run(replace(nets.config(epochs=4, patience=9), schedule=schedule), on_step=told.append)
        return [step.lr for step in told]

    cosine = rates(ScheduleConfig("cosine", warmup_epochs=1))
    assert all(a < b for a, b in pairwise(cosine[:3]))
    assert all(a > b for a, b in pairwise(cosine[3:]))
    assert cosine[-1] == pytest.approx(0, abs=1e-9)
    assert set(rates(ScheduleConfig("constant"))) == {2e-3}
    assert max(rates(ScheduleConfig("one-cycle"))) == pytest.approx(2e-3, rel=0.1)
    plateau = rates(ScheduleConfig("plateau", factor=0.1, patience=1))
    assert {round(math.log10(rate / 2e-3), 6) for rate in plateau} <= {0.0, -1.0, -2.0}


def test_precision_follows_the_device():
    assert precision(nets.config(precision="bf16"), "cpu") is torch.bfloat16
    assert precision(nets.config(precision="auto"), "mps") is None
    for device in ("cpu", "mps"):
        with pytest.raises(DeviceError, match="use auto, bf16 or fp32"):
            precision(nets.config(precision="fp16"), device)


def test_features_of_a_cached_frontend_are_computed_once(monkeypatch: pytest.MonkeyPatch):
    read = []
    forward = MelMfcc.forward
    monkeypatch.setattr(MelMfcc, "cached", True, raising=False)
    monkeypatch.setattr(MelMfcc, "forward", lambda self, x: (read.append(len(x)), forward(self, x))[1])
    stages = []
    told: list[Epoch] = []
    config = nets.config(epochs=12, patience=0, augment={"versions": 1, "speed": {}}, optimizer={"lr": 0.03})
    run(config, on_epoch=told.append, progress=lambda *told: stages.append(told))
    assert sum(read) == 24 * 2 + 8
    assert stages[-1] == ("features", 48, 48, "")
    assert told[-1].loss < told[0].loss - 0.1


def test_an_epoch_that_repeats_computes_no_features(monkeypatch: pytest.MonkeyPatch):
    heard = []
    forward = LogMel.forward
    monkeypatch.setattr(LogMel, "forward", lambda self, x: (heard.append(len(x)), forward(self, x))[1])
    config = nets.config(epochs=5, patience=0, augment={"repeat_after": 2, "speed": {}})
    run(config)
    assert sum(heard) == 2 * 24 + 5 * 8  # two epochs of the training set; each of the five judges 8
    heard.clear()
    monkeypatch.setattr(spectrogram_cache, "LIMIT_BYTES", 24 * 2 * 16 * 16)  # room for one epoch: none comes back
    run(config)
    assert sum(heard) == 5 * (24 + 8)


def test_cost_counts_what_learns():
    cost = measure(job(nets.config()), n_steps=2)
    assert cost.parameters == (2 * 16 + 1) * 16 + 17 * 4
    assert (cost.steps_per_epoch, cost.measured_steps) == (3, 1)
    assert cost.seconds_per_step > 0

    def half_frozen() -> EmotionModel:
        model = registry.build("plain", 4, None, nets.config().frontend_table)
        model.network.first.requires_grad_(False)
        return model

    assert measure(replace(job(nets.config()), begin=half_frozen), n_steps=2).parameters == 17 * 4


def test_a_validation_side_without_speech_is_answered_wrongly(monkeypatch: pytest.MonkeyPatch):
    silence = replace(HELD_OUT, sounds=[np.zeros(8_000, np.float32)] * 8)
    model = registry.build("plain", 4, None, nets.config().frontend_table)
    assert Validator(silence, model, nets.config(), "cpu").uar(model) == 0
    monkeypatch.setattr(MelMfcc, "cached", True, raising=False)
    assert Validator(silence, model, nets.config(), "cpu").uar(model) == 0


TOGETHER = {
    "epochs": 2,
    "augment": {"speed": {}},
    "parameters": {"dropout": 0.0},
    "ema": 0.5,
    "accumulation": 2,
}
SCRIPT = """
import json, sys
from safetensors.torch import save_file
from audio_emotion.training.accelerator import is_main
from audio_emotion.training.callbacks import Callbacks
from audio_emotion.training.loop import fit
from tests.training import nets, test_loop
if __name__ == "__main__":
    told = []
    nets.register()
    config = nets.config(**test_loop.TOGETHER)
    model = fit(test_loop.job(config, Callbacks(on_epoch=told.append)))
    if is_main():
        save_file(model.state_dict(), sys.argv[1])
        print(json.dumps([[e.loss, e.validation_uar] for e in told]))
"""


def start(script: Path, target: Path, rank: int, port: int) -> subprocess.Popen:
    """Start one of two processes as a launcher does."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | {k: str(v) for k, v in told.items()}
    return subprocess.Popen(
        [sys.executable, str(script), str(target)], env=os.environ | environment, stdout=subprocess.PIPE, text=True
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check_like_one(both: list[subprocess.Popen], weights: Path) -> None:
    """See that two processes learnt what one learns, and that the first alone tells of it."""
    from safetensors.torch import load_file

    alone: list[Epoch] = []
    expected = run(nets.config(**TOGETHER), on_epoch=alone.append)
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[1] == "", "the main process alone tells"
    assert nets.near(expected, load_file(weights)) < 1e-5
    np.testing.assert_allclose(json.loads(said[0].splitlines()[-1]), [[e.loss, e.validation_uar] for e in alone], 1e-5)


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path):
    (tmp_path / "script.py").write_text(SCRIPT)
    port = free_port()
    check_like_one(
        [start(tmp_path / "script.py", tmp_path / "weights", rank, port) for rank in (0, 1)], tmp_path / "weights"
    )


@pytest.mark.slow
def test_two_nodes_on_loopback_learn_what_one_process_does(tmp_path: Path):
    (tmp_path / "script.py").write_text(SCRIPT)
    launcher = ["torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1", "--master_addr", "127.0.0.1"]
    launcher += ["--master_port", str(free_port())]
    own = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    script = [str(tmp_path / "script.py"), str(tmp_path / "weights")]
    nodes = [
        subprocess.Popen(
            [sys.executable, "-m", *launcher, "--node_rank", str(rank), *script],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    check_like_one(nodes, tmp_path / "weights")


def test_the_losses_and_optimizers_by_hand():
    from audio_emotion.training.optim import Loss, make_optimizer

    logits, targets = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 1])
    shares = nn.functional.one_hot(targets, 3).float()
    expected = nn.functional.cross_entropy(logits, targets, label_smoothing=0.1, reduction="none")
    labels = targets.tolist()
    encoding = Targets(Subset([], labels), 3)
    torch.testing.assert_close(Loss(LossConfig(), encoding, labels)(logits, shares), expected)
    weighted = Loss(LossConfig(label_smoothing=0.0, class_weights=True), encoding, labels)(logits, shares)
    plain = nn.functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(weighted, plain * torch.tensor([5 / 3, 5 / 9, 5 / 3, 5 / 9, 5 / 9]))
    focal = Loss(LossConfig("focal", label_smoothing=0.0, gamma=2.0), encoding, labels)(logits, shares)
    torch.testing.assert_close(focal, (1 - (-plain).exp()) ** 2 * plain)
    parameter = nn.Parameter(torch.zeros(1))
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    assert all(type(make_optimizer(OptimizerConfig(name), [parameter])) is kind for name, kind in kinds.items())
