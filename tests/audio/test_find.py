import os
import sys
from pathlib import Path

import pytest

from audio_emotion.audio import find
from audio_emotion.core.errors import UsageError
from tests.sounds import encoded, voice

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX file system")


def names(root: Path, found: list[Path]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in found]


def test_expand_searches_folders(tmp_path: Path) -> None:
    for name in (
        "b.wav",
        "a.FLAC",
        "notes.txt",
        ".hidden.wav",
        "._b.wav",
        "below/c.Mp3",
        "below/deep/d.m4a",
        ".git/e.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "nameless").write_bytes(encoded(voice(4)))
    (tmp_path / "README").write_text("no recording")
    assert names(tmp_path, find.expand([tmp_path])) == ["a.FLAC", "b.wav", "nameless"]
    everything = ["a.FLAC", "b.wav", "below/c.Mp3", "below/deep/d.m4a", "nameless"]
    assert names(tmp_path, find.expand([tmp_path], recursive=True)) == everything


def test_expand_keeps_what_it_does_not_find(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd.txt").touch()
    asked = [tmp_path / name for name in ("absent.wav", "empty", "odd.txt", "absent*.wav")]
    assert find.expand(asked) == asked


def test_expand_patterns(tmp_path: Path) -> None:
    for name in ("a1.wav", "a2.wav", "b.wav", "[x].wav", "below/a3.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(tmp_path, find.expand([tmp_path / "a*.wav"])) == ["a1.wav", "a2.wav"]
    assert names(tmp_path, find.expand([tmp_path / "[x].wav"])) == ["[x].wav"]
    assert names(tmp_path, find.expand([tmp_path / "**" / "a?.wav"])) == ["a1.wav", "a2.wav", "below/a3.wav"]


@posix
def test_expand_survives_loops(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.wav").touch()
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "again").symlink_to(tmp_path / "real")
    assert [path.name for path in find.expand([tmp_path], recursive=True)] == ["a.wav"]
    assert find.expand([tmp_path / "self"]) == [tmp_path / "self"]


@posix
def test_names_in_a_list() -> None:
    content = b"\xef\xbb\xbf#EXTM3U\na.wav\r\n\n#EXTINF:2,b\n  b c.wav\n./#c.wav\nbad\xff.wav\n"
    assert find.names_in(content, "list") == ["a.wav", "  b c.wav", "./#c.wav", os.fsdecode(b"bad\xff.wav")]
    assert find.names_in(b"two\nlines.wav\0#b.wav\0", "list") == ["two\nlines.wav", "#b.wav"]
    assert find.names_in("a.wav\r\né.wav\r\n".encode("utf-16"), "list") == ["a.wav", "é.wav"]
    with pytest.raises(UsageError, match=r"^list: the list is empty"):
        find.names_in(b"\n\n", "list")
    with pytest.raises(UsageError, match=r"^list: is no list"):
        find.names_in(b"RIFF\x24\0\0\0WAVEfmt ", "list")
