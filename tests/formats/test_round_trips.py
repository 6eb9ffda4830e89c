"""What is written can be read: by this package's readers, and by the libraries that other tools use."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio.utilities.textgrid_io import parseTextgridStr

from audio_emotion import formats
from audio_emotion.audio.annotations import read
from audio_emotion.audio.segments import Segment
from audio_emotion.core.types import Turn
from audio_emotion.formats import Result, Source
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import overall
from audio_emotion.inference.turns import score_turns
from tests.made_call import make_call

READABLE = ("json", "jsonl", "csv", "srt", "vtt", "rttm", "audacity", "audformat", "textgrid", "eaf")


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def call(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The made call, answered."""
    sound, transcript = make_call(tmp_path_factory.mktemp("call"))
    given_ = read(transcript, ["call"])
    assert (given_.problems, given_.notes) == ((), ())
    turns = tuple(score_turns(model, sound, given_.segments["call"]))
    return Result(Source("call.wav", model.config.name, "cpu"), overall(turns, model.config), turns)


def render(name: str, result: Result) -> str:
    return formats.get_writer(name, list(result.prediction.scores)).render([result])


def written(name: str, result: Result, folder: Path) -> Path:
    path = folder / f"call{formats.get_writer(name, ()).suffix}"
    path.write_text(render(name, result), "utf-8")
    return path


def test_the_made_call_is_a_call(call: Result):
    assert len(call.segments) > 60
    assert {(turn.speaker, turn.channel) for turn in call.segments} == {("ANNA", 1), ("BEN", 2)}
    assert any(turn.timeline for turn in call.segments)
    assert call.segments[-1].end > 340


@pytest.mark.parametrize("name", READABLE)
def test_the_call_comes_back(name: str, call: Result, tmp_path: Path):
    found = read(written(name, call, tmp_path), ["call"])
    assert (found.problems, found.notes) == ((), ())
    segments = sorted(found.segments["call"], key=lambda segment: segment.start)
    assert len(segments) == len(call.segments)
    for segment, turn in zip(segments, call.segments, strict=True):
        assert (segment.start, segment.end) == pytest.approx((turn.start, turn.end), abs=0.002)
        assert segment.speaker == turn.speaker
        assert segment.text == ("" if name == "rttm" else turn.text)
        has_channel = name in {"json", "jsonl", "csv", "audformat", "rttm"}
        assert segment.channel == (turn.channel if has_channel else None)


def test_subtitles_in_pysubs2(call: Result, tmp_path: Path):
    pysubs2 = pytest.importorskip("pysubs2")
    for name in ("srt", "vtt"):
        events = pysubs2.load(str(written(name, call, tmp_path)))
        assert len(events) == len(call.segments)
        for event, turn in zip(events, call.segments, strict=True):
            assert event.start == pytest.approx(1000 * turn.start, abs=1)
            assert turn.label in event.plaintext
            assert turn.text in event.plaintext


def test_tiers_in_praatio(call: Result, tmp_path: Path):
    textgrid = pytest.importorskip("praatio.textgrid")
    grid = textgrid.openTextgrid(str(written("textgrid", call, tmp_path)), includeEmptyIntervals=False)
    assert grid.tierNames == ("ANNA", "ANNA emotion", "BEN", "BEN emotion")
    ben = [turn for turn in call.segments if turn.speaker == "BEN"]
    assert [entry.label for entry in grid.getTier("BEN").entries] == [turn.text for turn in ben]
    emotions = grid.getTier("BEN emotion").entries
    assert [entry.label.split()[0] for entry in emotions] == [turn.label.split()[0] for turn in ben]
    assert [entry.start for entry in emotions] == pytest.approx([turn.start for turn in ben], abs=0.001)


def test_tiers_in_pympi(call: Result, tmp_path: Path):
    pympi = pytest.importorskip("pympi")
    document = pympi.Eaf(str(written("eaf", call, tmp_path)))
    assert list(document.get_tier_names()) == ["ANNA", "ANNA emotion", "BEN", "BEN emotion"]
    anna = [turn for turn in call.segments if turn.speaker == "ANNA"]
    found = sorted(document.get_annotation_data_for_tier("ANNA"))
    assert [entry[2] for entry in found] == [turn.text for turn in anna]
    assert [entry[0] for entry in found] == pytest.approx([1000 * turn.start for turn in anna], abs=1)


def test_tables_in_pandas(call: Result, tmp_path: Path):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(written("csv", call, tmp_path))
    assert list(table.columns[-4:]) == ["channel", "speaker", "text", "overlap"]
    assert list(table["text"]) == [turn.text for turn in call.segments]
    spans = pandas.read_csv(written("audformat", call, tmp_path), index_col=["file", "start", "end"])
    starts = pandas.to_timedelta(spans.index.get_level_values("start")).total_seconds()
    assert list(starts) == pytest.approx([turn.start for turn in call.segments], abs=0.001)


def test_label_studio(call: Result):
    (task,) = json.loads(render("label-studio", call))
    regions: dict[str, dict] = {}
    for region in task["predictions"][0]["result"]:
        regions.setdefault(region["id"], {})[region["from_name"]] = region["value"]
    assert len(regions) == len(call.segments)
    first = next(iter(regions.values()))
    assert first["speaker"]["labels"] == ["ANNA"]
    assert first["emotion"]["channel"] == 0
    assert first["transcription"]["text"] == [call.segments[0].text]


# --- odd names and words ----------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(words, words, st.integers(0, 50), st.integers(1, 30)), min_size=1, max_size=5))
def test_odd_names_and_words_break_no_format(tmp_path_factory: pytest.TempPathFactory, spoken: list):
    folder = tmp_path_factory.mktemp("odd")
    turns = tuple(
        Turn(start / 10, (start + length) / 10, "sad", 0.75, {"sad": 0.75, "happy": 0.25}, 1, None, speaker, text)
        for speaker, text, start, length in sorted(spoken, key=lambda turn: (turn[2], turn[3]))
    )
    result = Result(Source("call.wav", "m", "cpu"), replace(turns[0], end=9.0), turns)
    spans = [(round(100 * turn.start), round(100 * turn.end)) for turn in turns]
    for name in ("json", "jsonl", "csv", "audformat", "srt", "vtt", "rttm", "audacity"):
        found = read(written(name, result, folder), ["call"]).segments["call"]
        assert sorted((round(100 * segment.start), round(100 * segment.end)) for segment in found) == spans, name
    grid = parseTextgridStr(render("textgrid", result))
    emotions = [entry for tier in grid["tiers"] if "emotion" in tier["name"] for entry in tier["entries"]]
    found = {(round(100 * float(start)), round(100 * float(end))) for start, end, _ in emotions}
    assert set(spans) <= found
    slots = [int(slot.get("TIME_VALUE")) for slot in ET.fromstring(render("eaf", result)).iter("TIME_SLOT")]
    assert {slot // 10 for slot in slots} == {time for span in spans for time in span}
    assert json.loads(render("label-studio", result))


def test_a_segment_is_its_own_round_trip_in_json(tmp_path: Path):
    turn = Turn(0.5, 2.0, "sad", 1.0, {"sad": 1.0}, 1, 2, "Ann", "Well: no.")
    result = Result(Source("call.wav", "m", "cpu"), turn, (turn,))
    (segment,) = read(written("json", result, tmp_path), ["call"]).segments["call"]
    assert segment == Segment(0.5, 2, "Ann", "Well: no.", 2)
