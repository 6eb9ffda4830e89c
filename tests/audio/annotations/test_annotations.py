"""What each reader makes of what its tools write, and of what nobody should write."""

import json
import sys
from pathlib import Path

import pytest

from audio_emotion.audio.annotations import Annotations, read
from audio_emotion.audio.segments import Segment
from audio_emotion.core.errors import PackageError, StorageError, UsageError

WHISPERX = {
    "segments": [
        {
            "start": 0.5,
            "end": 4.0,
            "text": " Good morning. Hi, 24 calls.",
            "words": [
                {"word": "Good", "start": 0.5, "end": 0.9, "score": 0.9, "speaker": "SPEAKER_00"},
                {"word": "morning.", "start": 1.0, "end": 1.5, "score": 0.9, "speaker": "SPEAKER_00"},
                {"word": "Hi,", "start": 2.0, "end": 2.4, "score": 0.9, "speaker": "SPEAKER_01"},
                {"word": "24"},
                {"word": "calls.", "start": 3.0, "end": 4.0, "score": 0.9, "speaker": "SPEAKER_01"},
            ],
            "speaker": "SPEAKER_00",
        },
        {"start": 5.0, "end": 6.0, "text": "Yes.", "speaker": "SPEAKER_00", "words": []},
    ],
    "word_segments": [{"word": "Good", "start": 0.5, "end": 0.9}],
}
WHISPER = {"text": " Hi", "segments": [{"id": 0, "start": 0.0, "end": 1.5, "text": " Hi", "temperature": 0.0}]}
WHISPER_CPP = {
    "result": {"language": "en"},
    "transcription": [
        {
            "timestamps": {"from": "00:00:00,000", "to": "00:00:02,500"},
            "offsets": {"from": 0, "to": 2500},
            "text": " Hi",
            "speaker": "0",
        },
        {"offsets": {"from": 2500, "to": 4000}, "text": " (speaker 1) Hello"},
    ],
}
TRANSFORMERS = {
    "text": "a b",
    "chunks": [{"timestamp": [0.0, 1.5], "text": " a"}, {"timestamp": [1.5, None], "text": "b"}],
}
WORDS = {
    "words": [
        {"word": "so", "start": 0.0, "end": 0.5},
        {"word": "far", "start": 0.6, "end": 1.0},
        {"word": "no", "start": 3, "end": 4},
    ]
}
OURS = [
    {
        "file": "a/call.wav",
        "segments": [{"start": 0, "end": 1, "label": "sad", "speaker": "Ann", "text": "x", "channel": 2}],
    },
    {"file": "other.wav", "segments": [{"start": 3, "end": 4, "label": "sad"}]},
]
RTTM = """;; two speakers
SPKR-INFO call 1 <NA> <NA> <NA> unknown ann <NA> <NA>
SPEAKER call 1 0.50 1.25 <NA> <NA> ann <NA> <NA>
SPEAKER call 1 2.00 3.00 <NA> <NA> <NA> <NA> <NA>
"""
SRT = "1\r\n00:00:00,500 --> 00:00:01,750\r\nGood morning\r\n\r\n2\r\n01:00:02,000 --> 01:00:05,000\r\n\r\n"
VTT = "WEBVTT - a title\n\nSTYLE\n::cue {}\n\n1\n"
VTT += "00:00.500 --> 00:01.750 align:start\n<v Ann Lee>Good <i>morning</i></v>\n"
RAVEN = """Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tCommon Name
1\tWaveform 1\t2\t0.5\t2.5\tgreat tit
1\tSpectrogram 1\t2\t0.5\t2.5\tgreat tit
"""
TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
10
<exists>
3
"IntervalTier"
"Ann"
0
10
3
0
0.5
""
0.5
2
"good ""morning"" all"
2
10
"sil"
"TextTier"
"marks"
0
10
1
3
"click"
"IntervalTier"
"Bob - words"
0
10
4
2
2.5
"hi"
2.5
3
"you"
3
5
""
5
6
"yes"
"""
EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>
<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2000"/></TIME_ORDER>
<TIER TIER_ID="A" PARTICIPANT="Ann" LINGUISTIC_TYPE_REF="default-lt"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>good morning</ANNOTATION_VALUE>
</ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="A en" PARENT_REF="A" LINGUISTIC_TYPE_REF="ref"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a2"
 ANNOTATION_REF="a1"><ANNOTATION_VALUE>bonjour</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true" GRAPHIC_REFERENCES="false"/>
<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="ref" TIME_ALIGNABLE="false" CONSTRAINTS="Symbolic_Association"
 GRAPHIC_REFERENCES="false"/>
</ANNOTATION_DOCUMENT>
"""
ASS = """[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.50,0:00:02.00,Default,Ann,0,0,0,,{\\i1}Good{\\i0} morning
"""


