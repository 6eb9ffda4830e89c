import csv
import json
import os
from pathlib import Path

import pytest

from tests.corpora.files import film, speak, touch


@pytest.fixture
def savee(tmp_path: Path) -> Path:
    folder = tmp_path / "savee"
    for i, speaker in enumerate(("DC", "JE", "JK", "KL")):
        for j, code in enumerate(("a01", "h01")):
            speak(folder / f"{speaker}_{code}.wav", 0.4, 2 * i + j)
    return folder


def test_list(cli):
    result = cli("data", "list")
    assert (result.returncode, result.stderr) == (0, "")
    assert "ravdess: RAVDESS, speech\n    1440 usable utterances, 24 speakers, 8 emotions" in result.stdout
    assert "ask for access with the form at" in result.stdout
    entries = {entry["name"]: entry for entry in json.loads(cli("data", "list", "--json").stdout)}
    assert list(entries) == [
        "ravdess",
        "ravdess-song",
        "crema-d",
        "savee",
        "tess",
        "emodb",
        "named",
        "folders",
        "table",
    ]
    assert (entries["tess"]["utterances"], entries["tess"]["licence"]) == (2800, "CC-BY-NC-ND-4.0")


def test_download_says_where_to_ask(cli):
    result = cli("data", "download", "savee")
    assert (result.returncode, result.stdout) == (1, "")
    assert "kahlan.eps.surrey.ac.uk" in result.stderr
    assert result.stderr.count("\n") == 1


def test_check(cli, savee: Path):
    result = cli("data", "check", savee)
    assert result.returncode == 0, result.stderr
    assert result.stderr == f"audio-emotion: {savee}: recognised as savee\n"
    assert "8 utterances, 4 speakers, 2 emotions" in result.stdout
    said = json.loads(cli("data", "check", f"savee={savee}", "--json").stdout)
    assert (said["corpora"], said["by emotion"]) == (["savee"], {"happy": 4, "angry": 4})


def test_check_tells_the_unreadable_by_its_exit_code(cli, savee: Path):
    touch(savee, "DC_n01.wav")
    result = cli("data", "check", savee)
    assert result.returncode == 3
    assert "Unreadable: 1" in result.stdout
    for path in savee.glob("*_[ah]01.wav"):
        path.unlink()
    assert cli("data", "check", savee).returncode == 1


def test_bad_input_is_one_line(cli, savee: Path, tmp_path: Path):
    (tmp_path / "t.csv").write_text("path,emotion\nlost.wav,angri\n")
    for arguments, code, words in [
        (("check", tmp_path / "absent"), 1, "no such folder or table"),
        (("check", f"iemocap={savee}"), 2, "unknown corpus 'iemocap'"),
        (("check", tmp_path / "t.csv"), 1, "line 2: no such file lost.wav"),
        (("check", savee, "--labels", "nine"), 2, "choose eight or seven"),
        (("prepare", f"savee={savee}", "--out", savee), 2, "already exists"),
        (("prepare", f"savee={savee}", "--out", tmp_path / "x", "--shares", "80/20"), 2, "expected something like"),
        (("features", f"savee={savee}", "--out", tmp_path / "x.txt"), 2, "written as .csv or .parquet"),
        (("extract-audio", savee, tmp_path / "x"), 1, "contains no video"),
    ]:
        result = cli("data", *arguments)
        lines = [line for line in result.stderr.splitlines() if "recognised as" not in line]
        assert (result.returncode, result.stdout, len(lines)) == (code, "", 1), result
        assert words in lines[0]
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written(cli, savee: Path, tmp_path: Path):
    (tmp_path / "locked").mkdir(mode=0o500)
    result = cli("data", "prepare", f"savee={savee}", "--out", tmp_path / "locked" / "x")
    assert result.returncode == 1
    assert "make it writable" in result.stderr


def test_prepare(cli, savee: Path, tmp_path: Path):
    touch(savee, "notes.wav")
    result = cli("data", "prepare", savee, "--out", tmp_path / "out", "--audio", "--labels", "happy,angry")
    assert result.returncode == 0, result.stderr
    assert "notes.wav: its name does not follow SAVEE's convention" in result.stderr
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == [
        str(tmp_path / "out" / name) for name in ("train.csv", "val.csv", "test.csv")
    ]
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 8
    assert cli("data", "check", tmp_path / "out" / "train.csv").returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_check_follows_linked_folders(cli, make_ravdess, tmp_path: Path):
    real, linked = make_ravdess(tmp_path / "real", actors=2), tmp_path / "linked"
    linked.mkdir()
    for folder in real.iterdir():
        (linked / folder.name).symlink_to(folder)
    (linked / "Actor_01" / "again").symlink_to(linked)
    result = cli("data", "check", f"ravdess={linked}")
    assert "16 utterances, 2 speakers" in result.stdout


def test_features(cli, savee: Path, tmp_path: Path):
    touch(savee, "DC_n01.wav")
    result = cli("data", "features", f"savee={savee}", "--out", tmp_path / "f.csv")
    assert result.returncode == 3
    assert result.stdout == f"{tmp_path / 'f.csv'}\t8 utterances\n"
    assert "DC_n01.wav: is empty" in result.stderr
    with (tmp_path / "f.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 8


def test_extract_audio(cli, tmp_path: Path):
    film(tmp_path / "in" / "a.mp4")
    film(tmp_path / "in" / "b.mp4", sound=False)
    result = cli("data", "extract-audio", tmp_path / "in", tmp_path / "out")
    assert (result.returncode, result.stdout) == (3, f"{tmp_path / 'out' / 'a.wav'}\n")
    assert "b.mp4: contains no audio" in result.stderr
    (tmp_path / "in" / "a.mp4").unlink()
    assert cli("data", "extract-audio", tmp_path / "in", tmp_path / "out2").returncode == 1


@pytest.mark.realdata
def test_check_agrees_with_the_authors_on_real_recordings(cli, recordings: Path):
    result = cli("data", "check", recordings / "savee")
    assert "480 utterances, 4 speakers, 7 emotions" in result.stdout
    assert "Missing of the 480 published: 0" in result.stdout
