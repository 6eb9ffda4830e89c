"""Inputs are known wherever their archive is mounted, and their outputs can be copied to any system."""

import csv
import json
import os
import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_emotion.batch.journal import FileStat
from audio_emotion.batch.names import as_named, name_of_key, output_name, path_below
from audio_emotion.batch.outputs import Failed
from audio_emotion.batch.run import run_batch
from tests.batch.test_run import TASK, journal, stub, write


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("CON.wav", "%43ON.wav"),
        ("aux", "%61ux"),
        ("nul.tar.mp3", "%6Eul.tar.mp3"),
        ("LPT1/a.wav", "%4CPT1/a.wav"),
        ("com¹.wav", "%63om¹.wav"),
        ("con .wav", "%63on .wav"),
        ("end./a.wav", "end%2E/a.wav"),
        ("end /a.wav", "end%20/a.wav"),
        ("Results", "%52esults"),
        ("console.wav", "console.wav"),
        ("lpt10.wav", "lpt10.wav"),
    ],
)
def test_names_that_windows_keeps_for_itself(path: str, name: str):
    assert output_name(f"/d/{path}", "/d") == name


@given(st.text(st.sampled_from("aZ09._-+ ~%:?uxconlpt1/ü\n"), min_size=1, max_size=12))
def test_plain_names_are_those_that_nothing_is_escaped_in(name: str):
    key = "/".join(part for part in Path(name).parts if part != "/") or "a"
    quick = name_of_key(key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audio_emotion.batch.names._is_plain", lambda key: False)
        assert quick == name_of_key(key)


@pytest.mark.parametrize("path", ["/d/a.wav", "/d/e/.a", "/da", "/d/e/x..y", "/b", "/d/d"])
@pytest.mark.parametrize("root", ["/d", "/", "", "/d/e"])
def test_paths_below_a_root(path: str, root: str):
    assert path_below(path, root) == Path(os.path.relpath(path, root or "/")).as_posix()


def written(out: Path) -> dict[str, str]:
    """Return the name that each input's output file holds."""
    return {
        path.relative_to(out).as_posix(): json.loads(path.read_text())["file"]
        for path in out.rglob("*.json")
        if path.name != "results.json"
    }


def names(out: Path) -> list[str]:
    with (out / "results.csv").open(encoding="utf-8", newline="") as table:
        return [row["file"] for row in csv.DictReader(table)]


@pytest.mark.parametrize(
    "pair", [("A.wav", "a.wav"), tuple(unicodedata.normalize(form, "ü.wav") for form in ("NFC", "NFD"))]
)
def test_inputs_that_differ_in_case_or_form_alone_have_outputs_of_their_own(tmp_path: Path, pair: tuple[str, str]):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number, name in enumerate(pair):
        (folder / name).write_text(str(number))
    files = [folder / name for name in pair]
    for jobs in (2, 1):
        run_batch(files, out, stub(), task=TASK, jobs=jobs)
        folded = {unicodedata.normalize("NFC", name).casefold() for name in written(out)}
        assert len(folded) == len(written(out)) == 2, "no two are one file on Windows or macOS"
        assert set(written(out).values()) == {str(file) for file in files}
    plain = next(name for name, file in written(out).items() if file == str(files[0]))
    assert plain == output_name(str(files[0]), str(folder)) + ".json"
    (folder / "b.wav").write_text("7")
    before = {name: (out / name).stat().st_mtime_ns for name in written(out)}
    assert run_batch([folder / "b.wav", *reversed(files)], out, stub(), task=TASK).done == 1
    assert {name: (out / name).stat().st_mtime_ns for name in before} == before, "names stay"
    run_batch(files[1:], out, stub(), task=TASK, restart=True)
    assert len(written(out)) == 1


def test_an_archive_that_a_link_leads_to_is_continued(tmp_path: Path):
    write(tmp_path / "in", ["1", "2"])
    (tmp_path / "link").symlink_to(tmp_path / "in")
    (tmp_path / "copy").mkdir()
    for file in (tmp_path / "in").iterdir():
        shutil.copy2(file, tmp_path / "copy")
    for folder, done in (("in", 2), ("link", 0), ("in", 0), ("copy", 2)):
        run = run_batch(sorted((tmp_path / folder).iterdir()), tmp_path / "out", stub(), task=TASK)
        assert run.done == done, folder


def test_an_archive_that_is_mounted_elsewhere_is_continued(tmp_path: Path):
    write(tmp_path / "mnt" / "disk" / "may", ["1", "2"])
    write(tmp_path / "mnt" / "disk" / "june", ["3", "raise"])
    old, new, out = tmp_path / "mnt" / "disk", tmp_path / "media" / "usb", tmp_path / "out"
    files = sorted(old.rglob("*.wav"))
    first = run_batch(files, out, stub(), formats=("json", "csv"), task=TASK)
    tree = {path.relative_to(out) for path in out.rglob("*")}
    new.parent.mkdir()
    old.rename(new)
    (new / "may" / "new.wav").write_text("9")
    files = sorted(new.rglob("*.wav"))
    second = run_batch(files, out, stub(), formats=("json", "csv"), task=TASK)
    assert (second.done, second.skipped, len(second.failed)) == (1, 3, 1)
    assert {path.relative_to(out) for path in out.rglob("*")} - tree == {
        Path("may/new.wav.json"),
        Path("may/new.wav.csv"),
    }
    assert names(out) == [str(file) for file in files if "raise" not in file.read_text()]
    assert first.failed[0].reason.replace(str(old), str(new)) == second.failed[0].reason
    (new / "june" / "late.wav").write_text("5")  # a later run that names new files alone knows the place
    assert run_batch([new / "june" / "late.wav"], out, stub(), task=TASK).done == 1
    assert (out / "june" / "late.wav.json").is_file()
    part = run_batch([new / "may" / "0000.wav"], out, stub(), task=TASK)
    assert (part.done, part.skipped) == (0, 1)


def test_a_folder_of_the_same_names_is_not_taken_for_the_moved_archive(tmp_path: Path):
    for folder, word in (("a", "1"), ("b", "2")):
        write(tmp_path / folder, [word, word])
        for file in (tmp_path / folder).iterdir():
            os.utime(file, ns=(10**9, 10**9))  # as reproducible archives have it
    out = tmp_path / "out"
    run_batch(sorted((tmp_path / "a").iterdir()), out, stub(), task=TASK)
    assert run_batch(sorted((tmp_path / "b").iterdir()), out, stub(), task=TASK).done == 2
    assert sorted(written(out)) == ["0000.wav.json", "0001.wav.json", "__/b/0000.wav.json", "__/b/0001.wav.json"]


def test_a_copy_on_a_disk_with_coarse_times_is_continued(tmp_path: Path):
    files, out = write(tmp_path / "in", ["1", "2"]), tmp_path / "out"
    run_batch(files, out, stub(), task=TASK)
    (tmp_path / "usb").mkdir()
    for file in files:
        time = file.stat().st_mtime_ns
        shutil.copy(file, tmp_path / "usb" / file.name)
        os.utime(tmp_path / "usb" / file.name, ns=(time, time // 2_000_000_000 * 2_000_000_000))
        file.unlink()
    assert run_batch(sorted((tmp_path / "usb").iterdir()), out, stub(), task=TASK).skipped == 2


def test_times_of_coarser_file_systems():
    time = 1_700_000_001_234_567_891
    for step in (100, 1_000, 10_000_000, 1_000_000_000, 2_000_000_000):
        assert FileStat(9, time).is_same(FileStat(9, time // step * step))
        assert FileStat(9, time // step * step).is_same(FileStat(9, time))
    assert not FileStat(9, time).is_same(FileStat(8, time))
    assert not FileStat(9, time).is_same(FileStat(9, time + 1))
    assert not FileStat(9, time).is_same(FileStat(9, time + 3_000_000_000))
    assert FileStat(-1, 0).is_same(FileStat(-1, 0))


def test_a_failure_of_an_earlier_run_has_the_present_name():
    failed = Failed("in/two\nlines.wav", "decode", "in/two\\nlines.wav: invalid data")
    assert failed.renamed("/mnt/a.wav") == Failed("/mnt/a.wav", "decode", "/mnt/a.wav: invalid data")
    assert Failed("a", "error", "no path in it").renamed("b").reason == "no path in it"


def test_results_never_mix_absolute_and_relative_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write(Path("in"), ["1", "2", "raise"])
    run_batch(["in/0000.wav"], "out", stub(), formats=("csv",), task=TASK)
    run_batch(sorted((tmp_path / "in").iterdir()), "out", stub(), formats=("csv",), task=TASK)
    assert names(Path("out")) == [str(tmp_path / "in" / name) for name in ("0000.wav", "0001.wav")]
    result = run_batch(["in/0000.wav", "in/0001.wav", "in/0002.wav"], "out", stub(), formats=("csv",), task=TASK)
    assert names(Path("out")) == ["in/0000.wav", "in/0001.wav"]
    assert result.failed[0].file == "in/0002.wav"
    assert as_named(["a", str(tmp_path / "b")]) == {str(tmp_path / n): str(tmp_path / n) for n in "ab"}
    assert all(not line["path"].startswith("/") for line in journal(Path("out")))
