"""Object stores: addresses, listing and fetching; a folder stands for the store."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from audio_emotion.batch.cluster import readers, remote
from audio_emotion.batch.cluster.inputs import find
from audio_emotion.batch.cluster.store import ANSWERS, Store, table
from audio_emotion.batch.workers.types import RecordingFailedError
from tests.sounds import RATE, voice

SHAPE = {"sampling_rate": RATE, "window_samples": 3 * RATE}


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is ``s3://bucket``."""
    store = SubTreeFileSystem(str(tmp_path), LocalFileSystem())
    monkeypatch.setattr(remote, "_filesystem", lambda root: store)
    (tmp_path / "bucket" / "may").mkdir(parents=True)
    return tmp_path / "bucket"


def test_a_prefix_is_listed_and_its_names_lead_back(bucket: Path):
    for name in ("a.wav", "50% of?calls #1.wav", "note.txt", ".hidden.wav", "june/b.wav"):
        (bucket / "may" / name).parent.mkdir(exist_ok=True)
        (bucket / "may" / name).write_text(name)
    found = find(["s3://bucket/may?region=x"])
    assert [given.name for given in found] == [
        "s3://bucket/may/50%25%20of%3Fcalls%20%231.wav?region=x",
        "s3://bucket/may/a.wav?region=x",
    ]
    assert remote.located(found[0].name)[1] == "bucket/may/50% of?calls #1.wav"
    assert found[1].stamp.size == 5
    assert "s3://bucket/may/june/b.wav" in [given.name for given in find(["s3://bucket/may"], recursive=True)]
    (lone,) = find(["s3://bucket/absent.wav"])
    assert lone.name == "s3://bucket/absent.wav"


def test_a_manifest_in_a_store_names_what_is_beside_it(bucket: Path):
    (bucket / "list.csv").write_text("file\nmay/a b.wav\n/disk/c.wav\n")
    assert [given.name for given in find(["s3://bucket/list.csv?region=x"])] == [
        "/disk/c.wav",
        "s3://bucket/may/a%20b.wav?region=x",
    ]


def test_an_object_is_read_as_a_file_is(bucket: Path):
    soundfile.write(bucket / "may" / "a.wav", voice(1.0), RATE)
    for read in (readers.whole, readers.timeline):
        fetched = list(read("s3://bucket/may/a.wav", 10**6, **SHAPE))
        opened = list(read(str(bucket / "may" / "a.wav"), 10**6, **SHAPE))
        assert [part.note for part in fetched] == [part.note for part in opened]
        assert all(np.array_equal(a.windows, b.windows) for a, b in zip(fetched, opened, strict=True))


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("s3://bucket/may/none.wav", "missing", "no such object"),
        ("s3://bucket/may/a.wav", "limit", "more bytes than the 100 allowed"),
        ("s3://me:secret@bucket/may/a.wav", "unreadable", "never in an address"),
    ],
)
def test_what_cannot_be_fetched_is_said(bucket: Path, address: str, kind: str, words: str):
    (bucket / "may" / "a.wav").write_bytes(bytes(101))
    with pytest.raises(RecordingFailedError, match=words) as given_up:
        list(readers.whole(address, 100, **SHAPE))
    assert given_up.value.kind == kind


def test_answers_are_kept_in_a_store(bucket: Path):
    (bucket / "out" / ANSWERS).mkdir(parents=True)  # a store has no folders to make
    store = Store("s3://bucket/out")
    store.begin({"run": 1})
    store.write("part-a", table([], ("happy",)), [], {"answered": 0}, again=False)
    assert (store.header(), store.names(ANSWERS), store.counts("part-a")) == ({"run": 1}, {"part-a"}, {"answered": 0})
