import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.core.errors import CorpusError, UsageError
from audio_emotion.corpora.base import silent
from audio_emotion.training.checkpointing import Epoch
from audio_emotion.training.config import read as read_config
from audio_emotion.training.tuning.report import findings
from audio_emotion.training.tuning.search import SearchPlan, search
from audio_emotion.training.tuning.space import space_of
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
    return sorted((json.dumps(t.parameters) for t in findings(name).trials if t.state == "complete"), key=str)


def test_a_search_is_kept_continued_reported_and_used(plan: SearchPlan, tmp_path: Path):
    tried = search(plan, 2, silent).tried()
    assert [trial.state for trial in tried] == ["complete"] * 2
    assert all(len(trial.folds) == 2 and trial.uar == pytest.approx(sum(trial.folds) / 2) for trial in tried)
    assert len(search(plan, 2, silent).tried()) == 2, "nothing is run twice"
    search(plan, 4, silent)
    found = findings("study")
    assert len(found.trials) == 4
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
    assert config.optimizer.lr == found.best.parameters["optimizer.lr"]
    assert config.parameters["channels"] == (4, 8, 8) or config.parameters["channels"] == [4, 8, 8]
    with pytest.raises(
        UsageError, match=r"holds a search, and now sampler is 'random' \(was 'tpe'\); seed is 1 \(was 0\): "
    ):
        search(replace(plan, sampler="random", seed=1), 4, silent)
    with pytest.raises(UsageError, match=r"holds a search, and now --folds is 3 \(was 2\); protocol is "):
        search(replace(plan, n_folds=3), 4, silent)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that answers half of everything rightly, without any training."""

    def fake(material, train_on, validate_on, config, device, on_epoch):
        for number in range(1, config.epochs + 1):
            on_epoch(Epoch(number, 1.0, 0.5, 0.0))

    monkeypatch.setattr("audio_emotion.training.tuning.search.fit_sides", fake)


def test_settings_that_cannot_be_run_cost_their_trial_alone(plan: SearchPlan, untrained: None):
    searched = {"epochs": {"choices": [1, 2]}, "schedule": {"warmup_epochs": {"choices": [0.5, 1.0]}}}
    space = space_of({**SPACE.base, "epochs": 3, "schedule": {"name": "cosine"}, "search": searched})
    tried = search(replace(plan, space=space, sampler="grid"), 100, silent).tried()
    assert [trial.state for trial in tried] == ["complete"] * 3 + ["failed"]
    assert "schedule.warmup_epochs is 1, and there are 1 epochs" in tried[-1].problem


def test_what_cannot_be_searched_is_said(plan: SearchPlan):
    with pytest.raises(CorpusError, match="9 folds need as many speakers, and the data has 3"):
        search(replace(plan, n_folds=9), 1, silent)
    with pytest.raises(UsageError, match="shares its test speakers"):
        search(replace(plan, split="random"), 1, silent)
    (plan.folder.parent / "runs").mkdir(parents=True)
    (plan.folder.parent / "runs" / "log.jsonl").touch()
    with pytest.raises(UsageError, match="contains something other than a search"):
        search(replace(plan, name="runs"), 1, silent, restart=True)
    assert (plan.folder.parent / "runs" / "log.jsonl").exists(), "what is another's is not begun anew"
    with pytest.raises(UsageError, match="no search 'other'"):
        findings("other")


def test_test_speakers_take_no_part_and_poor_trials_are_pruned(plan: SearchPlan, monkeypatch: pytest.MonkeyPatch):
    heard: list[tuple[set[str], set[str]]] = []

    def fake(material, train_on, validate_on, config, device, on_epoch):
        """A network whose UAR falls with the learning rate, the same in each epoch."""
        heard.append(({u.speaker for u in train_on}, {u.speaker for u in validate_on}))
        for number in range(1, config.epochs + 1):
            on_epoch(Epoch(number, 1.0, 1 / (1 + 100 * config.optimizer.lr), 0.0))

    monkeypatch.setattr("audio_emotion.training.tuning.search.fit_sides", fake)
    rates = [0.1, 0.05, 0.003, 0.004, 0.01, 0.0005]  # the two highest are drawn last
    space = space_of({**SPACE.base, "epochs": 10, "search": {"optimizer": {"lr": {"choices": rates}}}})
    tried = search(replace(plan, space=space, sampler="grid", n_folds=3), 100, silent).tried()
    assert {trial.parameters["optimizer.lr"] for trial in tried} == set(rates), "a grid tries every point once"
    assert len(tried) == len(rates)
    pruned = [trial for trial in tried if trial.state == "pruned"]
    assert {trial.parameters["optimizer.lr"] for trial in pruned} == {0.1, 0.05}
    assert all(trial.folds == () and trial.uar for trial in pruned), "early in the first fold"
    assert findings("study").best.parameters["optimizer.lr"] == min(rates)

    everybody = {f"ravdess/{actor:02}" for actor in range(1, 5)}
    (tested,) = everybody - set().union(*(train | validation for train, validation in heard))
    assert tested in findings("study").protocol
    assert all(not train & validation and len(train | validation) == 3 for train, validation in heard)


def test_the_commands(plan: SearchPlan, untrained: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("space.toml").write_text("epochs = 1\n[search]\noptimizer.lr = {low = 1e-3, high = 1e-2}\n")

    def tune(*words: str):
        return CliRunner().invoke(app, ["tune", *words])

    run = ("run", "space.toml", "--data", plan.data[0], "--trials", "2", "--folds", "2")
    done = tune(*run)
    assert done.exit_code == 0, done.output
    assert "Best: trial 0, UAR 50.0 %, on validation speakers" in done.stdout
    told = json.loads(tune("report", "space", "--json", "--output", "plots").stdout)
    assert [trial["state"] for trial in told["trials"]] == ["complete"] * 2
    assert told["trials"][0]["settings"].keys() == {"optimizer.lr"}
    assert {path.name for path in Path("plots").iterdir()} == {"history.svg", "slices.svg"}
    assert tune("best", "space", "--output", "best.toml").exit_code == 0
    assert read_config(Path("best.toml")).optimizer.lr == told["trials"][0]["settings"]["optimizer.lr"]
    assert tune(*run, "--sampler", "gird").exit_code == 2
    monkeypatch.setitem(sys.modules, "optuna", None)
    absent = tune(*run)
    assert absent.exit_code == 1
    assert absent.stderr.strip() == (
        "audio-emotion: tune needs the package optuna; install it with: pip install 'audio-emotion[tune]'"
    )


SCRIPT = """
import os, sys
from audio_emotion.corpora.base import silent
from audio_emotion.training.tuning.search import SearchPlan, search
from tests.training.tuning.test_search import SPACE

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


@pytest.mark.slow
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
    assert again.parameters == tried[-1].parameters, "it is tried again"
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
