import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from audio_emotion.cli import app
from audio_emotion.core import paths
from audio_emotion.models import architectures, checkpoint, entry, figures
from tests.conftest import ROOT
from tests.export.hub_server import serving

Run = Callable[..., Result]


def run(*words: object, answer: str = "") -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=answer, prog_name="audio-emotion")


def models(*words: object, answer: str = "") -> str:
    result = run("models", *words, answer=answer)
    assert result.exit_code == 0, result.output
    return result.stdout


def listed(*options: str) -> dict[str, list[str]]:
    return {line.split("\t")[0]: line.split("\t")[1:] for line in models("list", *options).splitlines()}


def refused(code: int, words: str, *arguments: object) -> None:
    result = run("models", *arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (code, "", 1), result.output
    assert words in result.stderr


@pytest.fixture
def mine(home: Path) -> Path:
    """A stored model, which is the bundled one under another name."""
    return Path(shutil.copytree(paths.bundled_model_dir(), home / "models" / "mine"))


def test_every_architecture_is_listed_with_its_size_input_source_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(figures, "FIGURES_PATH", tmp_path / "figures.json")
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


def test_models_are_listed_with_their_figures_and_which_is_taken(mine: Path):
    architecture, figures, terms, folder, taken = listed()["default"]
    assert architecture == "whisper-tiny"
    assert figures.startswith("UAR ")
    assert terms == "no commercial use"
    assert listed()["open"][2] == "commercial use allowed"
    assert Path(folder).is_dir()
    assert taken == "the default"
    models("default", "mine")
    assert [len(row) for row in listed().values()] == [4, 4, 5]
    told = json.loads(models("list", "--json"))
    assert [(one["name"], one["default"]) for one in told] == [("default", False), ("open", False), ("mine", True)]
    assert [one["commercial_use"] for one in told] == [False, True, False]
    assert told[2]["folder"] == str(mine)
    assert told[2]["figures"]["UAR"] > 0.5


def test_a_terminal_gets_columns_below_headings(mine: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for options, first in (([], "name"), (["--architectures"], "architecture")):
        with pytest.raises(SystemExit):
            app(["models", "list", *options], prog_name="audio-emotion")
        headings, *rows = capsys.readouterr().out.splitlines()
        assert headings.startswith(f"{first}  ")
        second = re.search(r"  (\w)", headings).start(1)
        assert len(rows) > 1
        assert all(row[second - 2 : second] == "  " and row[second] != " " for row in rows)


def test_one_that_is_damaged_does_not_hide_the_others(mine: Path):
    (mine / "config.json").write_text("{")
    result = run("models", "list")
    assert result.exit_code == 0
    assert "config.json: not a readable model description" in result.stderr
    assert result.stdout.startswith("default\t")


def test_show_says_what_a_model_is_and_whether_it_is_whole(mine: Path):
    told = models("show")
    assert re.match(r"name: +default\nname in results: +whisper-tiny\narchitecture: +whisper-tiny\n", told)
    uar = f"{json.loads(models('show', '--json'))['figures']['UAR']:.4f}"
    for words in ("licence:", "CC-BY-NC-SA-4.0", "savee (106 speakers)", "3 s at 16000 Hz", uar, "checksums match"):
        assert words in told
    assert json.loads(models("show", "mine", "--json"))["architecture"] == "whisper-tiny"
    (mine / "model.onnx").write_bytes(b"")
    result = run("models", "show", "mine")
    assert result.exit_code == 1
    assert "model.onnx: its content does not match the checksum" in result.stderr
    refused(1, "no model 'none'", "show", "none")
    refused(2, "--json cannot be used with --architectures", "list", "--json", "--architectures")


def test_path_names_the_folder(mine: Path):
    assert models("path").strip() == str(paths.bundled_model_dir())
    assert models("path", "mine").strip() == str(mine)


def test_the_default_is_what_infer_takes(mine: Path):
    sample = ROOT / "inference" / "samples" / "happy.wav"
    (mine / "config.json").write_text((mine / "config.json").read_text().replace('"whisper-tiny"', '"chosen"', 1))

    def taken(*options: str) -> str:
        return json.loads(run("infer", sample, "--json", *options).stdout)["model"]

    assert (models("default"), taken()) == ("default\n", "whisper-tiny")
    assert models("default", "mine") == "mine\n"
    assert (models("default"), taken(), taken("--model", "default")) == ("mine\n", "chosen", "whisper-tiny")
    refused(1, "no model 'none' is stored; there are: default, open, mine", "default", "none")
    assert models("default", "default") == "default\n"
    assert not paths.chosen_model_file().exists()


def test_a_default_that_is_gone_is_told(mine: Path):
    models("default", "mine")
    shutil.rmtree(mine)
    result = run("infer", "x.wav")
    assert result.exit_code in (1, 2)
    assert "no model 'mine', which is set as the default" in run("models", "default").stderr
    assert run("models", "list").stdout.startswith("default\t")
    models("default", "default")


def test_remove_asks_and_never_takes_the_bundled_one(mine: Path, monkeypatch: pytest.MonkeyPatch):
    models("default", "mine")
    refused(2, "cannot prompt for confirmation", "remove", "mine")
    refused(2, "'default' is a bundled model", "remove", "default", "--yes")
    refused(2, "'open' is a bundled model", "remove", "open", "--yes")
    refused(1, "no model '../models' is stored", "remove", "../models", "--yes")
    refused(1, "no model 'none' is stored", "remove", "none", "--yes")
    choice = paths.chosen_model_file().read_bytes()
    paths.chosen_model_file().write_bytes(b"\xff")
    refused(1, "default-model: cannot be read", "remove", "mine", "--yes")
    paths.chosen_model_file().write_bytes(choice)
    monkeypatch.setattr("audio_emotion.cli.models._can_ask", lambda: True)
    kept = run("models", "remove", "mine", answer="n\n")
    assert (kept.exit_code, mine.is_dir()) == (1, True)
    assert "nothing was removed" in kept.stderr
    (mine / "config.json").unlink()  # a damaged one can go too
    gone = run("models", "remove", "mine", answer="y\n")
    assert gone.exit_code == 0
    assert "the bundled model `default` is now" in gone.stderr
    assert (checkpoint.default_model(), list(mine.parent.iterdir())) == ("default", [])


def test_push_and_pull_by_folder(mine: Path, tmp_path: Path):
    assert models("push", "mine", tmp_path / "shared").strip() == str(tmp_path / "shared" / "mine")
    (tmp_path / "shared" / "mine" / "model.pkl").write_bytes(b"")
    refused(1, "already exists; add --replace", "pull", tmp_path / "shared" / "mine")
    pulled = run("models", "pull", tmp_path / "shared" / "mine", "--name", "theirs")
    assert pulled.stdout.endswith("use it with: audio-emotion infer FILE --model theirs\n")
    assert "ignored, because it is not part of a model: model.pkl\n" in pulled.stderr
    assert "licence: CC-BY-NC-SA-4.0 AND ODbL-1.0" in pulled.stderr


def test_push_and_pull_by_a_hub_that_the_environment_names(mine: Path, monkeypatch: pytest.MonkeyPatch):
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra hub")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        assert models("push", "mine", "hf://somebody/free", "--public").startswith(f"{hub.address}/somebody/free")
        assert not hub.is_private["somebody/free"]
        assert "--model free\n" in models("pull", "hf://somebody/free")
        refused(1, "hf://somebody/absent: cannot be read", "pull", "hf://somebody/absent")
    assert checkpoint.stored() == ("default", "open", "free", "mine")
