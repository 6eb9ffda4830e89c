"""What ``make reproduce`` runs, without running it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from audio_emotion.models.checkpoint import BUNDLED
from tests.conftest import ROOT

CORPORA = ("ravdess-speech", "ravdess-song", "crema-d", "emodb", "savee", "tess", "not-speech")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "reproduce", tmp_path / "scripts")
    for corpus in CORPORA:
        (tmp_path / "data" / corpus).mkdir(parents=True)
    return tmp_path


def steps(checkout: Path) -> list[str]:
    environment = {**os.environ, "DRY_RUN": "1", "AUDIO_EMOTION_DATA": str(checkout / "data")}
    run = subprocess.run(
        ["sh", "scripts/reproduce"], cwd=checkout, env=environment, capture_output=True, text=True, check=True
    )
    return run.stderr.splitlines()


def test_each_bundled_model_is_trained_and_bundled_by_scripts_that_exist(checkout: Path):
    lines = steps(checkout)
    scripts = [line.split()[0] for line in lines if line.startswith("training/")]
    assert all((ROOT / script).is_file() for script in scripts)
    for name in BUNDLED:
        assert [line for line in lines if line.startswith(f"training/bundle.py {name} {name}-union {name}-all")]
        order = [i for i, line in enumerate(lines) if re.match(rf"training/(left_out|bundle).py {name} ", line)]
        assert len(order) == 2
        assert lines[order[0]].startswith("training/left_out.py"), "the temperature needs its logits"
    of_open = [line for line in lines if re.search(r"train .*--name open-|bundle.py open", line)]
    assert of_open
    assert all(re.findall(r"--data (\S+)=", line) == ["crema-d"] for line in of_open), "nothing but CREMA-D trains it"
    assert not any("--noises" in line for line in of_open)


def test_what_is_finished_is_not_repeated(checkout: Path):
    before = steps(checkout)
    home = checkout / "build" / "reproduce"
    (home / "finished" / "open-union").touch()
    (home / "models" / "open-all").mkdir(parents=True)
    (home / "models" / "open-all" / "config.json").touch()
    assert len(before) - len(steps(checkout)) == 2


def test_a_corpus_that_is_missing_is_named(checkout: Path):
    (checkout / "data" / "tess").rmdir()
    with pytest.raises(subprocess.CalledProcessError) as error:
        steps(checkout)
    assert "tess: no such folder" in error.value.stderr
