from collections import Counter
from pathlib import Path

import pytest

from audio_emotion.corpora.tess import ADAPTER
from tests.corpora.files import touch


def test_names_also_the_misspelt_one(tmp_path: Path):
    touch(tmp_path, "OAF_Pleasant_surprise/OAF_back_ps.wav", "YAF_fear/YAF_dog_fear.wav", "OA_bite_neutral.wav")
    touch(tmp_path, "OAF_back_boredom.wav")
    corpus = ADAPTER.find(tmp_path)
    assert {(u.speaker, u.attributes["word"], u.label) for u in corpus.utterances} == {
        ("tess/OAF", "back", "surprised"),
        ("tess/YAF", "dog", "fearful"),
        ("tess/OAF", "bite", "neutral"),
    }
    assert [file.path.name for file in corpus.left_out] == ["OAF_back_boredom.wav"]


@pytest.mark.realdata
def test_the_real_one(recordings: Path):
    corpus = ADAPTER.find(recordings / "tess")
    assert not corpus.left_out
    assert Counter((u.speaker, u.label) for u in corpus.utterances) == corpus.published
    labels = ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    assert Counter(u.label for u in corpus.utterances) == dict.fromkeys(labels, 400)
    assert Counter(u.speaker for u in corpus.utterances) == {"tess/OAF": 1400, "tess/YAF": 1400}
