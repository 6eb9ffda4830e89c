import csv
import json
from pathlib import Path

import pytest
import soundfile

from audio_emotion.core.errors import CorpusError, UsageError
from audio_emotion.corpora.labels import label_set
from audio_emotion.corpora.manifests import parse_shares, prepare
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.corpora.splits import split_by_shares, split_utterances
from tests.corpora.files import speak, touch

MANIFESTS = ("train.csv", "val.csv", "test.csv")


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    """Ten speakers, two emotions."""
    root = tmp_path / "voices"
    for speaker in range(10):
        for i, label in enumerate(("happy", "sad")):
            speak(root / label / f"s{speaker}" / "1.wav", 0.3, 10 * i + speaker)
    return root


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_manifests_read_back_to_the_same_utterances_with_no_speaker_on_two_sides(voices: Path, tmp_path: Path):
    corpus = gather(parse_sources([f"folders={voices}"]))
    prepared = prepare(corpus, tmp_path / "out", (60, 20, 20), seed=3)
    assert prepared.split.sizes == {"train": 12, "validation": 4, "test": 4}
    back = [gather(parse_sources([str(tmp_path / "out" / name)])) for name in MANIFESTS]
    assert all(side.names == ("voices",) for side in back)
    speakers = [set(side.speakers) for side in back]
    assert sum(map(len, speakers)) == 10
    assert set.union(*speakers) == set(corpus.speakers)
    found = {(u.path, u.label, u.speaker) for side in back for u in side.utterances}
    assert found == {(u.path, u.label, u.speaker) for u in corpus.utterances}
    written = json.loads((tmp_path / "out" / "split.json").read_text())
    assert written["percent of speakers"] == {"train": 60, "val": 20, "test": 20}
    assert written["speakers"]["test"] == sorted(speakers[2])
    assert (written["seed"], written["protocol"]) == (3, "speaker, speaker-independent")


def test_the_default_is_the_split_of_training(voices: Path):
    utterances = gather(parse_sources([str(voices)])).utterances
    for seed in range(3):
        assert split_by_shares(utterances, (70, 15, 15), seed) == split_utterances("speaker", utterances, seed)


def test_the_draw_depends_on_the_seed_alone(voices: Path):
    utterances = gather(parse_sources([str(voices)])).utterances
    splits = [split_by_shares(utterances, (50, 0, 50), seed) for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
    assert splits[0].sizes == {"train": 10, "validation": 0, "test": 10}


def test_recordings_are_copied_if_asked_and_read_back_as_folders(voices: Path, tmp_path: Path):
    prepare(gather(parse_sources([str(voices)])), tmp_path / "out", with_audio=True)
    rows = [row for name in MANIFESTS for row in read(tmp_path / "out" / name)]
    assert len(rows) == 20
    for row in rows:
        assert (tmp_path / "out" / row["path"]).read_bytes() == next(
            (voices / row["emotion"] / row["speaker"].removeprefix("voices/")).iterdir()
        ).read_bytes()
    train = gather(parse_sources([str(tmp_path / "out" / "train")]))
    assert len(train.utterances) == len(read(tmp_path / "out" / "train.csv"))


def test_segments_and_equal_names(tmp_path: Path):
    for speaker in "abcd":
        speak(tmp_path / "x" / f"{speaker}.wav", 1.0, ord(speaker))
        speak(tmp_path / "y" / f"{speaker}.wav", 1.0, 2 * ord(speaker))
    rows = [f"{d}/{s}.wav,sad,{s},{start},{end}" for d in "xy" for s in "abcd" for start, end in ((0, 0.5), (0.5, ""))]
    (tmp_path / "t.csv").write_text("\n".join(["path,emotion,speaker,start,end", *rows]) + "\n")
    corpus = gather(parse_sources([str(tmp_path / "t.csv")]))
    prepare(corpus, tmp_path / "bare")
    back = gather(parse_sources([str(tmp_path / "bare" / name) for name in MANIFESTS]))
    times = {(u.path, u.start, u.end) for u in corpus.utterances}
    assert {(u.path, u.start, u.end) for u in back.utterances} == times
    prepare(corpus, tmp_path / "copied", with_audio=True)
    copies = sorted((tmp_path / "copied").rglob("*.wav"))
    assert len(copies) == 16
    assert {soundfile.info(copy).frames for copy in copies} == {8000}


def test_the_licence_and_the_attributes_stay(tmp_path: Path):
    for i, speaker in enumerate(("DC", "JE", "JK", "KL")):
        speak(tmp_path / "savee" / f"{speaker}_a01.wav", 0.3, i)
    prepare(gather(parse_sources([str(tmp_path / "savee")])), tmp_path / "out")
    corpus = gather(parse_sources([str(tmp_path / "out" / "train.csv")]))
    assert (corpus.name, corpus.licence) == ("savee", "research use only")
    assert corpus.utterances[0].attributes["sex"] == "male"


def test_unreadable_files_are_listed_and_stand_on_no_side(voices: Path, tmp_path: Path):
    touch(voices, "sad/s3/broken.wav")
    prepared = prepare(gather(parse_sources([str(voices)])), tmp_path / "out")
    assert [file.path.name for file in prepared.unreadable] == ["broken.wav"]
    assert sum(prepared.split.sizes.values()) == 20


def test_one_recording_under_two_speakers_of_two_sides_is_refused(voices: Path, tmp_path: Path):
    for speaker in range(10):
        speak(voices / "sad" / f"s{speaker}" / "twin.wav", 0.3, 99)
    with pytest.raises(CorpusError, match="recording in two sets"):
        prepare(gather(parse_sources([str(voices)])), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_never_replaced(voices: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="already exists"):
        prepare(gather(parse_sources([str(voices)])), tmp_path / "out")


def test_too_few_speakers(voices: Path):
    utterances = [u for u in gather(parse_sources([str(voices)]), label_set()).utterances if u.speaker < "voices/s2"]
    with pytest.raises(CorpusError, match="too few for shares of 70/15/15"):
        split_by_shares(utterances, (70, 15, 15), 0)
    with pytest.raises(CorpusError, match=r"2 speaker\(s\) found .* too few for shares of 50/25/25"):
        split_by_shares(utterances, (50, 25, 25), 0)


@pytest.mark.parametrize("text", ["70/15", "70/15/x", "70/20/20", "0/50/50", "", "70.5/14.5/15", "-10/60/50"])
def test_wrong_shares(text: str):
    with pytest.raises(UsageError, match=r"70/15/15"):
        parse_shares(text)
    assert parse_shares("80/0/20") == (80, 0, 20)


def test_copies_on_two_sides_are_reported(tmp_path: Path):
    for number, speaker in enumerate(("ann", "ben", "cyd", "dan")):
        speak(tmp_path / "k" / "sad" / speaker / "1.wav", 1.0, number)
    samples, rate = soundfile.read(tmp_path / "k/sad/ann/1.wav")
    (tmp_path / "k/sad/ben/1.wav").unlink()
    for speaker, gain in (("ben", 0.5), ("cyd", 0.3), ("dan", 0.2)):
        soundfile.write(tmp_path / f"k/sad/{speaker}/2.wav", gain * samples, rate)
    prepared = prepare(gather(parse_sources([str(tmp_path / "k")])), tmp_path / "out")
    (group,) = prepared.copies
    assert len(group) == 4
