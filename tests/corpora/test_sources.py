from pathlib import Path

import pytest

from audio_emotion.core.errors import CorpusError, UsageError
from audio_emotion.corpora import CORPORA, locate
from audio_emotion.corpora.labels import label_set
from audio_emotion.corpora.sources import gather, parse_sources
from tests.corpora.files import touch

EXAMPLES = {
    "ravdess": "03-01-05-02-01-02-07.wav",
    "ravdess-song": "03-02-05-02-01-02-07.wav",
    "crema-d": "1001_DFA_ANG_XX.wav",
    "savee": "DC_a01.wav",
    "tess": "OAF_back_angry.wav",
    "emodb": "03a01Wa.wav",
    "named": "1-anna-05-1.wav",
    "folders": "angry/1.wav",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_corpus_is_recognised_and_can_be_named(tmp_path: Path, name: str):
    touch(tmp_path, EXAMPLES[name])
    (recognised,) = parse_sources([str(tmp_path)])
    (named,) = parse_sources([f"{name}={tmp_path}"])
    assert recognised.adapter is named.adapter is CORPORA[name]
    assert (recognised.recognised, named.recognised) == (True, False)
    (utterance,) = gather([recognised]).utterances
    assert utterance.label == "angry"


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("folder", "name"),
    [("ravdess-speech", "ravdess"), ("ravdess-song", "ravdess-song"), ("originals", "ravdess"), ("savee", "savee"),
     ("tess", "tess"), ("emodb", "emodb")],
)  # fmt: skip
def test_the_real_folders_are_recognised(recordings: Path, folder: str, name: str):
    (source,) = parse_sources([str(recordings / folder)])
    assert source.adapter.name == name


def test_a_table_is_recognised(tmp_path: Path):
    touch(tmp_path, "a.wav")
    (tmp_path / "t.csv").write_text("path,emotion,speaker\na.wav,sad,x\n")
    (source,) = parse_sources([str(tmp_path / "t.csv")])
    assert source.adapter.name == "table"
    with pytest.raises(CorpusError, match="neither a folder nor a table"):
        parse_sources([str(tmp_path / "a.wav")])


def test_several_or_none_are_one_clear_error(tmp_path: Path):
    touch(tmp_path / "two", EXAMPLES["ravdess"], "x/" + EXAMPLES["savee"], "unknown.wav")
    with pytest.raises(CorpusError, match=r"several corpora: ravdess \(1\), savee \(1\); .* ravdess=.*two"):
        parse_sources([str(tmp_path / "two")])
    touch(tmp_path / "none", "x.wav")
    with pytest.raises(CorpusError, match=r"not recognised by the names of its 1 recording.*folders="):
        parse_sources([str(tmp_path / "none")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="contains no recording"):
        parse_sources([str(tmp_path / "empty")])
    with pytest.raises(CorpusError, match="no such folder or table"):
        parse_sources([f"ravdess={tmp_path / 'absent'}"])
    with pytest.raises(UsageError, match="unknown corpus 'iemocap'"):
        parse_sources([f"iemocap={tmp_path}"])


def test_a_folder_with_an_equals_sign_in_its_name(tmp_path: Path):
    touch(tmp_path / "a=b", EXAMPLES["tess"])
    (source,) = parse_sources([str(tmp_path / "a=b")])
    assert source.adapter.name == "tess"


def test_joined_corpora_keep_their_speakers_apart(tmp_path: Path):
    for name in ("ravdess", "ravdess-song", "savee", "named"):
        touch(tmp_path / name, EXAMPLES[name])
    corpus = gather(parse_sources([f"{name}={tmp_path / name}" for name in ("ravdess", "ravdess-song", "savee")]))
    assert corpus.names == ("ravdess", "ravdess-song", "savee")
    assert corpus.licence == "CC-BY-NC-SA-4.0 AND research use only"
    assert corpus.speakers == ("ravdess/07", "savee/DC")  # the same actor speaks and sings
    assert sum(corpus.published.values()) == 1440 + 1012 + 480
    assert corpus.published["ravdess/07", "happy"] == 16


def test_the_same_folder_twice_is_counted_once(tmp_path: Path):
    touch(tmp_path, EXAMPLES["savee"])
    corpus = gather(parse_sources([f"savee={tmp_path}", str(tmp_path)]))
    assert len(corpus.utterances) == 1
    assert corpus.left_out[0].reason == "already there as part of savee"
    assert corpus.names == ("savee",)


def test_labels_are_applied(tmp_path: Path):
    touch(tmp_path, "03-01-02-01-01-01-01.wav", "03-01-05-01-01-01-01.wav")
    sources = parse_sources([str(tmp_path)])
    assert {u.label for u in gather(sources, label_set("seven")).utterances} == {"neutral", "angry"}
    with pytest.raises(CorpusError, match="none of the recordings has a label of the set 'own'"):
        gather(sources, label_set("happy,sad"))


def test_locate(home: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="unknown corpus"):
        locate("iemocap", tmp_path)
    with pytest.raises(CorpusError, match="run 'audio-emotion data download ravdess'"):
        locate("ravdess")
    touch(home / "corpora" / "ravdess" / "Actor_07", EXAMPLES["ravdess"])
    assert len(locate("ravdess").utterances) == 1
