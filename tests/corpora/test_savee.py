from collections import Counter
from pathlib import Path

import pytest

from audio_emotion.corpora.savee import ADAPTER
from tests.corpora.files import touch


def test_both_layouts_and_every_code(tmp_path: Path):
    touch(tmp_path, "DC/a01.wav", "DC/sa01.wav", "JE/a01.wav", "KL_su15.wav", "n01.wav", "XX_a01.wav")
    corpus = ADAPTER.find(tmp_path)
    assert [(u.speaker, u.label, u.attributes["number"]) for u in corpus.utterances] == [
        ("savee/DC", "angry", "01"),
        ("savee/DC", "sad", "01"),
        ("savee/JE", "angry", "01"),
        ("savee/KL", "surprised", "15"),
    ]
    assert [file.path.name for file in corpus.left_out] == ["XX_a01.wav", "n01.wav"]


def test_the_same_clip_in_both_layouts_is_one(tmp_path: Path):
    touch(tmp_path, "ALL/DC_a01.wav", "DC/a01.wav")
    corpus = ADAPTER.find(tmp_path)
    assert len(corpus.utterances) == 1
    assert corpus.left_out[0].reason == "a second file of the same name"


@pytest.mark.realdata
def test_the_real_one(recordings: Path):
    corpus = ADAPTER.find(recordings / "savee")
    assert not corpus.left_out
    assert Counter((u.speaker, u.label) for u in corpus.utterances) == corpus.published
    assert Counter(u.speaker for u in corpus.utterances) == dict.fromkeys(
        ("savee/DC", "savee/JE", "savee/JK", "savee/KL"), 120
    )
    labels = ("happy", "sad", "angry", "fearful", "disgust", "surprised")
    assert Counter(u.label for u in corpus.utterances) == {"neutral": 120} | dict.fromkeys(labels, 60)
