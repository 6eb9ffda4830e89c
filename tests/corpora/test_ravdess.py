from collections import Counter
from pathlib import Path

import pytest

from audio_emotion.core.emotions import emotions
from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora import CORPORA
from audio_emotion.corpora.base import by_reason
from audio_emotion.corpora.ravdess import SONG, SPEECH
from tests.corpora.files import touch


def test_a_name_says_all(tmp_path: Path):
    touch(tmp_path, "Actor_07/03-01-05-02-01-02-07.wav")
    (utterance,) = SPEECH.find(tmp_path).utterances
    assert (utterance.label, utterance.speaker) == ("angry", "ravdess/07")
    assert utterance.attributes == {
        "channel": "speech",
        "intensity": "strong",
        "statement": "01",
        "repetition": "02",
        "sex": "male",
    }
    touch(tmp_path, "Actor_08/03-02-02-01-02-01-08.wav")
    (utterance,) = SONG.find(tmp_path).utterances
    assert (utterance.label, utterance.speaker, utterance.attributes["sex"]) == ("calm", "ravdess/08", "female")


def test_what_is_left_out_is_named_with_the_reason(tmp_path: Path):
    touch(
        tmp_path,
        *("a/03-01-05-02-01-02-07.wav", "b/03-01-05-02-01-02-07.wav", "03-02-05-02-01-02-07.wav"),
        *("01-01-05-02-01-02-07.mp4", "notes.wav", "03-01-09-02-01-02-07.wav", "readme.txt"),
    )
    corpus = SPEECH.find(tmp_path)
    assert [u.path.relative_to(tmp_path).as_posix() for u in corpus.utterances] == ["a/03-01-05-02-01-02-07.wav"]
    assert {reason: [p.name for p in paths] for reason, paths in by_reason(corpus.left_out).items()} == {
        "its name does not follow RAVDESS's convention": ["03-01-09-02-01-02-07.wav", "notes.wav"],
        "RAVDESS video, of which the audio-only recording is used": ["01-01-05-02-01-02-07.mp4"],
        "RAVDESS song, not speech": ["03-02-05-02-01-02-07.wav"],
        "a second file of the same name": ["03-01-05-02-01-02-07.wav"],
    }


def test_nothing_there(tmp_path: Path):
    touch(tmp_path, "x.wav")
    with pytest.raises(CorpusError, match=r"RAVDESS, song among 1 .*audio-emotion data download ravdess-song"):
        SONG.find(tmp_path)


def test_published_counts():
    """The README of the record: 60 of each of 24 actors in speech, 44 of each of 23 in song."""
    speech, song = CORPORA["ravdess"].published, CORPORA["ravdess-song"].published
    assert (sum(speech.values()), sum(song.values())) == (1440, 1012)
    assert "ravdess/18" not in {speaker for speaker, _ in song}
    assert sum(n for (speaker, _), n in song.items() if speaker == "ravdess/17") == 44


@pytest.mark.realdata
def test_the_real_speech(recordings: Path):
    corpus = SPEECH.find(recordings / "ravdess-speech")
    assert len(corpus.utterances) == 1200
    assert not corpus.left_out
    by_speaker = Counter(u.speaker for u in corpus.utterances)
    absent = (6, 13, 17, 22)
    assert by_speaker == {f"ravdess/{actor:02}": 60 for actor in range(1, 25) if actor not in absent}
    assert Counter(u.label for u in corpus.utterances) == {
        label: 80 if label == "neutral" else 160 for label in emotions()
    }


@pytest.mark.realdata
def test_the_real_song(recordings: Path):
    corpus = SONG.find(recordings / "ravdess-song")
    assert len(corpus.utterances) == 836
    assert not corpus.left_out
    by_speaker = Counter(u.speaker for u in corpus.utterances)
    assert by_speaker == {f"ravdess/{actor:02}": 44 for actor in range(1, 25) if actor not in (6, 13, 17, 18, 22)}
    assert Counter(u.label for u in corpus.utterances) == {
        label: 76 if label == "neutral" else 152 for label in emotions()[:6]
    }
