"""Every recipe of training/configs is one that `audio-emotion train --config` takes."""

from pathlib import Path

import pytest

from audio_emotion.models import architectures
from audio_emotion.training.config import read
from tests.conftest import ROOT

FURTHER = {"outdoors": "two-channel-cnn", "known-speakers": "speech-embedding"}  # other recipes of an architecture
CONFIGS = sorted((ROOT / "training" / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_recipe_is_one_of_its_architecture_and_says_how_it_is_run(path: Path):
    config = read(path)
    command, expected, *_ = path.read_text("utf-8").splitlines()
    assert config.architecture == FURTHER.get(path.stem, path.stem)
    assert command.startswith(f"# audio-emotion train --config training/configs/{path.name} ")
    assert expected.startswith("# Expected: ")


def test_every_architecture_has_a_recipe():
    assert {path.stem for path in CONFIGS} - set(FURTHER) == set(architectures())


def test_acnt_is_trained_as_its_project_says():
    config = read(ROOT / "training" / "configs" / "acnt.toml")
    assert (config.optimizer.name, config.optimizer.weight_decay, config.clip_norm) == ("adamw", 1e-3, 1.0)
    assert (config.schedule.name, config.schedule.factor, config.schedule.patience) == ("plateau", 0.5, 10)
    assert (config.patience, config.loss.label_smoothing) == (20, 0.1)
