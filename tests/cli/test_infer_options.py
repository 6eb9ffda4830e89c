"""What `infer` says to options and streams that cannot be right; in this process, so that many can be asked."""

import csv
import io
import json
import os
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer.main
from typer.testing import CliRunner, Result

from audio_emotion.cli import app
from tests.cli.conftest import Run
from tests.sounds import RATE, encoded, voice

posix = pytest.mark.skipif(os.name == "nt", reason="has other devices and names")


def refused(result: Result, code: int, words: str) -> None:
    assert result.exit_code == code, (result.exit_code, result.stderr)
    assert result.stderr.count("\n") == 1, result.stderr
    assert words in result.stderr
    assert result.stdout == ""
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--start nan", "'--start': it is nan, expected 0 or more; try 'audio-emotion infer --help'"),
        ("--start=-1", "'--start': it is -1"),
        ("--start 3 --end 2", "the end is 2 s, expected more than the start, 3 s"),
        ("--end nan", "'--end': it is nan, expected more than 0"),
        ("--end inf", "'--end': it is inf"),
        ("--min-confidence 1.5", "'--min-confidence': it is 1.5, expected 0 to 1"),
        ("--timeline --window nan", "'--window': it is nan, expected 0.1 to 600"),
        ("--timeline --hop 0", "'--hop': it is 0, expected 0.01 to 600"),
        ("--timeline --hop 5", "the hop is 5 s and the window 3 s"),
        ("--timeline --min-duration=-inf", "'--min-duration': it is -inf"),
        ("--timeline --smooth mean", "smooth is 'mean', expected one of median, viterbi"),
        ("--output-dir out --max-size nan", "'--max-size': it is nan, expected more than 0"),
        ("--output-dir out --max-size inf", "'--max-size': it is inf"),
        ("--output-dir out --max-duration 0", "'--max-duration': it is 0, expected more than 0"),
        ("--output-dir out --decode-timeout=-1", "'--decode-timeout': it is -1"),
        ("--hop 0.5", "--hop has no effect without --timeline"),
        ("--window 3", "--window has no effect without --timeline"),
        ("--merge", "--merge has no effect without --timeline"),
        ("--min-duration 2", "--min-duration has no effect without --timeline"),
        ("--smooth median", "--smooth has no effect without --timeline"),
        ("--vad --no-gate", "--vad cannot be used with --no-gate"),
        ("-j 2", "--jobs has no effect without --output-dir"),
        ("--restart", "--restart has no effect without --output-dir"),
        ("--max-size 4", "--max-size has no effect without --output-dir"),
        ("--engine ray", "--engine has no effect without --output-dir"),
        ("--output-dir out --partition 9", "--partition has no effect without --engine ray"),
        ("--output-dir out --engine spark", "unknown engine 'spark'; available: local, ray"),
        ("--output-dir out --engine ray --json", "--format (it writes Parquet) cannot be used with --engine ray"),
        ("--output-dir out --engine ray --channels each", "--channels each cannot be used with --engine ray"),
        ("s3://bucket/a.wav", "s3://bucket/a.wav is in an object store; add --engine ray"),
        ("--plot x.gif", "x.gif: a plot is a .png or an .svg file"),
        ("--plot x.png long.wav", "--plot needs one recording, but 2 are given"),
        ("--report x.html", "--report shows a recording over time; add --segments FILE, --speakers auto or --timeline"),
        ("--report x.pdf --timeline", "x.pdf: a report is an .html file; change its name"),
        ("--report x.html --timeline long.wav", "--report needs one recording, but 2 are given"),
        ("--embed-audio", "--embed-audio has no effect without --report FILE"),
        ("--output-dir out --report x.html", "--report cannot be used with --output-dir"),
        ("--output-dir out --plot x.png", "--plot cannot be used with --output-dir"),
        ("--output-dir out -", "standard input (-) cannot be used with --output-dir"),
        ("- -", "standard input (-) is given twice"),
        ("--files-from - -", "standard input (-) is given twice"),
        ("--files-from clip.wav", "clip.wav: is not a list"),
        ("--segments clip.wav", "clip.wav: is not a text file; expected a transcript"),
        ("--output-dir ''", "--output-dir is empty, expected a value; try 'audio-emotion infer --help'"),
        ("--model=", "--model is empty, expected a value"),
        ("''", "an argument is empty, expected a name; try 'audio-emotion infer --help'"),
        ("--segments turns.csv --timeline", "--timeline cannot be used with --segments"),
        ("--segments turns.csv --start 1", "--start cannot be used with --segments"),
        ("long.wav --format srt", "the format srt holds one recording, but 2 are given; add --output-dir"),
        ("long.wav --timeline --format vtt", "the format vtt holds one recording, but 2 are given"),
        ("--device abacus", "unknown device 'abacus'"),
        ("--backend abacus", "unknown backend 'abacus'"),
        ("--format xml", "xml"),
        ("--jsom", "no such option: --jsom"),
        ("--top-k none", "'--top-k'"),
        ("--model", "option '--model' requires an argument; try 'audio-emotion --help'"),
    ],
)
def test_what_can_never_be_right_is_one_line_and_two(infer: Run, options: str, words: str):
    Path("turns.csv").write_text("start,end\n0,1\n")
    refused(infer("clip.wav", *shlex.split(options)), 2, words)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("none.wav", "none.wav: no such file or folder; check the path"),
        ("nowhere/", "nowhere: no such file or folder; check the path"),
        ("clip.wav --model none", "no model 'none'"),
        ("clip.wav --model empty", "empty: is a folder without config.json; name that of a model"),
        ("clip.wav --segments none.csv", "none.csv: cannot be read (No such file or directory); expected a transcript"),
        ("--files-from none.txt", "none.txt: cannot be read (No such file or directory); expected a list"),
        ("empty", "empty: is a folder without recordings (*.wav, *.mp3, *.mp4 ...)"),
        ("clip.wav --output-dir clip.wav", "clip.wav: is a file, expected a folder for the results"),
        ("clip.wav --start 5", "contains no samples after 5 s"),
        ("clip.wav --channels 2", "has 1 channel(s)"),
        ("clip.wav --stream 2", "stream 2 was requested"),
    ],
)
def test_what_is_not_here_is_one_line_and_one(infer: Run, arguments: str, words: str):
    refused(infer(*shlex.split(arguments)), 1, words)


