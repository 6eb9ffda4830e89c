"""Whatever an annotation file holds, it is read or refused in one line, and every segment makes sense."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio_emotion.audio.annotations import read
from audio_emotion.audio.segments import overlap_seconds
from audio_emotion.core.errors import UsageError
from tests.audio.annotations import test_annotations as samples

WELL = {
    "whisperx": json.dumps(samples.WHISPERX),
    "whisper.cpp": json.dumps(samples.WHISPER_CPP),
    "transformers": json.dumps(samples.TRANSFORMERS),
    "words": json.dumps(samples.WORDS),
    "ours": json.dumps(samples.OURS),
    "rttm": samples.RTTM,
    "srt": samples.SRT,
    "vtt": samples.VTT,
    "raven": samples.RAVEN,
    "table": 'start,end,speaker,text,channel\n0.5,2.5,ann,"two\nlines",1\n3,5,bob,x,2\n',
    "labels": "0,5\t2,5\tann\n\\\t100.0\t2000.0\n3\t5\tANN: hi\n",
    "whisper tsv": "start\tend\ttext\n500\t2500\thello\n",
    "textgrid": samples.TEXTGRID,
    "eaf": samples.EAF,
    "ass": samples.ASS,
}
ODD = ["", "\0", "\n", "\r", "-->", "<v ", "SPEAKER ", "nan", "inf", "-1", "1e400", "99:99:99.9", ",", ";",
       "\t", '"', "[", "{", "null",
       "٣", "½", "\ud800", "\u2028", "WEBVTT\n\n", "start,end\n", "<NA>", ": ", "9" * 5000]  # fmt: skip

edits = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(0, 30), st.sampled_from(ODD) | st.text(max_size=8)),
    min_size=1,
    max_size=6,
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["segments", "words", "word", "start", "end", "text", "speaker", "channel", "file"]),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


def check(folder: Path, content: bytes) -> None:
    """Read a file; what it gives must make sense, and what it refuses must be one line."""
    (folder / "marks").write_bytes(content)
    refusal = None
    try:
        found = read(folder / "marks", ["call", "other"])
    except UsageError as error:
        refusal = str(error)
    if refusal is not None:
        assert refusal.isprintable(), ascii(refusal)
        return
    for line in (*found.problems, *found.notes):
        assert line.isprintable(), ascii(line)
    for segments in found.segments.values():
        for segment in segments:
            assert 0 <= segment.start < segment.end < math.inf
            assert segment.channel is None or segment.channel >= 1
        assert all(seconds >= -1e-6 for seconds in overlap_seconds(segments))


relaxed = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(name=st.sampled_from(sorted(WELL)), changes=edits)
def test_damaged_files(
    tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[int, int, str]]
) -> None:
    text = WELL[name]
    for place, length, new in changes:
        at = place % (len(text) + 1)
        text = text[:at] + new + text[at + length :]
    check(tmp_path_factory.getbasetemp(), text.encode("utf-8", "surrogatepass"))


@relaxed
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_garbage(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    check(tmp_path_factory.getbasetemp(), content)


@relaxed
@given(content=values)
def test_json_of_any_shape(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    for shape in (content, {"segments": content}, [content]):
        check(tmp_path_factory.getbasetemp(), json.dumps(shape).encode())


@pytest.mark.parametrize("name", WELL)
def test_files_that_end_too_early(name: str, tmp_path: Path) -> None:
    content = WELL[name].encode()
    for end in range(0, len(content), 7):
        check(tmp_path, content[:end])


def test_the_samples_are_well(tmp_path: Path) -> None:
    for name, text in WELL.items():
        (tmp_path / "marks").write_text(text, "utf-8")
        assert any(read(tmp_path / "marks", ["call", "other"]).segments.values()), name
