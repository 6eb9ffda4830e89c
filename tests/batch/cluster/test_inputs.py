"""Manifests, folders and names → the recordings of an archive."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from audio_emotion.batch.cluster.inputs import find
from audio_emotion.core.errors import UsageError


def names(*given: object, recursive: bool = False) -> list[str]:
    return [found.name for found in find(map(str, given), recursive)]


def test_folders_and_files_are_found_once_with_their_stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("b.wav", "a.flac", "note.txt", "below/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    assert names(".", "a.flac") == [str(tmp_path / "a.flac"), str(tmp_path / "b.wav")]
    assert names(tmp_path, recursive=True) == [str(tmp_path / name) for name in ("a.flac", "b.wav", "below/c.wav")]
    (found,) = find(["absent.wav"])
    assert (found.name, found.stamp.size) == (str(tmp_path / "absent.wav"), -1)
    (found,) = find(["a.flac"])
    assert (found.stamp.size, found.stamp.mtime_ns) == (6, (tmp_path / "a.flac").stat().st_mtime_ns)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_manifest_names_recordings_beside_it(tmp_path: Path, suffix: str):
    table = pa.table({"speaker": ["x", "y", "z"], "file": ["b.wav", "/far/a.wav", "s3://bucket/c.wav"]})
    target = tmp_path / f"list{suffix}"
    if suffix == ".csv":
        target.write_text("speaker,file\nx,b.wav\ny,/far/a.wav\nz,s3://bucket/c.wav\n")
    else:
        parquet.write_table(table, target)
    assert names(target) == sorted([str(tmp_path / "b.wav"), "/far/a.wav", "s3://bucket/c.wav"])


def test_names_made_of_digits_stay_names(tmp_path: Path):
    (tmp_path / "list.csv").write_text("path\n007\n")
    assert names(tmp_path / "list.csv") == [str(tmp_path / "007")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name\na.wav\n", "has no column file or path .* there are: name"),
        ("file,start\na.wav,0.0\nb.wav,1.5\n", "its column start names parts of recordings"),
        ('file,label\n"",x\n', "expected a recording's name"),
        ("", "is no manifest that can be read"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, content: str, said: str):
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(UsageError, match=said):
        names(tmp_path / "list.csv")
    with pytest.raises(UsageError, match="is no manifest that can be read"):
        names(tmp_path / "absent.parquet")


def test_a_store_is_reached_without_a_password_in_its_address():
    with pytest.raises(UsageError, match="never in an address"):
        names("s3://key:secret@bucket/calls")
    with pytest.raises(UsageError, match="expected scheme://bucket/key"):
        names("s3:///calls")
    with pytest.raises(UsageError, match="check the address and its options"):
        names("s3://bucket/calls?no_such_option=1")


def test_a_manifest_as_a_spreadsheet_saves_it(tmp_path: Path):
    (tmp_path / "list.csv").write_bytes("path;size\r\nä.wav;1,5\r\n".encode("utf-16"))
    assert names(tmp_path / "list.csv") == [str(tmp_path / "ä.wav")]
