import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio_emotion.cli.models import app
from audio_emotion.models import _figures, architectures, entry


def listed(*options: str) -> dict[str, list[str]]:
    result = CliRunner().invoke(app, ["list", *options])
    assert result.exit_code == 0, result.output
    return {line.split("\t")[0]: line.split("\t")[1:] for line in result.stdout.splitlines()}


def test_every_architecture_is_listed_with_its_size_input_source_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_figures, "FIGURES_PATH", tmp_path / "figures.json")
    assert listed("--architectures")["acnt"][-1] == "not measured yet"
    (tmp_path / "figures.json").write_text(json.dumps({"acnt": "UAR 52.0 ± 3.0 %"}), "utf-8")
    rows = listed("--architectures")
    assert tuple(rows) == architectures()
    assert rows["acnt"] == [
        f"{entry('acnt').n_parameters:,} parameters",
        "log-mel, 40 × 174",
        entry("acnt").source,
        "UAR 52.0 ± 3.0 %",
    ]


def test_the_bundled_model_is_listed_with_its_figures(home: Path):
    architecture, figures, folder = listed()["default"]
    assert architecture == "two-channel-cnn"
    assert figures.startswith("UAR ")
    assert Path(folder).is_dir()
