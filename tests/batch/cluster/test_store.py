"""The output folder: what is finished, and what a stop in the middle leaves."""

from pathlib import Path

import pytest

from audio_emotion.batch.cluster.store import ANSWERS, FAILURES, Store, table
from audio_emotion.batch.outputs import Failed
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import StorageError
from audio_emotion.core.types import Prediction
from audio_emotion.formats import Result, Source

LABELS = ("happy", "sad")


def answer(file: str, *ends: float) -> Result:
    said = tuple(Prediction(end - 1, end, "happy", 0.75, {"happy": 0.75, "sad": 0.25}) for end in ends)
    return Result(Source(file, "m", "cpu"), said[0], said if len(said) > 1 else None)


def test_a_table_has_the_columns_of_audformat():
    rows = table([answer("a.wav", 1.5), answer("b.wav", 1.0, 2.0)], LABELS)
    assert rows.column_names == ["file", "start", "end", "emotion", "confidence", "happy", "sad"]
    assert rows["file"].to_pylist() == ["a.wav", "b.wav", "b.wav"]
    assert [end.total_seconds() for end in rows["end"].to_pylist()] == [1.5, 1.0, 2.0]
    assert rows["emotion"].to_pylist() == ["happy"] * 3
    assert rows["sad"].to_pylist() == [0.25] * 3
    assert table([], LABELS).schema == rows.schema


def test_no_speech_has_no_scores():
    silent = Prediction(0.0, 1.0, NO_SPEECH, 0.0, {"happy": 0.0, "sad": 0.0}, 0)
    rows = table([Result(Source("a.wav", "m", "cpu"), silent)], LABELS).to_pylist()
    assert [rows[0][column] for column in ("emotion", "confidence", "happy", "sad")] == [NO_SPEECH, None, None, None]


def test_a_partition_is_read_as_it_was_written(tmp_path: Path):
    store = Store(str(tmp_path / "out"))
    assert (store.header(), store.names(ANSWERS), store.counts("part-a")) == (None, set(), None)
    store.begin({"run": 1})
    failed = [Failed("bad.wav", "decode", "bad.wav: no sound")]
    store.write("part-a", table([answer("a.wav", 1.0)], LABELS), failed, {"answered": 1}, again=False)
    store.write("part-b", table([], LABELS), [], {"answered": 0}, again=False)
    assert store.header() == {"run": 1}
    assert store.names(ANSWERS) == {"part-a", "part-b"}
    assert store.names(FAILURES) == {"part-a"}
    assert (store.failures("part-a"), store.failures("part-b")) == (failed, [])
    assert store.counts("part-a") == {"answered": 1}
    assert store.read(ANSWERS, "part-a").num_rows == 1
    assert not list(tmp_path.rglob(".*"))
    store.replaced({"part-b"}, ["c.wav"])
    assert store.names(ANSWERS) == {"part-a", "part-b"}, "nothing of what they hold was done again"
    store.replaced({"part-b"}, ["bad.wav"])
    assert (store.names(ANSWERS), store.names(FAILURES)) == ({"part-b"}, set())
    store.clear()
    assert not store.names(ANSWERS)


def test_a_partition_is_finished_when_its_failures_are_written_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = Store(str(tmp_path / "out"))
    failed = [Failed("bad.wav", "time", "bad.wav: too slow")]

    def full(path: str, content: object) -> None:
        raise StorageError("no room")

    monkeypatch.setattr(store, "_write", full)
    with pytest.raises(StorageError):
        store.write("part-a", table([], LABELS), failed, {}, again=False)
    assert not store.names(ANSWERS)
    monkeypatch.undo()
    store.write("part-a", table([], LABELS), failed, {}, again=False)
    written: list[str] = []
    write = store._write
    monkeypatch.setattr(store, "_write", lambda path, content: (written.append(path), write(path, content)))
    store.write("part-a", table([answer("bad.wav", 1.0)], LABELS), failed, {}, again=True)
    assert [path.split("/")[-2] for path in written] == ["answers", "failures"], "else answers could be lost"


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StorageError, match="cannot write to"):
        Store(str(tmp_path / "out")).begin({})
