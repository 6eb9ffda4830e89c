"""The comparison, on made clips and two small epochs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture
def compare(home: Path, tmp_path: Path, make_ravdess):
    corpus = make_ravdess(tmp_path / "ravdess", actors=2)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        places = {"records": tmp_path / "records", "output": tmp_path / "models.md", "figures": tmp_path / "said.json"}
        return subprocess.run(
            [
                *(sys.executable, str(ROOT / "training" / "compare.py"), "--data", str(corpus)),
                *(word for name, place in places.items() for word in (f"--{name}", str(place))),
                *arguments,
            ],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            timeout=280,
            check=False,
        )

    return run


def test_a_run_leaves_a_record_and_a_row_and_is_not_run_again(compare, tmp_path: Path):
    first = compare("--models", "study-base", "--protocols", "random", "--max-epochs", "2", "--budget-minutes", "9")
    assert first.returncode == 0, first.stderr
    record = json.loads((tmp_path / "records" / "study-base-random-0.json").read_text("utf-8"))
    assert record["epochs"] == {"recipe": 50, "at most": 2, "run": 2}
    assert set(record["figures"]) >= {"uar", "wa", "weighted_f1"}
    assert record["utterances"]["train"] + record["utterances"]["test"] == 16
    assert (record["threads"], record["caps"]) == (1, {"max_epochs": 2, "budget_minutes": 9.0})

    assert compare("--models", "study-base", "--protocols", "random", "--tables").returncode == 0
    tables = (tmp_path / "models.md").read_text("utf-8")
    assert "python training/compare.py --max-epochs 2 --budget-minutes 9" in tables
    by_fold, at_random = (
        [line.split(" | ") for line in tables.splitlines() if line.startswith("| study-base ")][place]
        for place in (0, 1)
    )
    assert by_fold[1:4] == ["241,640", "0.97", "not run"]
    assert at_random[1] == "29.7"
    assert at_random[7] == "2 of 50 (cap 2 epochs, cap 9 min)"
    again = compare("--models", "study-base", "--protocols", "random")
    assert again.stdout.startswith("0 of 1 runs are left")