def annotations(tmp_path: Path, content: str | bytes, *recordings: str) -> Annotations:
    file = tmp_path / "marks"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(file, recordings or ("",))


def segments(tmp_path: Path, content: str | bytes, recording: str = "") -> list[Segment]:
    return annotations(tmp_path, content, recording).segments[recording]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            json.dumps(WHISPERX),
            [
                Segment(0.5, 1.5, "SPEAKER_00", "Good morning."),
                Segment(2, 4, "SPEAKER_01", "Hi, 24 calls."),
                Segment(5, 6, "SPEAKER_00", "Yes."),
            ],
        ),
        (json.dumps(WHISPER), [Segment(0, 1.5, "", "Hi")]),
        (json.dumps(WHISPER_CPP), [Segment(0, 2.5, "0", "Hi"), Segment(2.5, 4, "speaker 1", "Hello")]),
        (json.dumps(TRANSFORMERS), [Segment(0, 1.5, "", "a")]),
        (json.dumps(WORDS), [Segment(0, 1, "", "so far"), Segment(3, 4, "", "no")]),
        (
            '{"start": 0, "end": 1, "text": "a"}\n{"start": "0:01", "end": "0:02.5"}\n',
            [Segment(0, 1, "", "a"), Segment(1, 2.5)],
        ),
        (
            '[{"start": 0, "end": 1, "channel": 0}, {"start": 1, "end": 2, "channel": 1}]',
            [Segment(0, 1, channel=1), Segment(1, 2, channel=2)],
        ),
        (RTTM, [Segment(0.5, 1.75, "ann"), Segment(2, 5)]),
        ("SPEAKER my call 1 12.5 2.0 <NA> <NA> ann <NA> <NA>\n", [Segment(12.5, 14.5, "ann")]),
        ("SPEAKER call 24 05 1 12.5 2.0 <NA> <NA> ann lee <NA> <NA>\n", [Segment(12.5, 14.5, "ann lee")]),
        (
            "SPEAKER a 1 0 1 <NA> <NA> ann <NA>\nSPEAKER a 2 1 1 <NA> <NA> bob <NA>\n",
            [Segment(0, 1, "ann", "", 1), Segment(1, 2, "bob", "", 2)],
        ),
        (SRT, [Segment(0.5, 1.75, "", "Good morning"), Segment(3602, 3605)]),
        ("1\n00:00:01,000 --> 00:00:03,000\nshe went a --> b\n", [Segment(1, 3, "", "she went a --> b")]),
        (
            "1\n00:00:01,000 --> 00:00:03,000\n<i>ANNA:</i> Hi\nBOB: Remember: no\n2\n"
            "00:00:04,000 --> 00:00:05,000\n[angry 81%] ANNA: No\n",
            [Segment(1, 3, "ANNA", "Hi"), Segment(1, 3, "BOB", "Remember: no"), Segment(4, 5, "ANNA", "No")],
        ),
        (VTT, [Segment(0.5, 1.75, "Ann Lee", "Good morning")]),
        ("WEBVTT\n\nNOTE a --> b\n\n00:01.000 --> 00:03.000\nhi &amp; ho\n", [Segment(1, 3, "", "hi & ho")]),
        (
            "WEBVTT\n\n00:01.000 --> 00:03.000\n<v Ann>hi <v Bob>ho\n",
            [Segment(1, 3, "Ann", "hi"), Segment(1, 3, "Bob", "ho")],
        ),
        (  # YouTube: a first line of one blank
            "WEBVTT\nKind: captions\n\n00:00:01.000 --> 00:00:03.000 align:start position:0%\n \n"
            "good<00:00:02.000><c> morning</c>\n\n00:00:03.000 --> 00:00:03.500\ngood morning\n \n\n"
            "00:00:04.000 --> 00:00:05.000\n \n00:00:05.000 --> 00:00:06.000\nyes\n",
            [
                Segment(1, 3, "", "good morning"),
                Segment(3, 3.5, "", "good morning"),
                Segment(4, 5),
                Segment(5, 6, "", "yes"),
            ],
        ),
        (
            "0:00:00.500,0:00:01.750\nANN: good, morning\n\n0:00:02.000,0:00:05.000\nBOB: yes\nno\n",
            [Segment(0.5, 1.75, "ANN", "good, morning"), Segment(2, 5, "BOB", "yes no")],
        ),
        ("0:00:00.500,0:00:01.750\n0:00:02.000,0:00:05.000,ann\n", [Segment(0.5, 1.75), Segment(2, 5, "ann")]),
        (
            '{"audio_duration": 9, "words": [{"text": "Hi", "start": 500, "end": 900}], "utterances": ['
            '{"speaker": "A", "text": "Hi", "start": 500, "end": 1750, "words": []}, '
            '{"speaker": "B", "text": "Yes", "start": 2000, "end": 5000, "channel": "2"}]}',
            [Segment(0.5, 1.75, "A", "Hi"), Segment(2, 5, "B", "Yes", 2)],
        ),
        (
            '{"audio_duration": 900, "utterances": null, "words": ['
            '{"text": "Hi", "start": 500, "end": 900}, {"text": "you", "start": 950, "end": 1200}]}',
            [Segment(0.5, 1.2, "", "Hi you")],
        ),
        ("start,end,speaker\n0.5,1.75,ann\n2,5,\n", [Segment(0.5, 1.75, "ann"), Segment(2, 5)]),
        (
            'start,end,text,channel\n0.5,2.5,"two\nlines",2\n3,5,x,1\n',
            [Segment(0.5, 2.5, "", "two\nlines", 2), Segment(3, 5, "", "x", 1)],
        ),
        ("\ufeffLabel;Duration;Onset\nann;1:00;2\n", [Segment(2, 62, "ann")]),
        ("start;end\n0,5;2,5\n", [Segment(0.5, 2.5)]),
        ("0.500000\t1.750000\thello, you\n2\t5\n", [Segment(0.5, 1.75, "", "hello, you"), Segment(2, 5)]),
        ("0,5\t2,5\tann\n\\\t100.0\t2000.0\n3\t5\tANN: hi\n", [Segment(0.5, 2.5, "ann"), Segment(3, 5, "ANN", "hi")]),
        ("0.5,1.75\n\n0:02.0,5\n", [Segment(0.5, 1.75), Segment(2, 5)]),
        (RAVEN, [Segment(0.5, 2.5, "", "great tit", 2)]),
        ("Start (s),End (s),Common name\n0.0,3.0,great tit\n", [Segment(0, 3, "", "great tit")]),
        ("start\tend\ttext\n500\t2500\thello\n", [Segment(0.5, 2.5, "", "hello")]),
        ("start\tend\ttext\n5\t25\thello\n", [Segment(5, 25, "", "hello")]),
        ("start_ms,end_ms\n500,2500\n", [Segment(0.5, 2.5)]),
        ("Start Time;End Time;Speaker\n00:00:01,000;00:00:03,000;ann\n", [Segment(1, 3, "ann")]),
        ("Start [ms]\tDuration-ms\tSpeaker Name\n500\t2000\tann\n", [Segment(0.5, 2.5, "ann")]),
        (
            "Tier\tBegin Time - hh:mm:ss.ms\tBegin Time - msec\tEnd Time - hh:mm:ss.ms\tEnd Time - msec\tAnnotation\n"
            "ann\t00:00:00.500\t500\t00:00:02.500\t2500\thello\n",
            [Segment(0.5, 2.5, "ann", "hello")],
        ),
        (
            "Tier\tBegin Time - msec\tEnd Time - msec\tAnnotation\nann\t500\t2500\thello\n",
            [Segment(0.5, 2.5, "ann", "hello")],
        ),
        (
            TEXTGRID,
            [Segment(0.5, 2, "Ann", 'good "morning" all'), Segment(2, 3, "Bob", "hi you"), Segment(5, 6, "Bob", "yes")],
        ),
        (EAF, [Segment(0.5, 2, "Ann", "good morning")]),
        (ASS, [Segment(0.5, 2, "Ann", "Good morning")]),
    ],
)
def test_read(content: str, expected: list[Segment], tmp_path: Path) -> None:
    assert segments(tmp_path, content) == expected


