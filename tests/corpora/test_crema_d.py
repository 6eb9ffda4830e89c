from collections import Counter
from pathlib import Path

import pytest
import soundfile

from audio_emotion.corpora.crema_d import ADAPTER
from audio_emotion.corpora.inspection import inspect
from tests.corpora.files import touch
from tests.sounds import RATE, voice

SENTENCES = ["IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI"]


def published_names(actor: int) -> list[str]:
    """All 82 names of one actor, as the corpus's SentenceFilenames.csv has them."""
    names = []
    for sentence in SENTENCES:
        for emotion in ("NEU", "HAP", "SAD", "ANG", "FEA", "DIS"):
            levels = ("LO", "MD", "HI") if sentence == "IEO" and emotion != "NEU" else ("XX",)
            names += [f"{actor}_{sentence}_{emotion}_{level}.wav" for level in levels]
    return names


@pytest.mark.parametrize(
    ("name", "label", "intensity", "sex"),
    [
        ("1001_DFA_ANG_XX.wav", "angry", "unspecified", "male"),
        ("1002_IEO_FEA_LO.wav", "fearful", "low", "female"),
        ("1040_ITH_SAD_X.wav", "sad", "unspecified", "male"),
        ("1091_IEO_DIS_HI.wav", "disgust", "high", "female"),
        ("1091_IEO_HAP_MD.wav", "happy", "medium", "female"),
    ],
)
def test_a_name_says_all(tmp_path: Path, name: str, label: str, intensity: str, sex: str):
    touch(tmp_path, name)
    (utterance,) = ADAPTER.find(tmp_path).utterances
    assert (utterance.label, utterance.speaker) == (label, f"crema-d/{name[:4]}")
    assert utterance.attributes == {"sentence": name[5:8], "intensity": intensity, "sex": sex}


def test_a_whole_actor_is_what_was_published(tmp_path: Path):
    touch(tmp_path, *published_names(1001))
    corpus = ADAPTER.find(tmp_path)
    counts = Counter((u.speaker, u.label) for u in corpus.utterances)
    assert counts.total() == 82
    assert counts == {key: n for key, n in corpus.published.items() if key[0] == "crema-d/1001"}


def test_the_defective_and_the_unknown_are_left_out(tmp_path: Path):
    touch(tmp_path, "1001_DFA_ANG_XX.wav", "1064_TIE_SAD_XX.wav", "1092_DFA_ANG_XX.wav", "1001_DFA_CAL_XX.wav")
    left_out = {file.path.stem: file.reason for file in ADAPTER.find(tmp_path).left_out}
    assert "defective" in left_out.pop("1064_TIE_SAD_XX")
    assert set(left_out) == {"1092_DFA_ANG_XX", "1001_DFA_CAL_XX"}


def test_published_counts():
    """7442 clips: 1271 of each emotion, 1087 neutral (Cao et al. 2014); less the four that are defective."""
    by_label: Counter[str] = Counter()
    for (_, label), n_files in ADAPTER.published.items():
        by_label[label] += n_files
    assert by_label == {"neutral": 1086, "happy": 1271, "sad": 1269, "angry": 1271, "fearful": 1271, "disgust": 1270}
    speakers = Counter({speaker: 0 for speaker, _ in ADAPTER.published})
    for (speaker, _), n_files in ADAPTER.published.items():
        speakers[speaker] += n_files
    assert len(speakers) == 91
    short = {speaker.removeprefix("crema-d/"): n for speaker, n in speakers.items() if n != 82}
    assert short == {"1002": 81, "1008": 76, "1009": 76, "1019": 76, "1064": 80, "1076": 79}


def test_generated_audio_under_its_names_is_inspected(tmp_path: Path):
    for i, name in enumerate(published_names(1001)[:4]):
        soundfile.write(tmp_path / name, voice(0.5, seed=i, pitch_hz=100 + 10 * i), RATE)
    inspection = inspect(ADAPTER.find(tmp_path))
    assert len(inspection.recordings) == 4
    assert inspection.missing.total() == 7438 - 4
    assert inspection.missing["crema-d/1001", "happy"] == 14 - 3
