from collections import Counter
from pathlib import Path

import pytest

from audio_emotion.corpora.base import by_reason
from audio_emotion.corpora.emodb import ADAPTER
from tests.corpora.files import touch


def test_names_and_boredom(tmp_path: Path):
    touch(tmp_path, "wav/03a01Fa.wav", "wav/16b10Wb.wav", "wav/08a02Lb.wav", "wav/07a01Fa.wav")
    corpus = ADAPTER.find(tmp_path)
    assert [(u.speaker, u.label, dict(u.attributes)) for u in corpus.utterances] == [
        ("emodb/03", "happy", {"text": "a01", "version": "a", "sex": "male"}),
        ("emodb/16", "angry", {"text": "b10", "version": "b", "sex": "female"}),
    ]
    assert {file.path.stem: file.reason for file in corpus.left_out} == {
        "08a02Lb": "boredom is outside the eight emotions",
        "07a01Fa": "its name does not follow EmoDB's convention",
    }


@pytest.mark.realdata
def test_the_real_one(recordings: Path):
    corpus = ADAPTER.find(recordings / "emodb")
    (boredom,) = by_reason(corpus.left_out).items()
    assert (boredom[0], len(boredom[1])) == ("boredom is outside the eight emotions", 81)
    assert len(corpus.utterances) + 81 == 535
    assert Counter((u.speaker, u.label) for u in corpus.utterances) == corpus.published
    assert len(corpus.speakers) == 10
    assert Counter(u.label for u in corpus.utterances) == {
        "neutral": 79,
        "happy": 71,
        "sad": 62,
        "angry": 127,
        "fearful": 69,
        "disgust": 46,
    }
