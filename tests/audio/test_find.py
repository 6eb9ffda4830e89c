import os
import sys
import unicodedata
from pathlib import Path

import pytest

from audio_emotion import audio
from audio_emotion.audio import find
from audio_emotion.core.errors import UsageError
from tests.sounds import contained, encoded, voice

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


FOREIGN = {
    "x.ts": contained([voice(1, 48_000)], container="mpegts"),
    "x.m2ts": contained([voice(1, 48_000)], container="mpegts", options={"mpegts_m2ts_mode": "1"}),
    "x.dat": encoded(voice(1), file_format="MP3"),
    "x.bin": contained([voice(1, 48_000)], container="adts"),
    "x.001": contained([voice(1, 48_000)], container="avi", codec="mp2"),
    "x.blob": contained([voice(1, 48_000)], container="asf", codec="mp2"),
    "x.rec": contained([voice(1, 48_000)], container="flv", codec="aac"),
    "x.dump": contained([voice(1, 48_000)], container="ac3", codec="ac3"),
    "REC 2024.05.01": encoded(voice(1)),
    "20240501_120000": encoded(voice(1), file_format="OGG"),
    "take 1.wav ": encoded(voice(1)),
    "take 2.WAV.": encoded(voice(1)),
    "spaced.mp2 ": b"its name will do",
    "whatsapp.part2": contained([voice(1, 48_000)], container="webm", codec="libopus"),
}
OTHERS = {
    "photo.webq": b"RIFF\x24\0\0\0WEBPVP8 ",
    "photo.raw": b"\0\0\0\x18ftypheic\0\0\0\0",
    "photo.jfif": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "text.u16": "Übung".encode("utf-16"),
    "text.v01": b"Get it? Good.",
    "empty.x": b"",
}


@posix
def test_the_content_of_files_with_unknown_endings_decides(tmp_path: Path) -> None:
    for name, content in (FOREIGN | OTHERS | {"notes.txt": encoded(voice(1)), ".hidden.x": b""}).items():
        (tmp_path / name).write_bytes(content)
    assert names(tmp_path, find.expand([tmp_path])) == sorted(FOREIGN)
    files = find.FileList([str(tmp_path)])
    assert len(files) == len(FOREIGN)
    assert files.passed_over == find.PassedOver(len(OTHERS), str(tmp_path / "empty.x"))


def test_a_list_of_files_looks_no_further_than_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (tmp_path / f"{number}.wav").touch()
    given = [str(tmp_path / "2.wav"), str(tmp_path), str(tmp_path / "[01].wav")]
    files = find.FileList(given)
    looked_at = []
    is_folder = os.path.isdir
    monkeypatch.setattr(os.path, "isdir", lambda path: looked_at.append(path) or is_folder(path))
    assert next(iter(files)) == tmp_path / "2.wav"
    assert files.has_several()
    assert set(looked_at) == set(given[:2])
    assert [path.name for path in files] == ["2.wav", "0.wav", "1.wav", "2.wav", "3.wav", "0.wav", "1.wav"]
    assert (len(files), files[1], files[-2:]) == (7, tmp_path / "0.wav", [tmp_path / "0.wav", tmp_path / "1.wav"])
    assert not files.is_single()
    assert tmp_path / "2.wav" in files
    assert find.FileList([str(tmp_path / "absent")]).is_single()
    assert find.FileList(["./a.wav"]).is_single()
    assert not find.FileList(["a.wav", "b.wav"]).is_single()
    assert not find.FileList([str(tmp_path / "[0].wav")]).is_single(), "a pattern, whatever it matches"


def test_composed_and_decomposed_names_are_the_same(tmp_path: Path) -> None:
    forms = ("NFC", "NFD")
    for form in forms:
        folder = tmp_path / form / unicodedata.normalize(form, "Gespräche")
        folder.mkdir(parents=True)
        (folder / unicodedata.normalize(form, "Übung é.wav")).write_bytes(encoded(voice(1)))
        for other in forms:
            given = tmp_path / form / unicodedata.normalize(other, "Gespräche/Übung é.wav")
            (found,) = find.expand([given])
            assert found.is_file()
            assert audio.load(given, 16_000).duration == 1
            assert find.expand([given.with_name(given.name.replace(" ", "*"))]) == [found]
    assert find.expand([tmp_path / "ä.wav"]) == [tmp_path / "ä.wav"]


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
    with pytest.raises(UsageError, match=r"^list: is not a list"):
        find.names_in(b"RIFF\x24\0\0\0WAVEfmt ", "list")
