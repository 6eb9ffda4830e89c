import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio_emotion.batch import journal
from audio_emotion.batch.journal import JOURNAL, FileStat, check_same, open_journal
from audio_emotion.core.errors import StorageError, UsageError
from tests.conftest import ROOT

HEADER = {"fingerprint": {"model": "m"}}
SEEN = FileStat(100, 5)


def fill(folder: Path, n: int) -> None:
    with open_journal(folder, HEADER) as record:
        for number in range(n):
            record.add(f"/in/{number}", FileStat(number, number), {"answer": {"n": number}})


def test_what_was_added_is_there_the_next_time(tmp_path: Path):
    odd = os.fsdecode(b"/in/caf\xe9\n.wav")
    with open_journal(tmp_path / "new" / "out", HEADER) as record:
        record.add("/in/a", SEEN, {"answer": {"label": "happy"}})
        record.add(odd, SEEN, {"failure": {"kind": "decode", "reason": "broken"}})
        record.add("/in/a", FileStat(101, 6), {"answer": {"label": "sad"}})
    with open_journal(tmp_path / "new" / "out", {"fingerprint": "ignored: the first one counts"}) as record:
        assert record.header == HEADER
        assert list(record.entries) == ["/in/a", odd]
        assert record.entries["/in/a"].stamp == FileStat(101, 6)
        assert record.read(record.entries["/in/a"])["answer"] == {"label": "sad"}
        assert record.entries[odd].failure == "decode"


def test_a_file_or_a_read_only_disk_in_the_place_of_the_folder_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match=r"file: is a file, expected a folder"),
        open_journal(tmp_path / "file", HEADER),
    ):
        pass

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "open", refuse)
    with (
        pytest.raises(StorageError, match=r"cannot write .* \(Read-only file system\)"),
        open_journal(tmp_path, HEADER),
    ):
        pass


def test_restart_begins_anew(tmp_path: Path):
    fill(tmp_path, 3)
    before = []
    with open_journal(tmp_path, {"fingerprint": 2}, lambda earlier: before.extend(earlier.entries)) as record:
        assert (record.header, record.entries) == ({"fingerprint": 2}, {})
    assert before == ["/in/0", "/in/1", "/in/2"]


def test_restart_needs_no_journal_that_can_be_read(tmp_path: Path):
    (tmp_path / JOURNAL).write_text("notes of mine\n")
    with open_journal(tmp_path, HEADER, lambda earlier: pytest.fail(f"{earlier} was read")) as record:
        assert record.header == HEADER


