import csv
import io
import json
import os
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_emotion import formats
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import UsageError
from audio_emotion.core.paths import encodable
from audio_emotion.core.types import Prediction, Turn
from audio_emotion.formats import FORMATS, Result, Source
from tests.conftest import ROOT

LABELS = ("neutral", "happy", "sad")
DOC = ROOT / "docs" / "output-formats.md"


def said(start: float, end: float, label: str, *scores: float, n_windows: int = 1) -> Prediction:
    table = dict(zip(LABELS, scores, strict=True))
    return Prediction(start, end, label, table.get(label, max(scores)), table, n_windows)


HAPPY = said(0.0, 3.0, "happy", 0.0625, 0.8125, 0.125)
SILENT = said(3.0, 6.0, NO_SPEECH, 0.0, 0.0, 0.0)
UNSURE = said(6.0, 9.5, "unknown", 0.375, 0.25, 0.375)
CLIP = Result(Source("hello.wav", "two-channel-cnn", "cpu"), replace(HAPPY, end=2.5))
CALL = Result(
    Source("call.mp3", "two-channel-cnn", "cpu"),
    said(0.0, 9.5, "happy", 0.25, 0.5, 0.25, n_windows=2),
    (HAPPY, SILENT, UNSURE),
)
ANNA = Turn(0.0, 3.0, "happy", 0.8125, HAPPY.scores, 1, 1, "ANNA", "Good morning!", 0.5)
SAD = {"neutral": 0.125, "happy": 0.125, "sad": 0.75}
BEN = Turn(2.5, 5.5, "sad", 0.75, SAD, 1, 2, "Ben Lee", "I <lost> it --> all.")
TALK = Result(
    Source("talk.wav", "two-channel-cnn", "cpu"), said(0.0, 5.5, "happy", 0.09375, 0.46875, 0.4375), (ANNA, BEN)
)
ODD_NAMES = [
    "two\nlines.wav",
    "a b.wav",
    'quo"te,comma.wav',
    os.fsdecode(b"caf\xe9\xff.wav"),
    "tab\t--> <x>&;.wav",
    "é€🎧.wav",
]


def render(name: str, *answers: Result, many: bool = False, top_k: int | None = None) -> str:
    return formats.get_writer(name, LABELS, many=many, top_k=top_k).render(answers)


@pytest.mark.parametrize("example", re.findall(r"^```([\w-]+) (\S+)\n(.*?)^```", DOC.read_text("utf-8"), re.M | re.S))
def test_the_documented_examples_are_what_is_written(example: tuple[str, str, str]):
    name, file, text = example
    assert render(name, {"hello.wav": CLIP, "call.mp3": CALL, "talk.wav": TALK}[file]) == text


def test_every_format_is_documented_with_an_example():
    shown = {name for name, _ in re.findall(r"^```([\w-]+) (\S+)\n", DOC.read_text("utf-8"), re.M)}
    assert shown == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("many", [False, True])
def test_a_timeline_written_segment_by_segment_is_the_whole(name: str, many: bool):
    writer = formats.get_writer(name, LABELS, many=many)
    pieces = [writer.head()]
    for answer in (CALL, replace(CALL, source=replace(CALL.source, file="other.mp3"))) if many else (CALL,):
        pieces.append(writer.begin(answer.source))
        pieces.extend(writer.segment(answer.source, segment) for segment in CALL.segments)
        pieces.append(writer.end(answer))
    pieces.append(writer.tail())
    answers = (CALL, replace(CALL, source=replace(CALL.source, file="other.mp3"))) if many else (CALL,)
    assert "".join(pieces) == render(name, *answers, many=many)
    if name not in {"json", "textgrid", "eaf", "label-studio"}:  # they are written when they are complete
        assert "happy" in pieces[2]


def test_json_is_an_object_or_a_list_and_fits_the_schema():
    validator = jsonschema.Draft202012Validator(formats.schema())
    jsonschema.Draft202012Validator.check_schema(formats.schema())
    one = json.loads(render("json", CALL))
    assert list(one) == ["file", "start", "end", "label", "score", "scores", "segments", "model", "device"]
    assert [segment["label"] for segment in one["segments"]] == ["happy", NO_SPEECH, "unknown"]
    several = render("json", CALL, CLIP, many=True)
    assert several == json.dumps([one, json.loads(render("json", CLIP))], indent=2) + "\n"
    assert json.loads(render("json", many=True)) == []
    for content in (one, json.loads(several), json.loads(render("json", CLIP, many=True)), []):
        validator.validate(content)


@pytest.mark.parametrize(
    "damage",
    [{"score": 1.5}, {"scores": {}}, {"start": -1}, {"label": None}, {"extra": 1}, {"segments": [{"start": 0}]}],
)
def test_the_schema_refuses_what_is_wrong(damage: dict):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(render("json", CALL)) | damage, formats.schema())


def test_lines_of_jsonl_fit_their_schema():
    whole = formats.schema()
    validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/line", "$defs": whole["$defs"]})
    lines = render("jsonl", CLIP, CALL).splitlines()
    assert len(lines) == 4
    for line in lines:
        validator.validate(json.loads(line))


