from pathlib import Path

import pytest

from audio_emotion.core.errors import StorageError, UsageError
from audio_emotion.core.resume import open_plan, read_plan

PLAN = {"seed": 0, "base": {"epochs": 3, "window": (1, 2)}, "folds": 2}


def test_the_same_plan_continues_and_another_is_refused(tmp_path: Path):
    file = tmp_path / "new" / "plan.json"
    for _ in range(2):
        open_plan(file, PLAN, "a search")
    assert read_plan(file) == {"seed": 0, "base": {"epochs": 3, "window": [1, 2]}, "folds": 2}
    other = {"seed": 0, "base": {"epochs": 4, "window": [1, 2]}, "labels": "x" * 99}
    with pytest.raises(UsageError) as error:
        open_plan(file, other, "a search", {"base": "config", "folds": "--folds"})
    assert str(error.value) == (
        f"{file.parent} holds a search, and now config.epochs is 4 (was 3); --folds is not set (was 2); "
        f"labels is '{59 * 'x'}... (was not set): undo that to continue, use --restart to start again, or choose "
        "another --name"
    )


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00"])
def test_a_damaged_plan_is_one_clear_error(tmp_path: Path, content: str):
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(StorageError, match=r"plan\.json: cannot be read .*; use --restart to start again"):
        open_plan(tmp_path / "plan.json", PLAN, "a search")
