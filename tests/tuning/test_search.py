import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from audio_emotion.errors import CorpusError, UsageError
from audio_emotion.fitting.config import read as read_config
from audio_emotion.training import silent
from audio_emotion.tuning.report import findings
from audio_emotion.tuning.search import SearchPlan, search
from audio_emotion.tuning.space import space_of
from tests.conftest import ROOT

pytest.importorskip("optuna")

SPACE = space_of(
    tomllib.loads("""
        epochs = 1
        patience = 0
        batch_size = 16
        window_s = 1.0
        augment = {}
        [parameters]
        channels = [4, 8, 8]
        hidden = 16
        [search]
        optimizer.lr = {low = 1e-4, high = 1e-2, log = true}
        parameters.dropout = {choices = [0.1, 0.2]}
    """)
)


@pytest.fixture
def plan(home: Path, tmp_path: Path, make_ravdess) -> SearchPlan:
    return SearchPlan("study", SPACE, (str(make_ravdess(tmp_path / "corpus")),), n_folds=2, device="cpu")


def settings(name: str) -> dict[int, dict]:
    """What was tried by all trials that came to an end, in no order of their numbers."""
    return sorted((json.dumps(t.chosen) for t in findings(name).trials if t.state == "complete"), key=str)


def test_a_search_is_kept_continued_reported_and_used(plan: SearchPlan, tmp_path: Path):
    tried = search(plan, 2, silent).tried()
    assert [trial.state for trial in tried] == ["complete"] * 2
    assert all(len(trial.folds) == 2 and trial.uar == pytest.approx(sum(trial.folds) / 2) for trial in tried)
    assert len(search(plan, 2, silent).tried()) == 2, "nothing is run twice"
    search(plan, 5, silent)
    found = findings("study")
    assert len(found.trials) == 5
    assert found.trials[0].uar == max(t.uar for t in found.trials if t.state == "complete")
    assert "mean validation UAR over 2 folds of 3 training speakers" in found.protocol
    assert "take no part: ravdess/0" in found.protocol
    assert set(found.importances) == {"optimizer.lr", "parameters.dropout"}
    for word in ("optimizer.lr", "complete", found.protocol, "% of its spread"):
        assert word in found.text()
    assert [path.name for path in found.draw(tmp_path)] == ["history.svg", "slices.svg"]
    assert "optimizer.lr" in (tmp_path / "slices.svg").read_text()
    (tmp_path / "best.toml").write_text(found.toml())
    config = read_config(tmp_path / "best.toml")
    assert config.optimizer.lr == found.best.chosen["optimizer.lr"]
    assert config.parameters["channels"] == (4, 8, 8) or config.parameters["channels"] == [4, 8, 8]
    with pytest.raises(UsageError, match="holds a search with another sampler, seed"):
        search(replace(plan, sampler="random", seed=1), 5, silent)


def test_settings_that_cannot_be_run_cost_their_trial_alone(plan: SearchPlan):
    space = space_of(
        {**SPACE.base, "epochs": 3, "patience": 1, "search": {"schedule": {"warmup_epochs": {"choices": [1.0]}}}}
        | {"schedule": {"name": "cosine"}}
        | {"search": {"epochs": {"choices": [1, 2]}, "schedule": {"warmup_epochs": {"choices": [0.5, 1.0]}}}}
    )
    tried = search(replace(plan, space=space, sampler="grid"), 100, silent).tried()
    assert [trial.state for trial in tried] == ["complete"] * 3 + ["failed"]
    assert "schedule.warmup_epochs is 1, and there are 1 epochs" in tried[-1].problem


def test_what_cannot_be_searched_is_said(plan: SearchPlan):
    with pytest.raises(CorpusError, match="9 folds need as many speakers, and the data has 3"):
        search(replace(plan, n_folds=9), 1, silent)
    with pytest.raises(UsageError, match="shares its test speakers"):
        search(replace(plan, split="random"), 1, silent)
    with pytest.raises(UsageError, match="no search is called 'other'"):
        findings("other")


SCRIPT = """
import os, sys
from audio_emotion.training import silent
from audio_emotion.tuning.search import SearchPlan, search
from tests.tuning.test_search import SPACE

def die(stage, done, total, remark):
    if stage == f"trial {sys.argv[2]}" and done == 2:  # in its second fold
        os._exit(9)

if __name__ == "__main__":
    plan = SearchPlan("study", SPACE, (sys.argv[1],), n_folds=2, device="cpu", sampler="random")
    search(plan, int(sys.argv[3]), die)
"""


def start(plan: SearchPlan, dies_in: int, n_trials: int, tmp_path: Path) -> subprocess.Popen:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), plan.data[0], str(dies_in), str(n_trials)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)})


def test_killed_and_resumed_it_tries_the_same(plan: SearchPlan, tmp_path: Path):
    plan = replace(plan, sampler="random")
    assert start(plan, 1, 3, tmp_path).wait(120) == 9
    assert [trial.state for trial in findings("study").trials] == ["complete", "interrupted"]
    with (plan.folder / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code"')  # what a crash of the machine may leave
    search(plan, 3, silent)
    tried = findings("study").trials
    assert [trial.state for trial in tried] == ["complete"] * 3 + ["interrupted"]
    again = next(trial for trial in tried if trial.number == 2)
    assert again.chosen == tried[-1].chosen, "it is tried again"
    search(replace(plan, name="whole"), 3, silent)
    assert settings("study") == settings("whole"), "as a search that was left alone"


@pytest.mark.slow
def test_two_processes_share_the_trials(plan: SearchPlan, tmp_path: Path):
    plan = replace(plan, sampler="random")
    both = [start(plan, -1, 6, tmp_path) for _ in range(2)]
    assert [process.wait(300) for process in both] == [0, 0]
    tried = findings("study").trials
    assert [trial.state for trial in tried] == ["complete"] * 6
    owners = {json.loads(line).get("user_attr", {}).get("owner") for line in (plan.folder / "journal.log").open()}
    assert len(owners - {None}) == 2, "both ran trials"
    search(replace(plan, name="whole"), 6, silent)
    assert settings("study") == settings("whole")
