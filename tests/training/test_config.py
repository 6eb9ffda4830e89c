import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from audio_emotion.core.errors import StorageError, UsageError
from audio_emotion.training import OptimizerConfig, TrainConfig
from audio_emotion.training.config import changes, from_table, read


def test_the_resolved_config_as_a_file_gives_itself(tmp_path: Path):
    config = from_table(
        {
            "epochs": 7,
            "optimizer": {"name": "sgd", "momentum": 0.8},
            "schedule": {"name": "cosine", "warmup_epochs": 2},
            "parameters": {"channels": [4, 8, 8]},
            "augment": {"mixup": {"alpha": 0.2}},
        }
    ).resolved()
    assert config.parameters["hidden"] == 128, "defaults of the architecture are said"
    assert (config.sampling_rate, config.window_s, config.window_samples) == (16_000, 3.0, 48_000)
    (tmp_path / "config.toml").write_text(config.to_toml())
    again = read(tmp_path / "config.toml")
    assert again.to_toml() == config.to_toml()
    assert again.optimizer == config.optimizer
    assert "factor" not in tomllib.loads(config.to_toml())["schedule"], "what cosine does not read is not said"


def test_options_win_over_the_file(tmp_path: Path):
    (tmp_path / "a.toml").write_text('epochs = 3\n[optimizer]\nname = "adam"\nlr = 0.5\n')
    config = read(tmp_path / "a.toml", changes(["optimizer.lr=0.25", "loss.name=focal", "epochs = 4"]))
    assert (config.epochs, config.optimizer.name, config.optimizer.lr) == (4, "adam", 0.25)
    assert config.loss.name == "focal"


def test_every_problem_is_told_at_once():
    table = {
        "epochs": 0,
        "batchsize": 8,
        "seed": True,
        "ema": "much",
        "optimizer": {"name": "adamm", "lr": -1},
        "schedule": {"factor": 0.1},
        "loss": 3,
        "augment": {"mixop": {}},
        "parameters": {"channels": [4, 8], "dropuot": 0.1},
        "frontend": {"sampling_rate": 8000},
    }
    with pytest.raises(UsageError) as told:
        from_table(table, "a.toml")
    for problem in (
        "a.toml: epochs is 0, expected a whole number from 1 to 100000",
        "batchsize is unknown; did you mean batch_size?",
        "seed is True, expected a whole number",
        "ema is 'much', expected a number",
        "optimizer.name is 'adamm', expected one of adamw, adam, sgd",
        "optimizer.lr is -1, expected a number from 1e-07 to 10",
        "schedule.factor is 0.1, and one-cycle has none: it belongs to plateau",
        "loss is 3, expected a table",
        "augment.mixop is unknown; did you mean mixup?",
        "parameters.channels is [4, 8], expected a list of 3 whole numbers",
        "parameters.dropuot is unknown; did you mean dropout?",
        "frontend.sampling_rate is 8000, and sampling_rate 16000",
    ):
        assert problem in str(told.value)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"schedule": {"name": "plateau"}, "patience": 0}, "leaves no validation set"),
        ({"schedule": {"name": "cosine", "warmup_epochs": 5}, "epochs": 5}, "and there are 5 epochs"),
        ({"schedule": {"name": "cosine", "factor": 0.1}}, "it belongs to plateau"),
        ({"optimizer": {"momentum": 0.5, "name": "adam"}}, "it belongs to sgd"),
        ({"architecture": "two-chanel-cnn"}, "there are: .*two-channel-cnn"),
    ],
)
def test_contradictions(table, problem):
    with pytest.raises(UsageError, match=problem):
        from_table(table)
    with pytest.raises(UsageError):
        replace(TrainConfig(), optimizer=OptimizerConfig(lr=100))


def test_a_file_that_is_none_is_one_line(tmp_path: Path):
    (tmp_path / "bad.toml").write_text("epochs = \n")
    with pytest.raises(UsageError, match=r"bad\.toml: not TOML"):
        read(tmp_path / "bad.toml")
    with pytest.raises(StorageError, match="cannot be read"):
        read(tmp_path / "absent.toml")
    with pytest.raises(UsageError, match="KEY=VALUE"):
        changes(["epochs"])
