"""Models to and from folders."""

import json
import pickle
import shutil
import sys
from pathlib import Path

import pytest

from audio_emotion.core import paths
from audio_emotion.core.errors import ModelError, StorageError, UsageError
from audio_emotion.export.share import FILES, pull, push
from audio_emotion.inference.loading import load_model
from audio_emotion.models import checkpoint
from audio_emotion.models.checkpoint import stored

SAMPLE = Path(__file__).parents[2] / "inference" / "samples" / "happy.wav"


@pytest.fixture
def shared(home: Path, tmp_path: Path) -> Path:
    """The bundled model, pushed into a folder."""
    return Path(push("default", str(tmp_path / "shared")))


def seal(folder: Path, file: str) -> None:
    """State the checksum that a changed file has now."""
    config = json.loads((folder / "config.json").read_text())
    config["sha256"][file] = checkpoint._sha256(folder / file)
    (folder / "config.json").write_text(json.dumps(config))


def test_a_model_goes_to_a_folder_and_comes_back(shared: Path, home: Path):
    assert shared.name == "whisper-tiny"
    assert sorted(path.name for path in shared.iterdir()) == sorted(FILES)
    assert (shared / "README.md").read_text().startswith("---\nlicense: other\nlicense_name: cc-by-nc-sa-4.0-and-odbl")
    pulled = pull(str(shared), "mine")
    assert (pulled.name, pulled.folder, pulled.left_out) == ("mine", home / "models" / "mine", ())
    assert stored() == ("default", "open", "mine")
    mine, bundled = (load_model(name, "cpu").predict(SAMPLE) for name in ("mine", "default"))
    assert mine == bundled


def test_it_is_called_as_its_folder_unless_told(shared: Path):
    assert pull(str(shared)).name == "whisper-tiny"
    assert pull(f"{shared}/../{shared.name}/.", "other").name == "other"
    with pytest.raises(UsageError, match="'default' cannot name a model"):
        pull(str(shared), "default")


def test_what_is_there_is_replaced_only_if_told_to(shared: Path, home: Path):
    with pytest.raises(StorageError, match="already exists; add --replace"):
        push("default", str(shared.parent))
    (shared / "README.md").write_text("changed")
    push("default", str(shared.parent), replace=True)
    assert (shared / "README.md").read_text() != "changed"
    pull(str(shared), "mine")
    with pytest.raises(StorageError, match="already exists; add --replace"):
        pull(str(shared), "mine")
    pull(str(shared), "mine", replace=True)
    no_model = home / "models" / "notes"
    no_model.mkdir()
    with pytest.raises(StorageError, match="it is no model; use another name"):
        pull(str(shared), "notes", replace=True)


def test_a_card_is_made_where_there_is_none(shared: Path, tmp_path: Path):
    (shared / "README.md").unlink()
    again = Path(push(str(shared), str(tmp_path / "again")))
    assert "Speech emotion recognition, 8 labels" in (again / "README.md").read_text()
    config = json.loads((shared / "config.json").read_text())
    (shared / "config.json").write_text(json.dumps(config | {"training": {}}))
    with pytest.raises(ModelError, match=r"lacks 'licence' to make one of; write README\.md by hand"):
        push(str(shared), str(tmp_path / "third"))


def test_no_more_than_a_model_is_taken(shared: Path):
    """A pickle runs code when it is loaded; one beside a model is never copied."""
    (shared / "pytorch_model.bin").write_bytes(pickle.dumps({"weights": [0.0]}))
    (shared / ".hidden").write_text("")
    pulled = pull(str(shared), "mine")
    assert pulled.left_out == (".hidden", "pytorch_model.bin")
    assert sorted(path.name for path in pulled.folder.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("file", ["model.safetensors", "model.onnx", "model.int8.onnx"])
def test_a_pickle_that_is_called_as_weights_is_refused(shared: Path, file: str):
    (shared / file).write_bytes(pickle.dumps({"weights": [0.0]}))
    seal(shared, file)
    with pytest.raises(ModelError, match=r"(not a readable weight file|cannot load this graph).*nothing was stored"):
        pull(str(shared), "mine")
    assert stored() == ("default", "open")


@pytest.mark.parametrize("change", ["altered", "missing weights", "no description", "other labels"])
def test_what_is_damaged_is_not_stored_and_named_by_its_source(shared: Path, home: Path, change: str):
    if change == "altered":
        (shared / "model.onnx").write_bytes((shared / "model.onnx").read_bytes()[:-1] + b"\0")
    elif change == "missing weights":
        (shared / "model.safetensors").unlink()
    elif change == "no description":
        (shared / "config.json").unlink()
    else:
        config = json.loads((shared / "config.json").read_text())
        (shared / "config.json").write_text(json.dumps(config | {"labels": ["sad", "happy"]}))
    with pytest.raises(ModelError) as raised:
        pull(str(shared), "mine")
    assert str(raised.value).startswith(str(shared))
    assert str(home) not in str(raised.value)
    assert stored() == ("default", "open")
    assert not (home / "models").exists() or not list((home / "models").iterdir())


def test_a_damaged_one_does_not_replace_a_good_one(shared: Path):
    good = pull(str(shared), "mine").folder
    (shared / "model.onnx").write_bytes(b"")
    with pytest.raises(ModelError):
        pull(str(shared), "mine", replace=True)
    checkpoint.read(good)


def test_a_damaged_model_is_not_pushed(tmp_path: Path):
    folder = Path(shutil.copytree(paths.bundled_model_dir(), tmp_path / "model"))
    (folder / "model.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="checksum"):
        push(str(folder), str(tmp_path / "shared"))
    assert not (tmp_path / "shared").exists()


def test_a_folder_that_is_not_there(home: Path):
    with pytest.raises(ModelError, match=r"somebody/mine: no such folder; .* a repository as hf://OWNER/NAME"):
        pull("somebody/mine")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_out_of_the_folder_is_not_followed(shared: Path, tmp_path: Path, home: Path):
    (tmp_path / "secret").write_text("a key")
    (shared / "README.md").unlink()
    (shared / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match="is a link to a file outside the model folder; copy the file there"):
        pull(str(shared), "mine")
    assert stored() == ("default", "open")
