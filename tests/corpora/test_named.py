from pathlib import Path

from audio_emotion.corpora.named import ADAPTER
from tests.corpora.files import touch


def test_names(tmp_path: Path):
    touch(tmp_path, "0001-anna-03-02.wav", "0001-bert-03-02.wav", "a-b-09-1.wav", "03-01-05-02-01-02-07.wav")
    corpus = ADAPTER.find(tmp_path)
    assert [(u.speaker, u.label, dict(u.attributes)) for u in corpus.utterances] == [
        ("named/anna", "happy", {"id": "0001", "intensity": "02"}),
        ("named/bert", "happy", {"id": "0001", "intensity": "02"}),
    ]
    assert [file.path.name for file in corpus.left_out] == ["03-01-05-02-01-02-07.wav", "a-b-09-1.wav"]
    assert corpus.licence == "unknown"
    assert not corpus.published
