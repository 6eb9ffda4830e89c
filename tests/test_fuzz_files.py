"""Whatever a table, manifest, journal, model folder or config holds, it is read or refused with one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio_emotion.batch.cluster.inputs import find
from audio_emotion.batch.journal import JOURNAL, FileStat, open_journal
from audio_emotion.core.errors import AudioEmotionError
from audio_emotion.core.paths import bundled_model_dir
from audio_emotion.corpora.table import ADAPTER
from audio_emotion.models import checkpoint
from audio_emotion.training import config
from audio_emotion.training.tuning import space
from tests.conftest import ROOT

COLUMNS = b"path,emotion,speaker,start,end\na.wav,happy,ann,0,1\nb.wav,sad,ben,,\n"
TABLES = {
    "t.csv": [COLUMNS, COLUMNS.replace(b",", b";"), b"sep=;\r\n" + COLUMNS, COLUMNS.decode().encode("utf-16")],
    "t.jsonl": [b'{"path": "a.wav", "emotion": "sad"}\n', b'[{"file": "a.wav", "label": "sad"}]', b"[" * 9999],
}
PIECES = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"\r",
    b"\n\n",
    b",,,,",
    b"{",
    b"nan",
    b"1e999",
    b"-1",
    b"\xc3",
]


@st.composite
def damaged(draw: st.DrawFn, contents: list[bytes]) -> bytes:
    """Contents with some bytes replaced, removed, repeated, or odd pieces put in; or bytes without any sense."""
    content = bytearray(draw(st.sampled_from([*contents, b""])))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)))
        content[at : at + draw(st.sampled_from([0, 0, 1, 5, 60]))] = piece
    return bytes(content)


def outcome(read: Callable[[], object]) -> str:
    """Return ``read``, or ``refused`` for an error of this package in one line; any other error is raised."""
    refused = ""
    try:
        read()
    except AudioEmotionError as error:
        refused = str(error) or "nothing"
    assert "\n" not in refused
    return "refused" if refused else "read"


QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", list(TABLES))
def test_tables(name: str, tmp_path: Path):
    for audio in ("a.wav", "b.wav"):
        (tmp_path / audio).touch()
    outcomes = set()

    @QUICK
    @given(damaged(TABLES[name]))
    def check(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        outcomes.add(outcome(lambda: ADAPTER.find(tmp_path / name)))

    check()
    assert outcomes == {"read", "refused"}


def test_manifests_of_a_cluster(tmp_path: Path):
    pytest.importorskip("pyarrow")

    @QUICK
    @given(damaged([b"path\na.wav\nb.wav\n", b"file,start\na.wav,0\n", b"path\ns3://bucket/a.wav\n"]))
    def check(content: bytes) -> None:
        (tmp_path / "m.csv").write_bytes(content)
        outcome(lambda: list(find([str(tmp_path / "m.csv")], recursive=False)))

    check()


def test_journals(tmp_path: Path):
    with open_journal(tmp_path, {"fingerprint": {"model": "m"}, "root": "/in"}) as journal:
        journal.add_formats(["json"])
        journal.add("a.wav", FileStat(9, 9), {"answer": {"label": "sad"}})
        journal.add("b.wav", FileStat(9, 9), {"failure": {"kind": "decode"}}, output="b~1")
        journal.add_root("/elsewhere")
    good = (tmp_path / JOURNAL).read_bytes()

    @QUICK
    @given(damaged([good]))
    def check(content: bytes) -> None:
        (tmp_path / JOURNAL).write_bytes(content)

        def reopen() -> None:
            with open_journal(tmp_path, {"fingerprint": {}}) as journal:
                assert set(journal.entries) <= {"a.wav", "b.wav"}
                for entry in journal.entries.values():
                    journal.read(entry)

        outcome(reopen)

    check()


@pytest.mark.parametrize("name", ["config.json", "model.onnx", "model.safetensors", "adaptation.safetensors"])
def test_model_folders(name: str, tmp_path: Path):
    source = bundled_model_dir()
    if not (source / name).is_file():
        pytest.skip(f"the bundled model has no {name}")
    folder = tmp_path / "m"
    shutil.copytree(source, folder)
    good = (source / name).read_bytes()[:4096] if name != "config.json" else (source / name).read_bytes()

    @settings(QUICK, max_examples=40)
    @given(damaged([good]))
    def check(content: bytes) -> None:
        (folder / name).write_bytes(content)
        outcome(lambda: checkpoint.read(folder))

    check()


@settings(QUICK, max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(list(json.loads((bundled_model_dir() / "config.json").read_text("utf-8")))),
        st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=3), st.just({})),
        min_size=1,
        max_size=3,
    )
)
def test_model_descriptions_with_values_of_another_kind(tmp_path_factory: pytest.TempPathFactory, changes: dict):
    folder = tmp_path_factory.mktemp("m")
    content = json.loads((bundled_model_dir() / "config.json").read_text("utf-8")) | changes
    (folder / "config.json").write_text(json.dumps(content), "utf-8")
    outcome(lambda: checkpoint.read(folder))


def test_configs(tmp_path: Path):
    contents = [path.read_bytes() for path in sorted((ROOT / "training" / "configs").glob("*.toml"))]
    assert contents

    @QUICK
    @given(damaged([*contents, b"epochs = 3\n[optimizer]\nlr = 0.1\n", b"[augment]\n"]))
    def check(content: bytes) -> None:
        (tmp_path / "c.toml").write_bytes(content)
        outcome(lambda: config.read(tmp_path / "c.toml"))

    check()


def test_searches(tmp_path: Path):
    search = b'epochs = 3\n[search."optimizer.lr"]\nlow = 0.001\nhigh = 0.1\nlog = true\n'
    search += b"[search.batch_size]\nchoices = [8, 16]\n"

    @QUICK
    @given(damaged([search]))
    def check(content: bytes) -> None:
        (tmp_path / "s.toml").write_bytes(content)
        outcome(lambda: space.read(tmp_path / "s.toml"))

    check()
