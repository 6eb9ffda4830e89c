"""Whatever a file holds, it is answered or refused: no other error, no crash, no hang, little memory."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its memory")


def fuzz(folder: Path, first: int, n_rounds: int, seconds: int) -> tuple[int, int, int]:
    """How many were answered, how many refused, and the MiB that it took."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *map(str, (first, n_rounds, seconds, folder))],
        cwd=ROOT, capture_output=True, text=True, timeout=seconds + 120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-9000:]}\nthe last file tried: {folder / 'tried'}"
    assert done.stderr == "", "nobody but this package speaks"
    found = re.fullmatch(r"(\d+) answered, (\d+) refused, (\d+) MiB", done.stdout.splitlines()[-1])
    assert found
    return int(found[1]), int(found[2]), int(found[3])


def test_damaged_files_are_answered_or_refused(tmp_path: Path):
    answered, refused, mebibytes = fuzz(tmp_path, 0, 2, 10)
    assert answered > 20
    assert refused > 20
    assert mebibytes < 400


@pytest.mark.slow
def test_many_damaged_files_are_answered_or_refused(tmp_path: Path):
    answered, refused, mebibytes = fuzz(tmp_path, 2, 1_000, 150)
    assert answered > 100
    assert refused > 100
    assert mebibytes < 700
