import unicodedata
from pathlib import Path

from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.corpora.speakers import speaker_key, unify_speakers
from tests.corpora.files import touch


def test_spellings_of_one_speaker():
    mac = unicodedata.normalize("NFD", "Jörg")
    for one, other in (("Anna", "anna"), ("Jörg", mac), ("anna_m", "Anna-M"), ("Anna  M", "anna m"), ("7", "007")):
        assert speaker_key(f"k/{one}") == speaker_key(f"k/{other}")
    for one, other in (("k/anna", "m/anna"), ("k/anna", "k/ann"), ("k/1", "k/10"), ("k/a1", "k/a01")):
        assert speaker_key(one) != speaker_key(other)


def test_the_commonest_spelling_is_kept_and_the_others_are_named():
    names = ("k/anna", "k/Anna", "k/Anna", "k/ben")
    same, notes = unify_speakers(Utterance(Path(str(i)), "sad", name) for i, name in enumerate(names))
    assert [u.speaker for u in same] == ["k/Anna", "k/Anna", "k/Anna", "k/ben"]
    assert notes == ("speakers with several spellings are counted as one: k/Anna = k/anna",)


def test_one_speaker_in_folders_and_across_tables(tmp_path: Path):
    touch(tmp_path / "k", "sad/Anna/1.wav", "happy/anna/2.wav")
    corpus = gather(parse_sources([str(tmp_path / "k")]))
    assert corpus.speakers == ("k/Anna",)
    assert "k/Anna = k/anna" in corpus.notes[0]
    for part, name in (("train", "anna"), ("test", "ANNA")):
        touch(tmp_path, f"{part}.wav")
        (tmp_path / f"{part}.csv").write_text(f"path,emotion,speaker\n{part}.wav,sad,{name}\n")
    both = gather(parse_sources([str(tmp_path / f"{part}.csv") for part in ("train", "test")]))
    assert len(both.speakers) == 1
