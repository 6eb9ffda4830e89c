import json
import unicodedata
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
        "; other labels than the eight need --labels",
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
    assert "line 1: no column emotion (there are: path, feeling; path may be called file, filename" in str(error.value)
    assert str(error.value).endswith("line 3: no such file lost.wav"), "the other rows are not blamed"
    with pytest.raises(CorpusError, match=r"line 1: not a JSON object; line 2: no emotion$"):
        ADAPTER.find(write(folder / "t.jsonl", "[1]", '{"path": "a.wav"}'))


def test_tables_that_are_none(folder: Path):
    with pytest.raises(CorpusError, match="there are: none"):
        ADAPTER.find(write(folder / "t.csv", ""))
    with pytest.raises(CorpusError, match="contains no utterance"):
        ADAPTER.find(write(folder / "t.csv", "path,emotion,speaker"))
    (folder / "t.csv").write_bytes(b"path,emotion,speaker\n\x81\xfe")
    with pytest.raises(CorpusError, match=r"is not text in UTF-8.*; save the table as UTF-8"):
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


HEADER = ("path", "emotion", "speaker", "start", "end")
ROWS = (("a.wav", "happy", "änn", "0,5", "1,5"), ("sub/b.wav", "sad", "bob", "", ""))


def found(table: Path, labels: str = "eight") -> list[tuple[str, str, str, float, float | None]]:
    return [
        (u.path.name, u.label, u.speaker, u.start, u.end) for u in ADAPTER.find(table, label_set(labels)).utterances
    ]


@pytest.mark.parametrize("mark", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_tables_as_spreadsheets_save_them(folder: Path, mark: str, encoding: str, line_end: str):
    lines = [mark.join(row) for row in (HEADER, *ROWS, ("",) * 5, ("",) * 7)]
    (folder / "t.csv").write_bytes((line_end.join(lines) + line_end).encode(encoding))
    assert found(folder / "t.csv") == [
        ("a.wav", "happy", "t/änn", 0.5, 1.5),
        ("b.wav", "sad", "t/bob", 0.0, None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "sep=,\r\npath,emotion,speaker\r\na.wav,happy,ann\r\n",
        '"sep=;"\npath;emotion;speaker\na.wav;happy;ann\n',
        "\n\npath,emotion,speaker,,\na.wav,happy,ann,,\n",  # empty lines above, empty columns
        "path,emotion,speaker,start,end\na.wav,happy,ann\n",  # empty cells at the end of the row left out
        'path, emotion, speaker\n"a.wav", "happy", "ann"\n',
        "path;emotion;speaker;note\na.wav;happy;ann;1,2,3,4,5,6\n",
        "Speaker ID\tFile_Name\tLabel\nann\ta.wav\tHappy\n",
        "client_id,audio,label\nann,a.wav,happy\n",
        "spk,Audio-Path,emotion_label\nann,a.wav,happy\n",
    ],
)
def test_other_spellings_of_one_table(folder: Path, text: str):
    (folder / "t.txt").write_text(text, "utf-8", newline="")
    assert found(folder / "t.txt") == [("a.wav", "happy", "t/ann", 0.0, None)]


def test_a_speaker_may_be_absent_but_not_here_and_there(folder: Path):
    assert [u[2] for u in found(write(folder / "t.csv", "file,label", "a.wav,happy"))] == ["t/unknown"]
    assert [u[2] for u in found(write(folder / "t.jsonl", '{"file": "a.wav", "label": "sad"}'))] == ["t/unknown"]
    with pytest.raises(CorpusError, match="line 3: no speaker"):
        ADAPTER.find(write(folder / "t.csv", "file,label,spk", "a.wav,happy,ann", "sub/b.wav,sad,"))


def test_json_as_one_list_and_with_objects_within(folder: Path):
    rows = [
        {"audio": {"path": "a.wav", "bytes": None}, "label": "sad"},
        {"audio": {"path": "sub/b.wav"}, "label": "joy"},
    ]
    (folder / "t.json").write_text(json.dumps(rows, indent=1), "utf-8")
    assert [u[:2] for u in found(folder / "t.json")] == [("a.wav", "sad"), ("b.wav", "happy")]


@pytest.mark.parametrize(
    ("header", "row", "label", "kept"),
    [
        ("path,emotion,label", "a.wav,happy,0", "happy", {"label": "0"}),
        ("path,label,emotion", "a.wav,happy,0", "happy", {"emotion": "0"}),  # the numbers under the better name
        ("path,label,emotion", "a.wav,happy,sad", "sad", {"label": "happy"}),
        ("file,path,emotion", "a.wav,gone.wav,sad", "sad", {"path": "gone.wav"}),
    ],
)
def test_of_two_columns_the_one_that_can_be_understood_counts(folder, header, row, label, kept):
    (utterance,) = ADAPTER.find(write(folder / "t.csv", header, row)).utterances
    assert (utterance.path.name, utterance.label, utterance.attributes) == ("a.wav", label, kept)


def test_columns_that_contradict_each_other_are_named(folder: Path):
    table = write(folder / "t.csv", "path,label,emotion", "a.wav,happy,sad", "sub/b.wav,joy,happy")
    assert ADAPTER.find(table).notes == (
        f"{table}: the columns emotion and label contradict each other in 1 row(s), first in line 2 (sad, happy); "
        "emotion is used",
    )
    table = write(folder / "t.csv", "path,file,emotion", "a.wav,sub/b.wav,sad")
    assert "the columns path and file contradict each other" in ADAPTER.find(table).notes[0]
    with pytest.raises(CorpusError, match="two columns are called emotion"):
        ADAPTER.find(write(folder / "t.csv", "path,emotion,emotion", "a.wav,happy,sad"))


def test_codes_without_words_are_told_once(folder: Path):
    table = write(folder / "t.csv", "path,emotion", *(f"a.wav,{i % 2}" for i in range(9)))
    with pytest.raises(CorpusError, match=r"lines 2, 4, 6 and 2 more: unknown emotion '0'; lines 3, 5, 7 and 1 more"):
        ADAPTER.find(table)


def test_names_of_a_mac_and_of_windows(folder: Path):
    name = unicodedata.normalize("NFD", "Übung.wav")
    touch(folder, name, "sub/c.wav")
    table = write(folder / "t.csv", "path,emotion", "Übung.wav,fröhlich", "sub\\c.wav,traurig")
    label = unicodedata.normalize("NFD", "fröhlich")
    assert [u[:2] for u in found(table, f"{label},traurig")] == [(name, label), ("c.wav", "traurig")]


def test_a_workbook_is_not_a_table(folder: Path):
    (folder / "t.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(CorpusError, match="save the table as CSV"):
        ADAPTER.find(folder / "t.xlsx")
