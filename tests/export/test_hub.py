"""Models to and from a server that answers as the hub does."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from audio_emotion.core import paths
from audio_emotion.core.errors import DownloadError, ModelError, PackageError, UsageError
from audio_emotion.export.hub import Address
from audio_emotion.export.share import FILES, pull, push
from audio_emotion.models import checkpoint
from audio_emotion.models.checkpoint import stored
from tests.export.hub_server import Hub, serving

constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra hub")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> Iterator[Hub]:
    """A hub without repositories; no token, and none of the newer way of storage, which it does not speak."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "not-a-token")
    with serving() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.address)
        yield running


def test_a_model_goes_to_a_repository_and_comes_back(hub: Hub, home: Path):
    commit = push("default", "hf://somebody/hearing")
    assert commit.startswith(f"{hub.address}/somebody/hearing/commit/")
    bundled = paths.bundled_model_dir()
    assert hub.repositories["somebody/hearing"] == {file: (bundled / file).read_bytes() for file in FILES}
    assert hub.is_private["somebody/hearing"]
    pulled = pull("hf://somebody/hearing")
    assert pulled.folder == home / "models" / "hearing"
    assert checkpoint.read(pulled.folder).labels == checkpoint.read(bundled).labels
    assert sorted(path.name for path in pulled.folder.iterdir()) == sorted(FILES)
    push("default", "hf://somebody/hearing")  # it is there already, which is no error


def test_a_repository_is_public_if_asked_for(hub: Hub):
    push("default", "hf://somebody/open", private=False)
    assert not hub.is_private["somebody/open"]


def test_pickles_stay_there_unread(hub: Hub):
    push("default", "hf://somebody/hearing")
    hub.repositories["somebody/hearing"] |= {"pytorch_model.bin": b"\x80\x04.", ".gitattributes": b""}
    pulled = pull("hf://somebody/hearing@main", "theirs")
    assert pulled.left_out == (".gitattributes", "pytorch_model.bin")
    assert not [asked for asked in hub.asked if asked.endswith("pytorch_model.bin")]
    assert stored() == ("default", "open", "theirs")


def test_what_is_damaged_there_is_not_stored(hub: Hub, home: Path):
    push("default", "hf://somebody/hearing")
    files = hub.repositories["somebody/hearing"]
    files["model.onnx"] = b"something else"
    with pytest.raises(
        ModelError, match=r"^hf://somebody/hearing/model\.onnx: its content does not match the checksum"
    ):
        pull("hf://somebody/hearing")
    files["config.json"] = json.dumps({"name": "x"}).encode()
    with pytest.raises(ModelError, match=r"config\.json: architecture is missing"):
        pull("hf://somebody/hearing")
    del files["config.json"]
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        pull("hf://somebody/hearing")
    assert not list((home / "models").iterdir())


def test_what_is_not_there_or_cannot_be_reached_is_one_line(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    push("default", "hf://somebody/hearing")
    for source, endpoint in (
        ("hf://somebody/absent", hub.address),
        ("hf://somebody/hearing@v2", hub.address),
        ("hf://somebody/hearing", "http://127.0.0.1:9"),
    ):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        with pytest.raises(
            DownloadError, match=f"^{source}: cannot be read .*check the name and the network"
        ) as raised:
            pull(source, "mine")
        assert "\n" not in str(raised.value)
    with pytest.raises(DownloadError, match="cannot be written"):
        push("default", "hf://somebody/hearing")


def test_an_address_names_owner_name_and_maybe_revision():
    assert Address.parse("hf://a/b@v1") == Address("a/b", "v1")
    assert str(Address.parse("hf://a/b")) == "hf://a/b"
    for wrong in ("hf://a", "hf://a/", "hf:///b", "hf://a/b/c", "hf://a/b@"):
        with pytest.raises(UsageError, match="expected hf://OWNER/NAME"):
            Address.parse(wrong)
    with pytest.raises(UsageError, match="names a revision"):
        push("default", "hf://a/b@v1")


def test_without_its_package_one_line_names_the_command(monkeypatch: pytest.MonkeyPatch, home: Path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(PackageError, match=r"run: pip install 'audio-emotion\[hub\]'"):
        pull("hf://a/b")