def test_json_of_a_conversation_fits_the_schema():
    long = replace(BEN, timeline=(replace(HAPPY, start=2.5, end=4.0), replace(HAPPY, start=4.0, end=5.5)))
    talk = replace(TALK, segments=(ANNA, long, replace(ANNA, start=6.0, end=8.0, label="sad", score=0.75, scores=SAD)))
    content = json.loads(render("json", talk))
    jsonschema.validate(content, formats.schema())
    assert list(content["segments"][0])[:4] == ["channel", "speaker", "text", "overlap"]
    assert "overlap" not in content["segments"][1]
    assert [part["start"] for part in content["segments"][1]["timeline"]] == [2.5, 4.0]
    anna, ben = content["speakers"]
    assert (anna["share"], ben["share"]) == (0.625, 0.375)
    assert [(turn["start"], turn["label"], turn["before"]) for turn in anna["changes"]] == [(6.0, "sad", "happy")]
    assert [turn["label"] for turn in anna["strongest"]] == ["happy", "sad"]
    whole = formats.schema()
    validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/line", "$defs": whole["$defs"]})
    for line in render("jsonl", talk).splitlines():
        validator.validate(json.loads(line))


def test_words_without_speech_are_kept():
    silent = replace(ANNA, label=NO_SPEECH, score=0.0, scores=dict.fromkeys(LABELS, 0.0))
    talk = replace(TALK, segments=(silent,))
    assert "\nANNA: Good morning!\n" in render("srt", talk)
    assert "<v ANNA>Good morning!\n" in render("vtt", talk)
    assert render("audacity", talk).endswith("\tANNA: Good morning!\n")


def test_text_lists_the_largest_probabilities_where_asked():
    assert formats.text(CLIP.prediction, top_k=2).splitlines()[2:] == [
        "Top 2 emotions:",
        "happy: 81.25%",
        "sad: 12.50%",
    ]
    assert formats.text(CLIP.prediction, top_k=9).splitlines()[2] == "All emotion probabilities:"
    assert "(happy 81.25%, sad 12.50%)" in render("text", CALL, top_k=2)


def test_text_of_what_is_no_emotion():
    assert formats.text(SILENT) == "Predicted emotion: no speech\n"
    assert formats.text(UNSURE).startswith("Predicted emotion: unknown\n\nAll emotion probabilities:\nneutral: 37.50%")


def test_text_says_how_many_windows_and_names_each_of_several_files():
    assert formats.text(CALL.prediction).splitlines()[1] == "(mean over 2 windows that hold speech)"
    text = render("text", CLIP, replace(CLIP, source=replace(CLIP.source, file="b.wav")), many=True)
    assert text == f"hello.wav\n{formats.text(CLIP.prediction)}\nb.wav\n{formats.text(CLIP.prediction)}"


def test_shares_are_of_the_time():
    assert formats.shares(CALL.segments) == pytest.approx({"unknown": 3.5 / 9.5, "happy": 3 / 9.5, NO_SPEECH: 3 / 9.5})
    assert formats.shares([]) == {}


def test_rttm_has_ten_fields_and_its_times_add_up():
    rows = [line.split() for line in render("rttm", CALL, CLIP).splitlines()]
    assert [len(row) for row in rows] == [10, 10, 10]
    assert [(row[0], row[1], float(row[3]) + float(row[4])) for row in rows] == [
        ("SPEAKER", "call", 3.0),
        ("SPEAKER", "call", 9.5),
        ("SPEAKER", "hello", 2.5),
    ]


def test_long_recordings_have_hours_and_days():
    late = replace(CLIP, prediction=replace(HAPPY, start=90_061.5, end=90_064.0))
    assert "25:01:01,500 --> 25:01:04,000" in render("srt", late)
    assert "25:01:01.500 --> 25:01:04.000" in render("vtt", late)
    assert "1 days 01:01:01.500000,1 days 01:01:04" in render("audformat", late)


@pytest.mark.parametrize("file", ODD_NAMES)
@pytest.mark.parametrize("name", FORMATS)
def test_odd_names_break_no_format(name: str, file: str):
    text = render(name, replace(CALL, source=replace(CALL.source, file=file)), many=True)
    text.encode("utf-8")
    if name == "json":
        assert json.loads(text)[0]["file"] == encodable(file)
    elif name == "jsonl":
        assert [json.loads(line)["file"] for line in text.splitlines()] == [encodable(file)] * 3
    elif name in {"csv", "audformat"}:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row["file"] for row in rows] == [encodable(file)] * 3
    elif name == "label-studio":
        assert json.loads(text)[0]["data"]["audio"] == encodable(file)
    elif name == "eaf":
        assert ET.fromstring(text).find("HEADER/MEDIA_DESCRIPTOR").get("MEDIA_URL") == encodable(file)
    elif name == "rttm":
        assert [len(line.split()) for line in text.split("\n")] == [10, 10, 0]
    else:
        assert text.count("\n") == render(name, CALL, many=True).count("\n")


@given(st.binary(min_size=1, max_size=40).map(os.fsdecode), st.binary(min_size=1, max_size=40).map(os.fsdecode))
def test_any_two_names_stay_apart_as_words(one: str, other: str):
    words = [formats.percent_encode(name, also=" ") for name in (one, other)]
    assert all(len(word.split()) == 1 and word.encode("utf-8") for word in words)
    assert (words[0] == words[1]) == (one == other)


def test_an_unknown_format_names_those_there_are():
    with pytest.raises(UsageError, match=r"'xml'.*text.*audformat"):
        formats.get_writer("xml", LABELS)


@pytest.mark.parametrize("name", ["csv", "audformat"])
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula_for_a_spreadsheet(name: str, start: str):
    evil = f"{start}cmd|' /C calc'!A0"
    labels = (evil, "sad")
    prediction = Prediction(0.0, 1.0, evil, 0.75, {evil: 0.75, "sad": 0.25}, 1)
    text = formats.get_writer(name, labels).render([Result(Source(evil, "model", "cpu"), prediction)])
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert any("calc" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
