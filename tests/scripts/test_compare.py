"""The comparison, on made clips and two small epochs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture
def compare(home: Path, tmp_path: Path, make_ravdess, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    from compare import main

    places = {"records": tmp_path / "records", "output": tmp_path / "models.md", "figures": tmp_path / "said.json"}
    fixed = ["--data", str(make_ravdess(tmp_path / "ravdess", actors=2)), "--models", "study-base"]
    fixed += [word for name, place in places.items() for word in (f"--{name}", str(place))]
    return lambda *arguments: main([*fixed, *arguments])


@pytest.mark.slow
def test_a_run_leaves_a_record_and_a_row_and_is_not_run_again(compare, tmp_path: Path, capsys: pytest.CaptureFixture):
    assert compare("--protocols", "random", "--max-epochs", "2", "--budget-minutes", "9") == 0
    record = json.loads((tmp_path / "records" / "study-base-random-0.json").read_text("utf-8"))
    assert record["epochs"] == {"recipe": 50, "at most": 2, "run": 2}
    assert set(record["figures"]) >= {"uar", "wa", "weighted_f1"}
    assert record["utterances"]["train"] + record["utterances"]["test"] == 16
    assert (record["threads"], record["caps"]) == (1, {"max_epochs": 2, "budget_minutes": 9.0})

    tables = (tmp_path / "models.md").read_text("utf-8")
    assert "python training/compare.py --max-epochs 2 --budget-minutes 9" in tables
    rows = [line.split(" | ") for line in tables.splitlines() if line.startswith("| study-base ")]
    by_fold, at_random = rows
    assert by_fold[1:4] == ["241,640", "0.97", "not run"]
    assert at_random[1] == "29.7"
    assert at_random[7] == "2 of 50 (cap 2 epochs, cap 9 min)"

    assert "1 of 1 runs are left" in capsys.readouterr().out
    assert compare("--protocols", "random") == 0
    assert "0 of 1 runs are left" in capsys.readouterr().out


def test_a_mean_over_folds_has_a_deviation_and_is_what_models_list_shows(compare, tmp_path: Path):
    (tmp_path / "records").mkdir()
    for fold, uar in enumerate((0.4, 0.5, 0.6), start=1):
        content = {
            "architecture": "study-base",
            "split": f"emobox-{fold}",
            "seed": 0,
            "figures": {"uar": uar, "wa": uar, "weighted_f1": uar},
            "epochs": {"recipe": 50, "at most": 10 * fold, "run": 10 * fold},
            "caps": {"max_epochs": 0, "budget_minutes": 0.0},
            "training_seconds": 120,
            "threads": 1,
        }
        (tmp_path / "records" / f"study-base-emobox-{fold}-0.json").write_text(json.dumps(content), "utf-8")
    assert compare("--tables") == 0
    tables = (tmp_path / "models.md").read_text("utf-8")
    row, _ = (line.split(" | ") for line in tables.splitlines() if line.startswith("| study-base "))
    assert row[3:8] == ["50.0 ± 10.0", "50.0 ± 10.0", "50.0 ± 10.0", "3 x 1", "10-30 of 50"]
    assert json.loads((tmp_path / "said.json").read_text("utf-8")) == {
        "study-base": "UAR 50.0 ± 10.0 % (EmoBox fold(s) 1, 2, 3)"
    }