def test_formats_are_noted_once_and_stay_known(tmp_path: Path):
    with open_journal(tmp_path, HEADER) as record:
        record.add_formats(["json", "csv"])
        record.add("/in/0", SEEN, {"answer": {}})
        record.add_formats(["csv"])
    with open_journal(tmp_path, HEADER) as record:
        record.add_formats(["rttm", "json"])
        assert record.formats == {"json", "csv", "rttm"}
    lines = [json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines()]
    assert [line["formats"] for line in lines if "formats" in line] == [["csv", "json"], ["rttm"]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_a_journal_torn_anywhere_keeps_its_whole_lines_and_goes_on(tmp_path: Path, cut: int):
    path = tmp_path / JOURNAL
    path.unlink(missing_ok=True)
    fill(tmp_path, 8)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    cut = header + cut % (len(whole) - header + 1)
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n") - 1
    with open_journal(tmp_path, HEADER) as record:
        assert list(record.entries) == [f"/in/{number}" for number in range(kept)]
        record.add("/in/next", SEEN, {"answer": {"n": -1}})
    with open_journal(tmp_path, HEADER) as record:
        assert list(record.entries) == [*(f"/in/{number}" for number in range(kept)), "/in/next"]
        assert all(record.read(entry)["path"] == name for name, entry in record.entries.items())


@pytest.mark.parametrize(
    "line",
    [
        '{"path":"/in/1"}',
        '{"formats":5}',
        '{"path":5,"size":1,"mtime_ns":2}',
        "[" * 100_000,
        '{"crc32":1}',
        '"crc32":x}',
    ],
)
def test_a_line_that_is_not_the_journals_own_is_passed_over(tmp_path: Path, line: str, caplog):
    fill(tmp_path, 2)
    with (tmp_path / JOURNAL).open("a") as file:
        file.write(f"{line}\n")
    with open_journal(tmp_path, HEADER) as record:
        assert list(record.entries) == ["/in/0", "/in/1"]
    assert "1 damaged line(s) skipped" in caplog.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_byte_that_changed_costs_its_own_line(tmp_path: Path, place: int, byte: int):
    path = tmp_path / JOURNAL
    path.unlink(missing_ok=True)
    fill(tmp_path, 8)
    whole = bytearray(path.read_bytes())
    header = whole.index(b"\n") + 1
    whole[header + place % (len(whole) - header - 1)] = byte
    path.write_bytes(whole)
    with open_journal(tmp_path, HEADER) as record:
        assert all(record.read(entry)["answer"] == {"n": int(name[4:])} for name, entry in record.entries.items())
        assert len(record.entries) >= 6


def test_a_damaged_line_costs_its_own_input_only(tmp_path: Path):
    fill(tmp_path, 3)
    path = tmp_path / JOURNAL
    lines = path.read_bytes().split(b"\n")
    lines[2] = b"\0" * len(lines[2])
    path.write_bytes(b"\n".join(lines))
    with open_journal(tmp_path, HEADER) as record:
        assert list(record.entries) == ["/in/0", "/in/2"]
        assert record.read(record.entries["/in/2"])["answer"] == {"n": 2}


def test_an_empty_journal_is_begun(tmp_path: Path):
    (tmp_path / JOURNAL).touch()
    fill(tmp_path, 1)
    with open_journal(tmp_path, HEADER) as record:
        assert list(record.entries) == ["/in/0"]


@pytest.mark.parametrize("content", ["someone's own notes\n", '{"journal": 99}\n', "[]\n", '"x"'])
def test_another_file_of_that_name_is_left_alone(tmp_path: Path, content: str):
    (tmp_path / JOURNAL).write_text(content)
    with pytest.raises(StorageError, match="not a journal"), open_journal(tmp_path, HEADER):
        pass
    assert (tmp_path / JOURNAL).read_text() == content


def test_two_runs_on_one_journal(tmp_path: Path):
    with open_journal(tmp_path, HEADER):
        with pytest.raises(StorageError, match="another run is writing"), open_journal(tmp_path, HEADER):
            pass
        program = "import sys; from pathlib import Path; from audio_emotion.batch.journal import open_journal\n"
        program += "with open_journal(Path(sys.argv[1]), {}): pass"
        other = subprocess.run(
            [sys.executable, "-c", program, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert "another run is writing" in other.stderr
    with open_journal(tmp_path, HEADER):
        pass


def test_a_killed_run_leaves_no_lock(tmp_path: Path):
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from audio_emotion.batch.journal import FileStat, open_journal\n"
        "with open_journal(Path(sys.argv[1]), {}) as record:\n"
        "    record.add('/in/a', FileStat(1, 1), {'answer': {}})\n"
        "    os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))\n"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, check=False)
    with open_journal(tmp_path, {}) as record:
        assert list(record.entries) == ["/in/a"]


class FullDisk:
    """A file on a disk with so much room left."""

    def __init__(self, file, room: int) -> None:
        self._file, self._room = file, room

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def write(self, content: bytes) -> int:
        if not self._room:
            raise OSError(28, "No space left on device")
        written = self._file.write(bytes(content)[: self._room])
        self._room -= written
        return written


def test_a_full_disk_is_one_error_and_the_journal_stays_whole(tmp_path: Path):
    fill(tmp_path, 2)
    before = (tmp_path / JOURNAL).read_bytes()
    with open_journal(tmp_path, HEADER) as record:
        whole, record._file = record._file, FullDisk(record._file, 20)
        with pytest.raises(StorageError, match=r"No space left on device\); free space"):
            record.add("/in/9", SEEN, {"answer": {}})
        record._file = whole
        assert "/in/9" not in record.entries
        assert (tmp_path / JOURNAL).read_bytes() == before
        record.add("/in/10", SEEN, {"answer": {}})
    with open_journal(tmp_path, HEADER) as record:
        assert list(record.entries) == ["/in/0", "/in/1", "/in/10"]


def test_a_folder_that_cannot_be_is_one_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"), open_journal(tmp_path / "file" / "out", HEADER):
        pass


def test_nothing_is_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A result costs its own line, however many there are, and the disk is waited for now and then only."""
    waits: list[int] = []
    monkeypatch.setattr(journal.os, "fsync", waits.append)
    with open_journal(tmp_path, HEADER) as record:
        disk = record._file = FullDisk(record._file, 10**9)
        lengths = []
        for number in range(2_000):
            before = disk._room
            record.add(f"/in/{number:06}", SEEN, {"answer": {}})
            lengths.append(before - disk._room)
        record._file = disk._file
    assert len(set(lengths)) == 1
    assert len(waits) <= 3


def test_every_difference_is_named():
    then = {"model": "a (sha256 1)", "hop_s": 1.0, "labels": ["x"]}
    check_same(then, {"model": "a (sha256 1)", "hop_s": 1.0, "labels": ("x",)}, Path("out"))
    with pytest.raises(UsageError, match=r"out holds results of .*, and now hop_s is 2\.0 \(was 1\.0\): .* restart"):
        check_same(then, then | {"hop_s": 2.0}, Path("out"))
    with pytest.raises(UsageError, match=r"merge is True \(was not set\)"):
        check_same(then, then | {"merge": True}, Path("out"))
    with pytest.raises(UsageError, match=r"hop_s is not set \(was 1\.0\)"):
        check_same(then, {"model": "a (sha256 1)", "labels": ["x"]}, Path("out"))


def test_stamps(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("12345")
    os.utime(path, ns=(1, 7_000_000_000))
    assert journal.file_stat(str(path)) == FileStat(5, 7_000_000_000)
    assert journal.file_stat(str(tmp_path / "none")) == FileStat(-1, 0)