def test_several_recordings_in_one_file(tmp_path: Path) -> None:
    content = RTTM + "SPEAKER other 1 7 1 <NA> <NA> bob <NA> <NA>\n"
    assert segments(tmp_path, content, "other") == [Segment(7, 8, "bob")]
    with pytest.raises(UsageError, match="has no segment of third; expected a transcript"):
        annotations(tmp_path, content, "third")
    each = annotations(tmp_path, content, "other", "third")
    assert each.segments == {"other": [Segment(7, 8, "bob")], "third": []}
    assert each.notes == (f"{tmp_path / 'marks'}: 2 segment(s) belong to other recordings (call) and are ignored",)
    assert segments(tmp_path, json.dumps(OURS), "call") == [Segment(0, 1, "Ann", "x", 2)]
    table = "file,start,end\ndeep/my%20call.wav,0,1\nb.wav,2,3\n"
    assert segments(tmp_path, table, "my call") == [Segment(0, 1)]


def test_two_files_of_one_name_in_two_folders_are_not_confused(tmp_path: Path) -> None:
    content = "file,start,end\na/call.wav,0,1\nb/call.wav,2,3\n"
    with pytest.raises(UsageError, match="no segment of call"):
        annotations(tmp_path, content, "call")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("start,end\n0,1\n2,x\n", "line 3: 'x' is not a time"),
        ("start,end\n0,1\n\n2\n", r"line 4: 1 column\(s\), expected 2 or more"),
        ("start,end\n3,2\n0,1\n", "line 2: the segment ends at 2 s, before its start at 3 s"),
        ("start,end\n-1,2\n0,1\n", "line 2: the segment starts at -1 s"),
        ("start,end\nnan,2\n0,1\n", "line 2: nan to 2 s is not a time span"),
        ("start,end\n1,inf\n0,1\n", "line 2: 1 to inf s is not a time span"),
        ("SPEAKER a 1 0 1\nSPEAKER a 1 0\n", "line 2: 4 fields without a channel"),
        ("SPEAKER a 1 0 0\nSPEAKER a 1 0 1\n", "line 1: the segment at 0 s has no length"),
        ("1\n00:00:01,000 --> soon\n\n00:00:00,000 --> 00:00:01,000\n", "line 2: 'soon' is not a time"),
        ("0.5\t2.5\tann\n3.0\t3.0\tpoint\n0\t1\n", "line 2: the segment at 3 s has no length; skipped$"),
        ("0\t1\tann\nann\n", "line 2: 'ann' is not start, end and label with tabs"),
        ('{"segments": [7, {"start": 0, "end": 1}]}', "segment 1: is not an object with start and end"),
        ('{"segments": [{"start": 0, "end": 1}, {"text": "a"}]}', "segment 2: has no start and end in seconds"),
    ],
)
def test_a_bad_entry_is_skipped_and_the_rest_read(content: str, problem: str, tmp_path: Path) -> None:
    result = annotations(tmp_path, content)
    assert len(result.problems) == 1
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(result.problems[0])
    assert result.problems[0].startswith(f"{tmp_path / 'marks'}, ")
    assert result.segments[""]


