from pathlib import Path

import pytest

from audio_emotion.audio import segments
from audio_emotion.audio.segments import Segment
from audio_emotion.core.errors import StorageError, UsageError

RTTM = """;; two speakers
SPKR-INFO call 1 <NA> <NA> <NA> unknown ann <NA> <NA>
SPEAKER call 1 0.50 1.25 <NA> <NA> ann <NA> <NA>
SPEAKER call 1 2.00 3.00 <NA> <NA> <NA> <NA> <NA>
"""
SRT = "1\r\n00:00:00,500 --> 00:00:01,750\r\nGood morning\r\n\r\n2\r\n01:00:02,000 --> 01:00:05,000\r\n\r\n"
VTT = "WEBVTT\n\n00:00.500 --> 00:01.750 align:start\nGood morning\n"


def read(tmp_path: Path, content: str, recording: str = "") -> list[Segment]:
    (tmp_path / "marks").write_text(content, "utf-8")
    return segments.read(tmp_path / "marks", [recording])[recording]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (RTTM, [Segment(0.5, 1.75, "ann"), Segment(2, 5)]),
        (SRT, [Segment(0.5, 1.75, "Good morning"), Segment(3602, 3605)]),
        (VTT, [Segment(0.5, 1.75, "Good morning")]),
        ("start,end,speaker\n0.5,1.75,ann\n2,5,\n", [Segment(0.5, 1.75, "ann"), Segment(2, 5)]),
        ("\ufeffLabel;Duration;Onset\nann;1:00;2\n", [Segment(2, 62, "ann")]),
        ("0.500000\t1.750000\thello, you\n2\t5\n", [Segment(0.5, 1.75, "hello, you"), Segment(2, 5)]),
        ("0.5,1.75\n\n0:02.0,5\n", [Segment(0.5, 1.75), Segment(2, 5)]),
    ],
    ids=["rttm", "srt", "vtt", "csv", "semicolons", "labels", "no-header"],
)
def test_read(content: str, expected: list[Segment], tmp_path: Path) -> None:
    assert read(tmp_path, content) == expected


def test_rttm_of_several_recordings(tmp_path: Path) -> None:
    content = RTTM + "SPEAKER other 1 7 1 <NA> <NA> bob <NA> <NA>\n"
    assert read(tmp_path, content, "other") == [Segment(7, 8, "bob")]
    with pytest.raises(UsageError, match="holds no segment of third; expected RTTM"):
        read(tmp_path, content, "third")
    each = segments.read(tmp_path / "marks", ["other", "third"])
    assert each == {"other": [Segment(7, 8, "bob")], "third": []}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("start,end\n0,1\n2,x\n", "line 3: 'x' is no time"),
        ("start,end\n0,1\n\n2\n", r"line 4: 1 column\(s\), and column 2 is needed"),
        ("start,end\n3,2\n", "line 2: the segment ends at 2 s, not after its start at 3 s"),
        ("start,end\n-1,2\n", "line 2: the segment starts at -1 s"),
        ("start,end\nnan,2\n", "line 2: the segment starts at nan s"),
        ("start,end\n1,inf\n", "line 2: the segment ends at inf s"),
        ("start,label\n1,a\n", "line 1: the header has a start and neither an end nor a duration"),
        ("some words\n", "line 1: 'some words' is no header"),
        ("SPEAKER a 1 0 1\nSPEAKER a 1 0\n", "line 2: 4 fields"),
        ("SPEAKER a 1 0 0\n", "line 1: the segment ends at 0 s"),
        ("1\n00:00:01,000 --> soon\n", "line 2: 'soon' is no time"),
        ("1\n00:00:01,000 -->\n", "line 2: '' is no time"),
        ("start,end\n", "holds no segment"),
        ("", "holds no segment"),
    ],
)
def test_errors_name_the_line(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message) as error:
        read(tmp_path, content)
    assert str(error.value).startswith(f"{tmp_path / 'marks'}")
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        segments.read(tmp_path / "absent")
    (tmp_path / "marks").write_bytes(b"\xff\xfe\x00RIFF")
    with pytest.raises(UsageError, match="is no text in UTF-8"):
        segments.read(tmp_path / "marks")
