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