def test_many_bad_entries_of_a_kind_are_one_message(tmp_path: Path) -> None:
    result = annotations(tmp_path, "start,end\n0,1\n" + "2,2\n" * 1000 + "-1,2\n")
    assert [problem.partition(", ")[2] for problem in result.problems] == [
        "line 3: the segment at 2 s has no length; skipped (999 more like it)",
        "line 1003: the segment starts at -1 s, expected 0 or more; skipped",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("start,end\n3,2\n", "line 2: the segment ends at 2 s, before its start at 3 s; and there is no other segment"),
        ("start,label\n1,a\n", "line 1: the header has a start and neither an end nor a duration"),
        ("some words\n", "line 1: 'some words' is neither a header with start and end nor a segment"),
        ("start,end\n", "has no segment"),
        ("", "has no segment"),
        ("WEBVTT\n", "has no segment"),
        ('{"segments": []}', "has no segment"),
        ('{"segments": [', "line 1: is not valid JSON"),
        ('{"a": 1}', "has none of the lists segments"),
        ("[" * 100_000, "is not valid JSON"),
        ('File type = "ooTextFile"\n', "is not a TextGrid that can be read"),
        ("<ANNOTATION_DOCUMENT", "is not an EAF file that can be read"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT/>', "declares XML entities"),
        ('start,end\n0,1,"' + "x" * 200_000, "line 2: field larger than field limit"),
        (b"RIFF\xff\x00\x00WAVE", "is not a text file"),
    ],
)
def test_what_cannot_be_read_is_one_line(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message) as error:
        annotations(tmp_path, content)
    assert str(error.value).startswith(f"{tmp_path / 'marks'}")
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        read(tmp_path / "absent")


def test_encodings(tmp_path: Path) -> None:
    content = "start,end,speaker\n0,1,Jörg\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        result = annotations(tmp_path, content.encode(encoding))
        assert (result.segments[""], result.notes) == ([Segment(0, 1, "Jörg")], ())
    result = annotations(tmp_path, content.encode("cp1252"))
    assert result.segments[""] == [Segment(0, 1, "Jörg")]
    assert result.notes == (f"{tmp_path / 'marks'}: is not UTF-8 and was read as Windows-1252; check names and words",)


@pytest.mark.parametrize(
    ("content", "package"), [(TEXTGRID, "praatio.utilities.textgrid_io"), (EAF, "pympi"), (ASS, "pysubs2")]
)
def test_without_the_extra(content: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PackageError, match=r"pip install 'audio-emotion\[annotations\]'"):
        annotations(tmp_path, content)


def test_a_hundred_thousand_words(tmp_path: Path) -> None:
    words = [
        {"word": f" w{n}", "start": 0.3 * n, "end": 0.3 * n + 0.2, "speaker": f"S{n // 50 % 2}"} for n in range(100_000)
    ]
    found = segments(tmp_path, json.dumps({"segments": [{"start": 0, "end": 30_000, "text": "", "words": words}]}))
    assert len(found) == 2000
    assert found[0].text.endswith("w49")
