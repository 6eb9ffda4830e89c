"""The notebook as it is stored, and as it runs."""

import ast
import json
import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

NOTEBOOK = ROOT / "training" / "train_model.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    return json.loads(NOTEBOOK.read_text("utf-8"))["cells"]


def test_nothing_of_a_run_is_stored(cells: list[dict[str, Any]]):
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 8
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []


def test_every_cell_is_told_what_it_shows(cells: list[dict[str, Any]]):
    kinds = [cell["cell_type"] for cell in cells]
    assert all(before == "markdown" for before, kind in pairwise(kinds) if kind == "code")
    assert all("." in "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def test_it_needs_no_more_than_the_package(cells: list[dict[str, Any]]):
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert "audio_emotion" in names
    assert not names & {"tests", "training", "scripts", "inference", "pandas", "seaborn"}


LONG_S = 1_800
"""For whatever a busy machine may take: nbclient waits a minute for a kernel and four seconds for what a cell showed,
and goes on without it."""


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Settings of a kernel that shares nothing with what else runs here: sockets, profile, compiled functions.

    A port that was free when it was chosen may be taken when the kernel begins to listen, so it listens on files. And
    processes of other tests write librosa's compiled functions at the same time (see conftest.py).
    """
    pytest.importorskip("nbclient")
    from traitlets.config import Config

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        monkeypatch.setenv("IPYTHONDIR", f"{scratch}/profile")
        monkeypatch.setenv("NUMBA_CACHE_DIR", f"{scratch}/compiled")
        sockets = {"KernelManager": {"transport": "ipc", "connection_file": f"{scratch}/kernel"}}
        yield Config({} if os.name == "nt" else sockets)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: Any):
    """Run the notebook in an empty folder; return the kinds of everything that it displayed, and what it printed."""
    import nbclient
    import nbformat

    waiting = {"timeout": LONG_S, "startup_timeout": LONG_S, "iopub_timeout": LONG_S, "raise_on_iopub_timeout": True}

    def executed(**environment: str) -> tuple[list[str], str]:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        book = nbformat.read(NOTEBOOK, as_version=4)
        place = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(book, kernel_name="python3", resources=place, config=apart, **waiting).execute()
        outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
        printed = "".join(output.text for output in outputs if output.output_type == "stream")
        return [kind for output in outputs for kind in output.get("data", {})], printed

    yield executed
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_it_runs_without_recordings(run, tmp_path_factory: pytest.TempPathFactory):
    kinds, printed = run(AUDIO_EMOTION_DATA=str(tmp_path_factory.mktemp("nothing")))
    assert "Made sounds instead of recordings" in printed
    assert "96 utterances, 4 speakers, 8 emotions" in printed
    assert "epoch 2: loss" in printed
    assert "UAR" in printed
    assert kinds.count("text/html") == 6  # players
    assert kinds.count("image/png") == 4
    assert kinds.count("image/svg+xml") == 1


@pytest.mark.slow
@pytest.mark.realdata
def test_it_runs_on_real_recordings(run, recordings: Path):
    kinds, printed = run(AUDIO_EMOTION_DATA=str(recordings))
    assert "Made sounds" not in printed
    assert "240 utterances, 4 speakers, 8 emotions" in printed
    assert "epoch 2: loss" in printed
    assert kinds.count("image/png") == 4