def test_nothing_is_printed_before_the_first_answer(infer: Run):
    for options in ([], ["--timeline"], ["--format", "csv"], ["--json"]):
        assert infer("none.wav", *options).stdout == ""
    assert json.loads(infer("none.wav", "nor-this.wav", "--json").stdout) == []
    assert infer("none.wav", "nor-this.wav").stdout == ""
    mixed = infer("none.wav", "clip.wav")
    assert mixed.exit_code == 3
    assert mixed.stdout.startswith("Using device: cpu\n\nclip.wav\nPredicted emotion: ")
    soundfile.write("silence.wav", np.zeros(5 * RATE), RATE)
    assert infer("silence.wav", "--timeline", "--format", "vtt").stdout == "WEBVTT\n\n"


def test_segments_within_the_recording_are_answered_and_those_behind_it_named(infer: Run):
    Path("turns.csv").write_text("start,end\n0,1\n100,101\n")
    some = infer("clip.wav", "--segments", "turns.csv", "--json")
    assert some.exit_code == 3
    assert some.stderr.endswith(
        "clip.wav: the segment from 100 to 101 s starts after the end of the recording; "
        "are these the segments of another one, or was it cut off?\n"
    )
    answer = json.loads(some.stdout)
    assert [(said["start"], said["end"]) for said in answer["segments"]] == [(0, 1)]
    soundfile.write("two.wav", np.stack([voice(2)] * 2, axis=1), RATE)
    each = infer("two.wav", "--segments", "turns.csv", "--channels", "each", "--json")
    assert (each.exit_code, [one["channel"] for one in json.loads(each.stdout)]) == (3, [1, 2])
    Path("turns.csv").write_text("start,end\n100,101\n")
    assert (none := infer("clip.wav", "--segments", "turns.csv", "--json")).exit_code == 1
    assert none.stdout == ""


def test_bad_segments_are_named_and_the_others_answered(infer: Run):
    Path("turns.csv").write_text("start,end\n0,1\n1,1\n1,1\n-1,2\n2,x\n")
    some = infer("clip.wav", "--segments", "turns.csv", "--json")
    assert (some.exit_code, len(json.loads(some.stdout)["segments"])) == (3, 1)
    assert some.stderr.splitlines() == [
        "audio-emotion: turns.csv, line 3: the segment at 1 s has no length; skipped (1 more like it)",
        "audio-emotion: turns.csv, line 5: the segment starts at -1 s, expected 0 or more; skipped",
        "audio-emotion: turns.csv, line 6: 'x' is not a time, expected seconds or H:MM:SS.mmm; skipped",
    ]


