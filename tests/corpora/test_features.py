import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion import audio
from audio_emotion.core.errors import CorpusError, PackageError, UsageError
from audio_emotion.corpora.features import describe, write_features
from audio_emotion.corpora.sources import gather, parse_sources
from tests.corpora.files import speak, touch


def test_a_tone_has_its_known_values():
    tone = (0.5 * np.sin(2 * np.pi * 990 * np.arange(32_000) / 16_000)).astype(np.float32)
    values = describe(tone)
    assert len(values) == 44
    assert values["zcr_mean"] == pytest.approx(2 * 990 / 16_000, rel=0.05)  # two crossings a period; fewer at the ends
    assert values["rms_mean"] == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


def test_mfcc_are_librosas(tmp_path: Path):
    import librosa

    samples = audio.load(speak(tmp_path / "a.wav", 1.0), 16_000).samples
    mfcc = librosa.feature.mfcc(y=samples, sr=16_000, n_mfcc=20)
    values = describe(samples)
    assert [values[f"mfcc_{i:02}_mean"] for i in range(1, 21)] == pytest.approx(mfcc.mean(axis=1).tolist())
    assert [values[f"mfcc_{i:02}_sd"] for i in range(1, 21)] == pytest.approx(mfcc.std(axis=1).tolist())


def test_a_row_for_each_utterance_that_can_be_decoded(tmp_path: Path):
    speak(tmp_path / "DC_a01.wav", 0.5, 1)
    soundfile.write(tmp_path / "DC_n01.wav", np.full(3, 0.1), 16_000)  # shorter than a frame
    touch(tmp_path, "JE_a01.wav")
    (unreadable,) = write_features(gather(parse_sources([str(tmp_path)])), tmp_path / "f.csv")
    assert (unreadable.path.name, unreadable.reason) == ("JE_a01.wav", "is empty (0 bytes), expected a recording")
    with (tmp_path / "f.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(Path(row["path"]).name, row["emotion"], row["speaker"]) for row in rows] == [
        ("DC_a01.wav", "angry", "savee/DC"),
        ("DC_n01.wav", "neutral", "savee/DC"),
    ]
    assert len(rows[0]) == 5 + 44
    assert all(
        np.isfinite(float(value)) for row in rows for name, value in row.items() if name.endswith(("mean", "sd"))
    )


def test_nothing_is_left_behind_where_nothing_can_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    touch(tmp_path, "DC_a01.wav")
    corpus = gather(parse_sources([str(tmp_path)]))
    with pytest.raises(CorpusError, match="none of the 1 recording"):
        write_features(corpus, tmp_path / "f.csv")
    with pytest.raises(UsageError, match=r"written as \.csv or \.parquet"):
        write_features(corpus, tmp_path / "f.xlsx")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("audio_emotion.corpora.features.find_spec", lambda name: None)
    with pytest.raises(PackageError, match=r"needs pyarrow; run 'pip install pyarrow'"):
        write_features(corpus, tmp_path / "f.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["DC_a01.wav"]


def test_parquet(tmp_path: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    speak(tmp_path / "DC_a01.wav", 0.5, 1)
    write_features(gather(parse_sources([str(tmp_path)])), tmp_path / "f.parquet")
    (row,) = parquet.read_table(tmp_path / "f.parquet").to_pylist()
    assert row["emotion"] == "angry"
    assert row["end"] is None
    assert row["rms_mean"] > 0


def test_no_other_file_is_replaced(tmp_path: Path):
    speak(tmp_path / "1.wav")
    table = tmp_path / "t.csv"
    table.write_text("path,emotion\n1.wav,sad\n")
    with pytest.raises(UsageError, match="is not a table of features"):
        write_features(gather(parse_sources([str(table)])), table)
    for _ in range(2):
        write_features(gather(parse_sources([str(table)])), tmp_path / "f.csv")
    assert table.read_text() == "path,emotion\n1.wav,sad\n"
