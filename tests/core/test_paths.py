import os
import subprocess
import sys
from pathlib import Path

import pytest

from audio_emotion.core import paths
from audio_emotion.core.errors import NoHomeError, StorageError, UsageError


def fill(target: Path, name: str, stop: BaseException | None = None) -> None:
    with paths.writing(target) as folder:
        (folder / name).write_text(name)
        if stop:
            raise stop


def test_home_is_overridden(home: Path):
    assert paths.models_dir() == home / "models"


def test_without_a_home_directory_the_error_names_the_variable(monkeypatch: pytest.MonkeyPatch):
    def absent(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    for name in ("AUDIO_EMOTION_HOME", "AUDIO_EMOTION_CACHE", "AUDIO_EMOTION_DATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("user_data_path", "user_cache_path"):
        monkeypatch.setattr(f"platformdirs.{name}", absent)
    for folder, variable in ((paths.home, "HOME"), (paths.cache_dir, "CACHE"), (paths.corpus_root, "HOME")):
        with pytest.raises(NoHomeError, match=f"no home directory.*; set AUDIO_EMOTION_{variable} to a folder"):
            folder()
    monkeypatch.setenv("AUDIO_EMOTION_HOME", "~no-such-user/models")
    with pytest.raises(NoHomeError, match="set AUDIO_EMOTION_HOME"):
        paths.home()


def test_a_home_of_another_user_is_the_same_as_none(home: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(NoHomeError, match=r"cannot be read \(Permission denied\); set AUDIO_EMOTION_HOME to"):
        paths.home()


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path):
    target = tmp_path / "a" / "target"
    with pytest.raises(KeyboardInterrupt):
        fill(target, "half", KeyboardInterrupt())
    assert not target.exists()
    assert not list(target.parent.iterdir()), "nothing is left behind"


def test_an_old_folder_stays_until_the_new_one_is_whole(tmp_path: Path):
    target = tmp_path / "target"
    fill(target, "old")
    with pytest.raises(ValueError, match="stop"):
        fill(target, "new", ValueError("stop"))
    assert [p.name for p in target.iterdir()] == ["old"]
    fill(target, "new")
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["target"]


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="AUDIO_EMOTION_HOME"), paths.writing(tmp_path / "file" / "target"):
        pass


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_read_only_folder_is_one_clear_error(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError), paths.writing(tmp_path / "target"):
        pass


def test_what_is_endless_is_no_file_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(paths, "_MOST_BYTES", 2**20)
    (tmp_path / "list").write_bytes(b"a" * 2**20)
    assert len(paths.content(tmp_path / "list", "a list")) == 2**20
    (tmp_path / "list").write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(UsageError, match=r"list: is larger than 1 MiB; expected a list$"):
        paths.content(tmp_path / "list", "a list")
    with pytest.raises(StorageError, match=r"cannot be read \(.+\); expected a list$"):
        paths.content(tmp_path, "a list")


def test_writing_file_replaces_the_old_one_at_the_end(tmp_path):
    target = tmp_path / "new" / "report.html"
    with paths.writing_file(target) as sibling:
        sibling.write_text("first")
        assert not target.exists()
    with paths.writing_file(target) as sibling:
        sibling.write_text("second")
        assert target.read_text() == "first"
    assert target.read_text() == "second"
    assert list(target.parent.iterdir()) == [target]


def test_writing_file_keeps_the_old_one_after_an_error(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError), paths.writing_file(target) as sibling:
        sibling.write_text("half\udcff", "utf-8")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_writing_file_refuses_a_folder(tmp_path):
    with pytest.raises(StorageError, match="is a folder"), paths.writing_file(tmp_path):
        pass


def test_a_name_that_is_too_long_is_one_clear_error(tmp_path):
    with pytest.raises(StorageError, match="File name too long"), paths.writing_file(tmp_path / ("n" * 256)):
        pass
    assert not list(tmp_path.iterdir())


def test_writing_file_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write to"), paths.writing_file(tmp_path / "file" / "report.html"):
        pass


def test_shown():
    assert paths.display_path("a\nb") == r"a\nb"
    assert paths.display_path(os.fsdecode(b"a\xffb")) == r"a\xffb"
    assert paths.display_path("Größe 1.wav") == "Größe 1.wav"


def test_encodable_keeps_line_breaks():
    assert paths.encodable("a\nb") == "a\nb"
    assert paths.encodable(os.fsdecode(b"a\xffb")) == r"a\xffb"
    assert paths.encodable("Größe 1.wav") == "Größe 1.wav"


def killed_while_writing(target: Path) -> Path:
    """Return what a process leaves that is killed while it writes a folder."""
    code = (
        "import os, sys; from pathlib import Path; from audio_emotion.core import paths\n"
        "with paths.writing(Path(sys.argv[1])) as folder:\n    (folder / 'half').touch(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False, env=os.environ)
    (left,) = target.parent.glob(f".{target.name}.*")
    return left


@pytest.mark.skipif(sys.platform == "win32", reason="asking for a process would end it there")
def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path):
    left = killed_while_writing(tmp_path / "mine")
    with paths.writing(tmp_path / "other"):
        assert left.exists(), "another's is left alone"
    with paths.writing(tmp_path / "mine") as folder, paths.writing(tmp_path / "mine") as second:
        assert not left.exists()
        assert folder.exists(), "that of a running process is left alone"
        (second / "whole").touch()


@pytest.mark.skipif(sys.platform == "win32", reason="asking for a process would end it there")
def test_what_was_left_a_day_ago_goes_whatever_its_name(tmp_path: Path):
    left, recent = (killed_while_writing(tmp_path / name) for name in ("a.b", "c"))
    os.utime(left, (0, 0))
    (tmp_path / ".settings").mkdir()
    os.utime(tmp_path / ".settings", (0, 0))
    with paths.writing(tmp_path / "running") as running:
        os.utime(running, (0, 0))
        paths.clear_old_leftovers(tmp_path)
        assert set(tmp_path.iterdir()) == {recent, running, tmp_path / ".settings"}


@pytest.mark.parametrize("name", ["n" * 255, "é" * 120 + ".json"])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str):
    with paths.writing_file(tmp_path / name) as sibling:
        sibling.write_text("1")
    with paths.writing_text(tmp_path / name) as file:
        file.write("2")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "2")]