def test_speakers_of_two_channels_and_channels_that_are_not_there_are_noted(infer: Run):
    Path("turns.csv").write_text("start,end,speaker,channel\n0,1,A,1\n1,2,A,2\n")
    some = infer("clip.wav", "--segments", "turns.csv", "--json")
    assert some.exit_code == 0
    assert some.stderr.splitlines() == [
        "audio-emotion: note: clip.wav: A: one name on several channels counts as several speakers",
        "audio-emotion: note: clip.wav has 1 channel(s), and its segments name channel 2: "
        "those segments are predicted from the mean of all channels",
    ]


def test_a_report_and_a_plot_of_a_conversation(infer: Run):
    soundfile.write("two.wav", np.stack([voice(4), voice(4)], axis=1), RATE)
    Path("turns.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\n<v Ann>Hi\n\n00:02.000 --> 00:03.500\n<v Bob>No\n")
    done = infer("two.wav", "--segments", "turns.vtt", "--report", "two.html", "--plot", "two.png", "--format", "csv")
    assert done.exit_code == 0
    assert "audio-emotion: report written to two.html\n" in done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["speaker"], row["text"], row["channel"]) for row in rows] == [("Ann", "Hi", ""), ("Bob", "No", "")]
    page = Path("two.html").read_text("utf-8")
    assert "Bob" in page
    assert 'src="two.wav"' in page
    assert Path("two.png").read_bytes()[:4] == b"\x89PNG"
    each = infer("two.wav", "--channels", "each", "--timeline", "--report", "two.html", "--embed-audio", "-f", "csv")
    assert {row["channel"] for row in csv.DictReader(io.StringIO(each.stdout))} == {"1", "2"}
    page = Path("two.html").read_text("utf-8")
    assert "channel 2" in page
    assert 'src="data:audio/x-wav;base64,' in page


def test_each_recording_is_asked_its_own_turns(infer: Run):
    Path("turns.rttm").write_text(
        "".join(f"SPEAKER {of} 1 {start} 1 <NA> <NA> a <NA> <NA>\n" for of, start in (("clip", 0), ("long", 3)))
    )
    said = json.loads(infer("clip.wav", "long.wav", "--segments", "turns.rttm", "--json").stdout)
    assert [[(one["start"], one["end"]) for one in answer["segments"]] for answer in said] == [[(0, 1)], [(3, 4)]]
    Path("other.wav").write_bytes(Path("clip.wav").read_bytes())
    some = infer("other.wav", "clip.wav", "--segments", "turns.rttm", "--json")
    assert (some.exit_code, [answer["file"] for answer in json.loads(some.stdout)]) == (3, ["clip.wav"])
    assert some.stderr == (
        "audio-emotion: note: turns.rttm: 1 segment(s) belong to other recordings (long) and are ignored\n"
        "audio-emotion: other.wav: has no segment in this file, which is about other recordings\n"
    )


def test_a_recording_is_not_written_over(infer: Run):
    Path("clip.png").write_bytes(Path("clip.wav").read_bytes())
    refused(infer("clip.png", "--plot", "./clip.png"), 2, "would overwrite an input recording")
    log = infer("clip.wav", "--log-file", "clip.wav")
    refused(log, 1, "clip.wav: cannot be written (it exists and is not a text file); use another --log-file")
    assert Path("clip.png").read_bytes() == Path("clip.wav").read_bytes()


def test_a_list_may_come_on_standard_input(infer: Run):
    said = json.loads(infer("--files-from", "-", "--json", content=b"# mine\nclip.wav\nlong.wav\n").stdout)
    assert [answer["file"] for answer in said] == ["clip.wav", "long.wav"]
    Path("#1.wav").write_bytes(Path("clip.wav").read_bytes())
    said = json.loads(infer("--files-from", "-", "--json", content=b"#1.wav\n").stdout)
    assert [answer["file"] for answer in said] == ["#1.wav"]


