import json
from pathlib import Path

import pytest

from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora.labels import label_set
from audio_emotion.corpora.table import ADAPTER
from tests.corpora.files import touch


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    touch(tmp_path, "a.wav", "sub/b.wav")
    return tmp_path


def test_csv(folder: Path):
    table = write(
        folder / "mine.csv",
        "\ufeffPath,emotion,speaker,start,end,sex",
        "a.wav,Happy,anna,,,female",
        f"{folder / 'sub' / 'b.wav'},fear,ravdess/07,0.5,1.25,",
        "a.wav,sad,anna,1,2,female",
        "",
        "sub/b.wav,boredom,anna,2,3,",
    )
    corpus = ADAPTER.find(table)
    assert [(u.path.name, u.label, u.speaker, u.start, u.end, dict(u.attributes)) for u in corpus.utterances] == [
        ("a.wav", "happy", "mine/anna", 0.0, None, {"sex": "female"}),
        ("a.wav", "sad", "mine/anna", 1.0, 2.0, {"sex": "female"}),
        ("b.wav", "fearful", "ravdess/07", 0.5, 1.25, {}),
    ]
    assert [(file.path.name, file.reason) for file in corpus.left_out] == [
        ("b.wav", "boredom is outside the emotions 'eight'")
    ]
    assert corpus.names == ("mine", "ravdess")
    assert corpus.licence == "unknown"


def test_json_lines(folder: Path):
    rows = [{"path": "a.wav", "emotion": "joy", "speaker": 7, "start": 0.25}, {"file": "sub/b.wav", "label": "sad",
             "speaker": "x", "end": None, "licence": "CC0-1.0"}]  # fmt: skip
    corpus = ADAPTER.find(write(folder / "t.jsonl", *map(json.dumps, rows)))
    assert [(u.label, u.speaker, u.start, u.end) for u in corpus.utterances] == [
        ("happy", "t/7", 0.25, None),
        ("sad", "t/x", 0.0, None),
    ]
    assert corpus.licence == "unknown AND CC0-1.0"


def test_audformat(folder: Path):
    table = write(
        folder / "db.segments.csv",
        "file,start,end,emotion,speaker",
        "a.wav,0 days 00:00:00,0 days 00:00:01.898437500,anger,3",
        "sub/b.wav,0 days 00:01:02.5,NaT,happiness,4",
    )
    first, second = ADAPTER.find(table).utterances
    assert (first.label, first.speaker, first.start, first.end) == ("angry", "db.segments/3", 0.0, 1.8984375)
    assert (second.start, second.end) == (62.5, None)


def test_all_problems_come_in_one_message_with_their_lines(folder: Path):
    table = write(
        folder / "t.csv",
        "path,emotion,speaker,start,end",
        "a.wav,happy,anna,,",
        "lost.wav,angri,anna,,",
        "a.wav,happy,,,",
        "sub/b.wav,happy,anna,2,1",
        "sub/b.wav,happy,anna,soon,",
        "a.wav,happy",
        "a.wav,sad,anna,,",
    )
    with pytest.raises(CorpusError) as error:
        ADAPTER.find(table)
    message = str(error.value)
    assert "\n" not in message
    for part in (
        "t.csv: 6 problem(s)",
        "line 3: no such file lost.wav and unknown emotion 'angri'",
        "line 4: no speaker",
        "line 5: its end, 1 s, is not after its start, 2 s",
        "line 6: 'soon' is no time",
        "line 7: 2 cells, expected 5",
        "line 8: the same recording as in line 2",
    ):
        assert part in message


def test_missing_columns_come_with_the_other_problems(folder: Path):
    with pytest.raises(CorpusError) as error:
        ADAPTER.find(write(folder / "t.csv", "path,feeling", "a.wav,happy", "lost.wav,sad"))
    assert "line 1: no column emotion and no column speaker (there are: path, feeling)" in str(error.value)
    assert "line 3: no such file lost.wav" in str(error.value)
    with pytest.raises(CorpusError, match=r"line 1: not a JSON object; line 2: no emotion and no speaker"):
        ADAPTER.find(write(folder / "t.jsonl", "[1]", '{"path": "a.wav"}'))


def test_tables_that_are_none(folder: Path):
    with pytest.raises(CorpusError, match="there are: none"):
        ADAPTER.find(write(folder / "t.csv", ""))
    with pytest.raises(CorpusError, match="holds no utterance"):
        ADAPTER.find(write(folder / "t.csv", "path,emotion,speaker"))
    (folder / "t.csv").write_bytes(b"path,emotion,speaker\n\xff\xfe")
    with pytest.raises(CorpusError, match="is not UTF-8"):
        ADAPTER.find(folder / "t.csv")
    with pytest.raises(CorpusError, match="cannot be read"):
        ADAPTER.find(folder / "absent.csv")


def test_own_labels(folder: Path):
    table = write(folder / "t.csv", "path,emotion,speaker", "a.wav,stressed,anna", "sub/b.wav,happy,anna")
    with pytest.raises(CorpusError, match="line 2: unknown emotion 'stressed'"):
        ADAPTER.find(table)
    assert [u.label for u in ADAPTER.find(table, label_set("Stressed,relaxed")).utterances] == ["Stressed", "happy"]


def test_a_thousand_problems_stay_readable(folder: Path):
    table = write(folder / "t.csv", "path,emotion,speaker", *(f"{i}.wav,sad,x" for i in range(1000)))
    with pytest.raises(CorpusError, match=r"1000 problem\(s\).*and 900 more$"):
        ADAPTER.find(table)
