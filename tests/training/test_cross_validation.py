import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from audio_emotion.core.errors import UsageError
from audio_emotion.training import OptimizerConfig, TrainConfig
from audio_emotion.training.cross_validation import FoldsPlan, fold_means, reports, run_folds
from audio_emotion.training.dataset import load_dataset
from tests.conftest import ROOT

CONFIG = TrainConfig(
    epochs=1, patience=0, batch_size=16, window_s=1.0, parameters={"channels": (4, 8, 8), "hidden": 16}
)


@pytest.fixture
def plan(home: Path, tmp_path: Path, make_ravdess) -> FoldsPlan:
    corpus = make_ravdess(tmp_path / "ravdess")
    return FoldsPlan("study", (str(corpus),), "2-fold", 1, "eight", CONFIG, jobs=2)


def test_every_utterance_is_tested_once_and_nothing_is_run_twice(plan: FoldsPlan):
    material = load_dataset(plan.data)
    runs = run_folds(plan, material)
    assert [(run.split, run.seed) for run in runs] == [("2-fold-1", 0), ("2-fold-2", 0)]
    (report,) = reports(plan, runs, material.corpus.names)
    tested = [str(u.path) for u in report.evaluation.utterances]
    assert sorted(tested) == sorted(str(u.path) for u in material.corpus.utterances)
    assert report.protocol == "speaker-independent"
    assert fold_means(runs)["uar"].mean == pytest.approx(sum(run.evaluation.uar for run in runs) / 2)

    heard = []
    again = run_folds(plan, material, progress=lambda *told: heard.append(told))
    assert heard == [("runs", 2, 2, "resumed")]
    assert [run.evaluation.as_dict() for run in again] == [run.evaluation.as_dict() for run in runs]

    other = replace(plan, config=replace(CONFIG, optimizer=OptimizerConfig(lr=0.001)))
    with pytest.raises(UsageError, match=r"now option optimizer\.lr is 0\.001 \(was 0\.002\): undo that"):
        run_folds(other, material)


def test_a_name_is_one_of_a_folder_and_restart_takes_folds_alone(plan: FoldsPlan, monkeypatch: pytest.MonkeyPatch):
    for name in ("..", ".", "/tmp", "a/b", ""):
        with pytest.raises(UsageError, match="cannot name a model"):
            replace(plan, name=name)
    log = plan.folder / "speaker-seed-0" / "log.jsonl"
    log.parent.mkdir(parents=True)
    log.touch()
    monkeypatch.setattr("audio_emotion.training.cross_validation._finished", lambda *_: iter(()))
    material = load_dataset(plan.data)
    with pytest.raises(FileNotFoundError):  # no fold was run
        run_folds(plan, material, restart=True)
    assert log.exists(), "a single run of that name is none of the folds'"
    with pytest.raises(FileNotFoundError):
        run_folds(plan, material, restart=True)
    assert not log.exists()


SCRIPT = """
import sys
from audio_emotion.training.cross_validation import run_folds
from audio_emotion.training.dataset import load_dataset
from tests.training.test_cross_validation import CONFIG, FoldsPlan
if __name__ == "__main__":
    plan = FoldsPlan("study", (sys.argv[1],), "4-fold", 1, "eight", CONFIG, device="cpu", jobs=1)
    run_folds(plan, load_dataset(plan.data))
"""


def start(corpus: str, home: Path, tmp_path: Path) -> subprocess.Popen:
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "AUDIO_EMOTION_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), corpus], env=environment, start_new_session=True
    )


def evaluations(home: Path) -> dict[str, str]:
    return {p.parent.name: p.read_text() for p in sorted((home / "runs" / "study").glob("*/evaluation.json"))}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no process groups to kill there")
def test_killed_in_the_middle_it_ends_with_the_same_figures(plan: FoldsPlan, tmp_path: Path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(plan.data[0], whole, tmp_path).wait(300) == 0
    running = start(plan.data[0], killed, tmp_path)
    for _ in range(3000):
        if len(evaluations(killed)) >= 2:
            break
        time.sleep(0.1)
    running.kill()  # its workers are to notice
    running.wait()
    time.sleep(1)
    assert 2 <= len(evaluations(killed)) < 4
    first = {p: p.stat().st_mtime_ns for p in (killed / "runs" / "study").glob("*/evaluation.json")}
    assert start(plan.data[0], killed, tmp_path).wait(300) == 0
    assert evaluations(killed) == evaluations(whole)
    assert all(p.stat().st_mtime_ns == when for p, when in first.items()), "what was done is not done again"
    assert not list((killed / "runs" / "study").glob(".*"))
