import unicodedata
from pathlib import Path

import pytest

from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora.folders import ADAPTER
from audio_emotion.corpora.labels import label_set
from tests.corpora.files import touch


def test_the_label_and_the_speaker_are_folders_in_either_order(tmp_path: Path):
    root = tmp_path / "voices"
    touch(root, "Anger/anna/1.wav", "bert/happy/1.wav", "sad/1.wav", "sad/anna/session2/1.wav")
    corpus = ADAPTER.find(root)
    assert corpus.name == "voices"
    assert [(u.path.relative_to(root).parts[0], u.label, u.speaker) for u in corpus.utterances] == [
        ("Anger", "angry", "voices/anna"),
        ("bert", "happy", "voices/bert"),
        ("sad", "sad", "voices/unknown"),
        ("sad", "sad", "voices/anna"),
    ]


def test_what_no_folder_names_is_left_out(tmp_path: Path):
    touch(tmp_path, "happy/1.wav", "2.wav", "misc/3.wav", "boredom/4.wav")
    assert {file.path.name: file.reason for file in ADAPTER.find(tmp_path).left_out} == {
        "2.wav": "no folder on its way names an emotion",
        "3.wav": "no folder on its way names an emotion",
        "4.wav": "boredom is outside the emotions 'eight'",
    }


def test_own_labels(tmp_path: Path):
    touch(tmp_path, "stressed/anna/1.wav", "relaxed/anna/1.wav")
    with pytest.raises(CorpusError, match="no recording found in a folder named for an emotion"):
        ADAPTER.find(tmp_path)
    corpus = ADAPTER.find(tmp_path, label_set("stressed,relaxed"))
    assert sorted(u.label for u in corpus.utterances) == ["relaxed", "stressed"]


def speakers(root: Path, *names: str) -> dict[str, str]:
    """Return each file's speaker, without the collection's name."""
    touch(root, *names)
    return {str(u.path.relative_to(root)): u.speaker.split("/")[1] for u in ADAPTER.find(root).utterances}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train/sad/anna/1.wav", "Val/sad/anna/1.wav", "test/sad/ben/1.wav"), ["anna", "anna", "ben"]),
        (("sad/train/anna/1.wav", "sad/test_set/ben/1.wav"), ["anna", "ben"]),
        (("train/sad/1.wav", "dev/sad/1.wav"), ["unknown", "unknown"]),
        (("data/train/sad/anna/1.wav", "data/test/sad/ben/1.wav"), ["anna", "ben"]),
        (("sad/anna/1.wav", "sad/ben/1.wav", "sad/val/1.wav"), ["anna", "ben", "val"]),  # Val is a person here
        (("train/train/sad/anna/1.wav", "train/test/sad/ben/1.wav"), ["anna", "ben"]),
        (("training/anna/sad/1.wav", "testing/ben/sad/1.wav"), ["anna", "ben"]),
        (("corpus/wav/train/anna/sad/1.wav", "corpus/wav/test/ben/sad/1.wav"), ["anna", "ben"]),
        (("sad/anna/session1/1.wav", "sad/anna/session2/1.wav"), ["anna", "anna"]),
    ],
)
def test_parts_of_a_split_are_no_speakers(tmp_path: Path, names: tuple[str, ...], expected: list[str]):
    found = speakers(tmp_path / "k", *names)
    assert [found[name] for name in names] == expected


def test_an_ignored_split_is_named(tmp_path: Path):
    touch(tmp_path / "k", "train/sad/anna/1.wav", "test/sad/ben/1.wav")
    (note,) = ADAPTER.find(tmp_path / "k").notes
    assert "the folders test, train are parts of a split" in note
    assert not ADAPTER.find(tmp_path / "k" / "train").notes


def test_the_parts_of_one_collection_share_its_name(tmp_path: Path):
    touch(tmp_path / "k", "train/sad/anna/1.wav", "test/sad/anna/1.wav")
    assert [ADAPTER.find(tmp_path / "k" / part).speakers for part in ("train", "test")] == [("k/anna",)] * 2


def test_folders_of_a_mac(tmp_path: Path):
    label, other = (unicodedata.normalize(form, "fröhlich") for form in ("NFD", "NFC"))
    touch(tmp_path, f"{label}/anna/1.wav", "traurig/anna/1.wav")
    corpus = ADAPTER.find(tmp_path, label_set(f"{other},traurig"))
    assert ([u.label for u in corpus.utterances], corpus.left_out) == ([other, "traurig"], ())
