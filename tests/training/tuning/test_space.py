import tomllib
from pathlib import Path

import pytest

from audio_emotion.augment import DEFAULT
from audio_emotion.core.errors import StorageError, UsageError
from audio_emotion.training.tuning.space import Space, read, space_of
from tests.conftest import ROOT


def of(text: str) -> Space:
    return space_of(tomllib.loads(text))


def test_every_example_is_a_search():
    found = sorted((ROOT / "training" / "searches").glob("*.toml"))
    assert found
    for path in found:
        space = read(path)
        assert space.config({}).architecture == path.stem
        lowest = space.choose(lambda dimension: dimension.points()[0] if dimension.points() else dimension.low)
        assert space.config(lowest)


def test_settings_go_into_the_config_where_they_belong():
    space = of("""
        epochs = 4
        [optimizer]
        weight_decay = 0.5
        [search]
        optimizer.lr = {low = 1e-4, high = 1e-2, log = true}
        "parameters.channels" = {choices = [[4, 8, 8], [8, 8, 8]]}
        augment.mixup.alpha = {low = 0, high = 1}
        batch_size = {low = 2, high = 9}
    """)
    kinds = {dimension.key: dimension.whole for dimension in space.dimensions}
    assert kinds == {
        "optimizer.lr": False,
        "parameters.channels": False,
        "augment.mixup.alpha": False,
        "batch_size": True,
    }
    config = space.config(
        {"optimizer.lr": 0.003, "parameters.channels": "[8, 8, 8]", "augment.mixup.alpha": 0.5, "batch_size": 3}
    )
    assert (config.optimizer.lr, config.optimizer.weight_decay, config.epochs, config.batch_size) == (0.003, 0.5, 4, 3)
    assert config.parameters == {"channels": [8, 8, 8]}
    assert config.augment == {**DEFAULT, "mixup": {"alpha": 0.5}}, "the other transforms of the default set stay"


def test_a_setting_is_tried_only_where_something_reads_it():
    space = of("""
        [search]
        schedule.factor = {low = 0.1, high = 0.5, step = 0.2}
        schedule.name = {choices = ["one-cycle", "plateau"]}
        architecture = {choices = ["acnt", "two-channel-cnn"]}
        parameters.num_heads = {choices = [2, 4]}
    """)
    assert [d.key for d in space.dimensions[:2]] == ["architecture", "schedule.name"], "what decides comes first"
    grid = space.grid()
    assert len(grid) == 2 * (1 + 3) + 1 * (1 + 3), "acnt has heads, and plateau a factor"
    assert all(space.config(chosen) for chosen in grid)
    assert all(("schedule.factor" in c) == (c["schedule.name"] == "plateau") for c in grid)


def test_every_problem_is_told_at_once():
    with pytest.raises(UsageError) as told:
        of("""
            seeed = 1
            [search]
            optimizer.lrr = {low = 1e-4, high = 1e-2}
            optimizer.lr = {low = 1e-9, high = 20, log = true}
            optimizer.momentum = {low = 0.1, high = 0.5}
            parameters.dropout = {choices = []}
            parameters.hidden = {choices = ["a"]}
            parameters.dropuot = {low = 0.1, high = 0.2}
            seed = {low = 0, high = 3}
            patience = {lo = 1, high = 3}
            epochs = {low = 3, high = 1}
            ema = {low = "a", high = 1, log = "no"}
            clip_norm = {low = 0, high = 1, log = true}
            accumulation = {low = 1, high = 3, step = 7}
            batch_size = 8
            augment.mixop.alpha = {low = 0, high = 1}
            architecture = {choices = ["acnt", "nope"]}
            loss.gamma = {choices = [1.0], low = 0}
        """)
    for problem in (
        "seeed is unknown; did you mean seed?",
        "optimizer.lrr is unknown; did you mean lr?",
        "optimizer.lr is 1e-09, expected a number from 1e-07 to 10",
        "optimizer.lr is 20, expected a number from 1e-07 to 10",
        "optimizer.momentum is 0.1, and adamw has none: it belongs to sgd",
        "search.parameters.dropout.choices is [], expected a list of different values",
        "parameters.hidden is 'a', expected a whole number",
        "parameters.dropuot is unknown; did you mean dropout?",
        "search.seed: cannot be searched",
        "search.patience.lo is unknown; did you mean low?",
        "search.patience.low is missing",
        "search.epochs: low is 3 and high 1",
        "search.ema.low is 'a', expected a number",
        "search.ema.log is 'no', expected true or false",
        "search.clip_norm: low is 0, and a range with log begins above 0",
        "search.accumulation.step is 7, expected a part of the range",
        "search.batch_size is 8, expected {low = ..., high = ...} or {choices = [...]}",
        "augment.mixop is unknown; did you mean mixup?",
        "unknown architecture 'nope'",
        "search.loss.gamma: choices stand alone, without low",
    ):
        assert problem in str(told.value)


def test_no_search_and_a_grid_without_end(tmp_path: Path):
    with pytest.raises(UsageError, match=r"no table \[search\]"):
        of("epochs = 3")
    with pytest.raises(UsageError, match=r"a grid needs choices, or a step, of optimizer\.lr"):
        of("[search]\noptimizer.lr = {low = 1e-4, high = 1e-2}").grid()
    (tmp_path / "a.toml").write_text("[search]\nepochs = 1\n")
    with pytest.raises(UsageError, match=r"a\.toml: search\.epochs is 1"):
        read(tmp_path / "a.toml")
    with pytest.raises(StorageError, match="cannot be read"):
        read(tmp_path / "absent.toml")
