import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.core import paths
from audio_emotion.core.errors import ModelError, NoHomeError, UsageError
from audio_emotion.inference.loading import load_model
from audio_emotion.models import checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(paths.bundled_model_dir(), tmp_path / "model"))


def change_tensors(folder: Path, change) -> None:
    """Write other tensors, with a checksum that agrees: only the list of tensors can tell."""
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["sha256"]["model.safetensors"] = checkpoint._sha256(folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))


def test_a_whole_folder_is_read(folder: Path):
    config = checkpoint.read(folder)
    assert config.labels[0] == "neutral"
    assert set(config.sha256) == {"model.safetensors", "model.onnx", "model.int8.onnx", "adaptation.safetensors"}


def test_a_missing_tensor_is_named(folder: Path):
    name = sorted(checkpoint.read(folder).tensors)[0]
    change_tensors(folder, lambda tensors: tensors.pop(name))
    with pytest.raises(ModelError, match=rf"{name} is missing"):
        load_model(str(folder), "cpu", "torch")


def test_an_extra_tensor_is_named(folder: Path):
    change_tensors(folder, lambda tensors: tensors.update(stowaway=np.zeros(3, np.float32)))
    with pytest.raises(ModelError, match="stowaway"):
        load_model(str(folder), "cpu", "torch")


WEIGHTS = {
    "model.safetensors": "torch",
    "model.onnx": "onnx",
    "model.int8.onnx": "auto",
    "adaptation.safetensors": "auto",
}
"""The weight files, each with a back end that loads it on a CPU."""


@pytest.mark.parametrize(("name", "backend"), WEIGHTS.items())
def test_a_changed_byte_is_noticed_before_the_file_is_used(folder: Path, name: str, backend: str):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    for use in (lambda: load_model(str(folder), "cpu", backend), lambda: checkpoint.read(folder)):
        with pytest.raises(ModelError, match=rf"{name}.*checksum"):
            use()


@pytest.mark.parametrize(("name", "backend"), [*WEIGHTS.items(), ("config.json", "auto")])
def test_a_missing_file_is_named(folder: Path, name: str, backend: str):
    (folder / name).unlink()
    for use in (lambda: load_model(str(folder), "cpu", backend), lambda: checkpoint.read(folder)):
        with pytest.raises(ModelError, match=name):
            use()


def test_files_that_the_back_end_does_not_use_are_not_read(folder: Path):
    for name in ("model.safetensors", "model.onnx"):
        (folder / name).unlink()
    assert load_model(str(folder), "cpu").backend == "onnx-int8"


def test_a_damaged_description_is_one_clear_error(folder: Path):
    for content in ("", "[]", "{}", '{"name": 3}', "\x00"):
        (folder / "config.json").write_text(content)
        with pytest.raises(ModelError, match=r"config\.json"):
            checkpoint.read(folder)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("labels", ["sad", "happy"]),
        ("labels", ["sad"] * 8),
        ("labels", "calmness"),
        ("labels", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("temperature", 0),
        ("temperature", "x"),
        ("temperature", float("nan")),
        ("sampling_rate", 8_000),
        ("sampling_rate", 0),
        ("window_samples", 16_000),
        ("window_samples", "x"),
        ("tensors", "x"),
        ("labels", ["\x1b[2Jneutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]),
        ("labels", ["a\n\n2\n00:00:01,000 --> 00:00:09,000\nforged", *"bcdefgh"]),
        ("name", "evil\x07"),
        ("training", {"licence": "\x1b]0;owned\x07"}),
    ],
)
def test_a_description_that_cannot_be_true_is_refused(folder: Path, entry: str, value: object):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {entry: value}))
    with pytest.raises(ModelError, match=r"config\.json"):
        load_model(str(folder), "cpu")


def test_without_a_home_directory_there_is_the_bundled_model(monkeypatch: pytest.MonkeyPatch):
    def absent() -> Path:
        raise NoHomeError("no home directory; set AUDIO_EMOTION_HOME")

    monkeypatch.setattr(paths, "home", absent)
    assert checkpoint.stored() == ("default", "open")
    assert checkpoint.default_model() == "default"
    assert checkpoint.find("default") == paths.bundled_model_dir()
    assert checkpoint.find(str(paths.bundled_model_dir())) == paths.bundled_model_dir()
    with pytest.raises(NoHomeError, match="set AUDIO_EMOTION_HOME"):
        checkpoint.find("absent")


def test_an_unknown_name_lists_what_there_is(home: Path):
    with pytest.raises(ModelError, match=r"no model 'nope'.*default"):
        checkpoint.find("nope")


@pytest.mark.parametrize("name", ["default", "", ".hidden", "a/b", "..", "a b", "x" * 200])
def test_names_that_cannot_be_folders_are_refused(name: str):
    with pytest.raises(UsageError):
        checkpoint.new_folder(name)


def test_a_graph_that_the_runtime_rejects_is_one_line(folder: Path):
    (folder / "model.onnx").write_bytes(b"not a graph")
    config = json.loads((folder / "config.json").read_text())
    config["sha256"]["model.onnx"] = checkpoint._sha256(folder / "model.onnx")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="ONNX Runtime cannot load this graph") as raised:
        load_model(str(folder), "cpu", "onnx")
    assert "\n" not in str(raised.value)


def test_a_folder_that_names_a_checkpoint_of_a_hub_is_not_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Without a description of its encoder, building the network would contact the hub."""
    from audio_emotion.inference.backends import torch as backend

    monkeypatch.setattr(backend, "build", lambda *_: pytest.fail("the network was built"))
    config = checkpoint.read(folder)
    parameters = {"checkpoint": "facebook/wav2vec2-base"}
    with pytest.raises(ModelError, match="names the checkpoint 'facebook/wav2vec2-base' and does not describe"):
        backend.load(folder / "model.safetensors", "wav2vec2", 8, parameters, config.frontend)