def test_what_a_journal_lost_is_told_unless_quiet(infer: Run):
    into = ["clip.wav", "--output-dir", "out"]
    assert "damaged" not in infer(*into).stderr
    with Path("out/journal.jsonl").open("a") as file:
        file.write("x\n")
    assert infer(*into).stderr.startswith("audio-emotion: out/journal.jsonl: 1 damaged line(s) skipped\n")
    assert infer(*into, "-q").stderr == ""


def test_a_clip_is_answered_alike_as_a_whole_and_as_a_timeline_of_one_window(infer: Run):
    sound = np.concatenate([np.zeros(RATE // 2), voice(1.2), 1e-4 * np.random.default_rng(0).standard_normal(RATE)])
    soundfile.write("padded.wav", sound, RATE)
    whole = json.loads(infer("padded.wav", "--json").stdout)
    along = json.loads(infer("padded.wav", "--json", "--timeline").stdout)
    assert len(along["segments"]) == 1
    assert along["segments"][0]["scores"] == pytest.approx(whole["scores"], abs=1e-6)
    assert (along["start"], along["end"], along["label"]) == (whole["start"], whole["end"], whole["label"])


def test_of_turns_of_several_recordings_those_of_the_one_that_is_named_are_answered(infer: Run):
    turns = (("clip", 0, 1), ("long", 1, 2), ("long", 3, 1))
    Path("turns.rttm").write_text("".join(f"SPEAKER {of} 1 {start} {n} <NA> <NA> ann\n" for of, start, n in turns))
    said = json.loads(infer("long.wav", "--segments", "turns.rttm", "--json").stdout)
    assert [(segment["start"], segment["end"]) for segment in said["segments"]] == [(1, 3), (3, 4)]


# --- streams ----------------------------------------------------------------------------------------------------------


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run with the streams as they are; the exit code, and what was said."""
    with pytest.raises(SystemExit) as end:
        app(["infer", *arguments], prog_name="audio-emotion")
    return int(end.value.code or 0), capsys.readouterr().err


def test_closed_streams_end_in_one_line(here: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdin", None)
        assert ended(capsys, "-") == (
            1, "audio-emotion: standard input: is empty (0 bytes), expected a recording\n",
        )  # fmt: skip
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdout", None)
        code, said = ended(capsys, "long.wav", "--json")
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("audio-emotion: standard output cannot be written (")
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stderr", None)
        assert ended(capsys, "none.wav") == (1, "")
    assert "none.wav" not in capsys.readouterr().out, "errors do not go to stdout instead"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
@pytest.mark.parametrize("arguments", [["long.wav"], ["long.wav", "--timeline", "-f", "csv"], ["--help"]])
def test_a_full_stdout_ends_in_one_line(here: Path, monkeypatch: pytest.MonkeyPatch, capsys, arguments: list[str]):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code, said = ended(capsys, *arguments)
        monkeypatch.undo()
    assert code == 1
    assert said == (
        "audio-emotion: standard output cannot be written (No space left on device); free space there, or redirect it "
        "elsewhere\n"
    )


@posix
def test_any_name_can_be_printed_on_any_terminal(here: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    name = os.fsdecode("Ü".encode() + b"\xff\n.wav")
    Path(name).write_bytes(encoded(voice(4)))
    for kind in ("text", "json", "csv"):
        with Path("said").open("w", encoding="ascii") as stdout:
            monkeypatch.setattr(sys, "stdout", stdout)
            assert ended(capsys, name, "long.wav", "--format", kind) == (0, "")
            monkeypatch.undo()
        monkeypatch.chdir(here)
        said = Path("said").read_text("utf-8")
        assert ("\\xdc\\xff\\n.wav" if kind == "text" else "Ü\\xff\n.wav".encode().decode()) in (
            json.loads(said)[0]["file"] if kind == "json" else said
        )


def test_standard_input_that_stops_on_its_way_is_answered_as_far_as_it_goes(infer: Run):
    whole = encoded(voice(8), file_format="FLAC")
    answer = json.loads(infer("-", "--json", content=whole[: len(whole) // 2]).stdout)
    assert 3 < answer["end"] < 6
    refused(infer("-", "--json", content=whole[:20]), 1, "standard input: ")
    refused(infer("-", "--json"), 1, "standard input: is empty (0 bytes)")


@posix
def test_standard_input_without_end_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    with Path("/dev/zero").open() as endless:
        monkeypatch.setattr(sys, "stdin", endless)
        assert ended(capsys, "-") == (1, "audio-emotion: standard input: is a device, expected a recording\n")
    read, write = os.pipe()
    os.write(write, bytes(60_000))
    os.close(write)
    monkeypatch.setattr("audio_emotion.cli._request._STDIN_BYTES", 50_000)
    with os.fdopen(read) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        code, said = ended(capsys, "-")
    assert (code, said.count("\n")) == (1, 1)
    assert "standard input: is larger than" in said


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_second_run_names_what_an_earlier_one_could_not_read(infer: Run):
    Path("bad.wav").write_bytes(b"no sound at all")
    for addition in ("", " (from an earlier run)"):
        result = infer("long.wav", "bad.wav", "--output-dir", "out", "-j", 1)
        assert result.exit_code == 3
        first, second = result.stderr.splitlines()
        assert first.startswith("audio-emotion: bad.wav: cannot be decoded")
        assert first.endswith(addition)
        assert "1 failed; results are in out" in second
    quiet = infer("long.wav", "--output-dir", "out", "-j", 1, "-q")
    assert (quiet.exit_code, quiet.stderr, quiet.stdout) == (0, "", "")


# --- help -------------------------------------------------------------------------------------------------------------


def commands() -> list[tuple[str, object]]:
    found, open_ = [], [("audio-emotion", typer.main.get_command(app))]
    while open_:
        path, one = open_.pop()
        below = getattr(one, "commands", {})
        open_ += [(f"{path} {name}", command) for name, command in below.items()]
        found += [] if below else [(path, one)]
    return found


WITH_EXAMPLES = [(path, one) for path, one in commands() if getattr(one, "epilog", None)]


@pytest.mark.parametrize(("path", "one"), WITH_EXAMPLES, ids=[path for path, _ in WITH_EXAMPLES])
def test_the_examples_of_the_help_are_commands(path: str, one, here: Path):
    examples = [line.strip() for line in one.epilog.strip().splitlines()]
    shown = CliRunner().invoke(app, [*path.split()[1:], "--help"], prog_name="audio-emotion").stdout
    for example in examples:
        assert f"\n  {example}" in shown
        assert example.startswith(path)
        words = shlex.split(example.split(" > ")[0])[len(path.split()) :]
        one.make_context(path, words)  # raises at an option that is not there


def test_the_help_of_infer_has_sections(infer: Run):
    shown = infer("--help").stdout
    sections = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert sections == [
        "Arguments:", "Input:", "Model:", "Prediction:", "Timeline:", "Output:", "Batch:", "Messages:", "Options:",
        "Examples:",
    ]  # fmt: skip
    assert "\n  FILE...  Recordings" in shown


def test_typos_are_helped(here: Path):
    result = CliRunner().invoke(app, ["infre", "x.wav"], prog_name="audio-emotion")
    refused(result, 2, "no such command 'infre'. Did you mean 'infer'? Try 'audio-emotion --help'")
    nothing = CliRunner().invoke(app, [], prog_name="audio-emotion")
    assert nothing.exit_code == 2
    assert nothing.stderr.startswith("Usage: audio-emotion ")


def test_quiet_leaves_out_the_device(infer: Run):
    whole = infer("clip.wav").stdout
    assert whole.startswith("Using device: cpu\n\nPredicted emotion: ")
    assert infer("clip.wav", "-q").stdout == whole.removeprefix("Using device: cpu\n\n")


@pytest.fixture
def transcripts(infer: Run) -> Path:
    """A folder with the turns of ``clip.wav``, ``sub/clip.wav`` and ``long.wav``, and none of ``bare.wav``."""
    Path("sub").mkdir()
    for name in ("sub/clip.wav", "bare.wav"):
        Path(name).write_bytes(Path("clip.wav").read_bytes())
    Path("turns/sub").mkdir(parents=True)
    Path("turns/clip.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\n<v Ann>Hi\n")
    Path("turns/clip.srt").write_text("1\n00:00:00,000 --> 00:00:00,500\nANN: not read\n")
    Path("turns/sub/clip.csv").write_text("start,end,speaker\n0.5,1,Bob\n")
    Path("turns/long.wav.json").write_text('{"segments": [{"start": 0.5, "end": 4.5, "text": "Yes", "speaker": "Cy"}]}')
    return Path("turns")


def test_each_recording_finds_its_transcript_in_a_folder(infer: Run, transcripts: Path):
    names = ["clip.wav", "sub/clip.wav", "bare.wav", "long.wav"]
    some = infer(*names, "--segments", "turns", "--json")
    assert some.exit_code == 3
    assert some.stderr == (
        "audio-emotion: bare.wav: has no transcript in turns; "
        "expected bare.json, .rttm, .vtt, .srt or another format of --segments\n"
    )
    turns = {result["file"]: result["segments"] for result in json.loads(some.stdout)}
    first = {name: (rows[0]["speaker"], rows[0]["start"], rows[0]["end"]) for name, rows in turns.items()}
    assert first == {"clip.wav": ("Ann", 0, 1), "sub/clip.wav": ("Bob", 0.5, 1), "long.wav": ("Cy", 0.5, 4.5)}


def test_two_recordings_do_not_share_a_transcript_and_a_bad_one_fails_alone(infer: Run, transcripts: Path):
    Path("turns/sub/clip.csv").unlink()
    some = infer("clip.wav", "sub/clip.wav", "--segments", "turns", "--json")
    assert (some.exit_code, len(json.loads(some.stdout))) == (3, 1)
    assert "sub/clip.wav: turns/clip.vtt is the transcript of clip.wav, which has the same name" in some.stderr
    Path("turns/clip.json").write_text("{}")
    some = infer("clip.wav", "long.wav", "--segments", "turns", "--json")
    assert (some.exit_code, len(json.loads(some.stdout))) == (3, 1)
    assert some.stderr.startswith("audio-emotion: clip.wav: cannot use its transcript: turns/clip.json: ")
    refused(infer("clip.wav", "--segments", "sub"), 2, "sub: contains no transcript; expected NAME.json")


def test_conversations_go_to_a_folder_and_again_if_their_turns_change(infer: Run, transcripts: Path):
    def run(*more: str) -> Result:
        return infer(
            "clip.wav", "long.wav", *more, "--segments", "turns", "--output-dir", "out", "-f", "json", "-f", "vtt"
        )

    assert run().exit_code == 0
    expected = infer("long.wav", "--segments", "turns", "--json").stdout
    assert json.loads(Path("out/long.wav.json").read_text()) == json.loads(expected)
    assert "<v Ann>" in Path("out/clip.wav.vtt").read_text()
    assert [r["file"] for r in json.loads(Path("out/results.json").read_text())] == ["clip.wav", "long.wav"]
    assert "0 processed, 2 already done" in run().stderr
    Path("turns/clip.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\n<v Eve>Hi\n")
    assert "1 processed, 1 already done" in run().stderr
    assert json.loads(Path("out/results.json").read_text())[0]["segments"][0]["speaker"] == "Eve"
    assert json.loads(Path("out/results.json").read_text())[1]["segments"][0]["timeline"]
    refused_run = infer("clip.wav", "--output-dir", "out", "-f", "json")
    assert (refused_run.exit_code, refused_run.stderr.count("\n")) == (2, 1)


def test_a_batch_of_conversations_answers_what_it_can(infer: Run, transcripts: Path):
    Path("turns/clip.vtt").write_text(
        "WEBVTT\n\n00:00.000 --> 00:01.000\n<v Ann>Hi\n\n01:00.000 --> 01:01.000\n<v Ann>late\n"
    )
    Path("broken.wav").write_text("not a recording")
    Path("turns/broken.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nANN: Hi\n")
    some = infer("clip.wav", "bare.wav", "broken.wav", "none.wav", "--segments", "turns", "--output-dir", "out")
    assert some.exit_code == 3
    lines = [line.removeprefix("audio-emotion: ") for line in some.stderr.splitlines()]
    assert sorted(line.split(":")[0] for line in lines) == sorted(
        ["bare.wav", "broken.wav", "none.wav", "clip.wav", lines[-1].split(":")[0]]
    )
    assert "1 processed, 0 already done, 3 failed" in some.stderr
    assert len(json.loads(Path("out/results.json").read_text())) == 1


def test_speakers_are_found_in_each_recording_of_a_batch(infer: Run):
    assert infer("long.wav", "--speakers", "1", "--output-dir", "out", "-f", "rttm").exit_code == 0
    assert Path("out/long.wav.rttm").read_text().startswith("SPEAKER long 1 ")
