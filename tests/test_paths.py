import pytest

from audio_emotion import paths
from audio_emotion.errors import StorageError


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


def test_writing_file_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write to"), paths.writing_file(tmp_path / "file" / "report.html"):
        pass
