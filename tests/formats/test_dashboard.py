"""The Python of docs/conversations.md, on the made call."""

import csv
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio_emotion.cli import app
from tests.conftest import ROOT
from tests.made_call import make_call


def test_the_documented_table_and_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    make_call(tmp_path)
    result = CliRunner().invoke(app, ["infer", "call.wav", "--segments", "call.json", "--format", "csv"])
    assert result.exit_code == 0, result.stderr
    Path("results.csv").write_text(result.stdout, "utf-8")
    page = (ROOT / "docs" / "conversations.md").read_text("utf-8")
    table, turns = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    exec(compile(table, "docs/conversations.md", "exec"), {})
    rows = list(csv.DictReader(Path("shares.csv").read_text("utf-8").splitlines()))
    assert [row["speaker"] for row in rows] == ["ANNA", "BEN"]
    for row in rows:
        assert sum(float(share) for name, share in row.items() if name not in {"file", "speaker"}) == pytest.approx(
            1, abs=0.01
        )
    minutes = [row["minute"] for row in csv.DictReader(Path("sad_by_minute.csv").read_text("utf-8").splitlines())]
    assert minutes == [str(n) for n in range(6)] * 2
    assert len([line for line in table.splitlines() if line.strip()]) <= 10
    exec(compile(turns, "docs/conversations.md", "exec"), {})
    spoken = json.loads(Path("call.json").read_text("utf-8"))["segments"]
    starts = [f"{turn['start']:.1f} s" for turn in spoken[:3]]
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == starts
