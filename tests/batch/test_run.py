import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from audio_emotion.batch import outputs
from audio_emotion.batch.journal import JOURNAL
from audio_emotion.batch.names import output_name
from audio_emotion.batch.outputs import Failed
from audio_emotion.batch.run import Progress, run_batch
from audio_emotion.batch.scoring import BATCH, DecodedRecording, Scored, Task, one_answer, score
from audio_emotion.batch.workers import Failure, Limits
from audio_emotion.core import paths
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import StorageError, UsageError
from audio_emotion.core.types import Prediction
from audio_emotion.formats import FORMATS, get_writer
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.models.checkpoint import ModelConfig
from tests.conftest import ROOT

LABELS = ("neutral", "happy", "sad")
TASK = Task(reader="tests.poison:read")


class Runtime:
    """A model whose logits are plain functions of a window's first sample; counts what it is given."""

    device = "cpu"

    def __init__(self, delay_s: float = 0.0) -> None:
        self.batches: list[int] = []
        self._delay_s = delay_s

    def logits(self, windows: np.ndarray) -> np.ndarray:
        self.batches.append(len(windows))
        time.sleep(self._delay_s)
        first = windows[:, 0].astype(np.float64)
        return np.stack([np.sin(first), np.cos(first), np.sin(3 * first)], axis=1).astype(np.float32)


def stub(window_samples: int = 8, temperature: float = 1.0, delay_s: float = 0.0) -> Model:
    sizes = {"sampling_rate": 16_000, "window_samples": window_samples, "temperature": temperature}
    config = ModelConfig("stub", "none", {}, {}, LABELS, **sizes, package_version="0", sha256={"model.onnx": "0"})
    return Model(config, Runtime(delay_s), "onnx")


def expected(value: float) -> dict[str, float]:
    logits = np.array([np.sin(value), np.cos(value), np.sin(3 * value)])
    odds = np.exp(logits)
    return dict(zip(LABELS, odds / odds.sum(), strict=True))


def write(folder: Path, words: list[str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:04}.wav" for number in range(len(words))]
    for file, word in zip(files, words, strict=True):
        file.write_text(word, "utf-8")
    return files


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def journal(out: Path) -> list[dict]:
    return [line for line in lines(out / JOURNAL) if "path" in line]


def test_each_input_leaves_its_files_and_all_leave_theirs(tmp_path: Path):
    files = [*write(tmp_path / "in" / "b", ["1", "2"]), *write(tmp_path / "in" / "a" / "deep", ["3"])]
    out = tmp_path / "out"
    result = run_batch(files, out, stub(), formats=FORMATS, task=TASK, jobs=2)
    assert (result.done, result.skipped, result.failed) == (3, 0, ())
    writers = [get_writer(name, LABELS) for name in FORMATS]
    names = {f"{name}{w.suffix}" for name in ("b/0000.wav", "b/0001.wav", "a/deep/0000.wav") for w in writers}
    names |= {f"results{writer.suffix}" for writer in writers if writer.combines}
    names |= {"failures.jsonl", "journal.jsonl", "journal.lock"}
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == names
    assert [answer["file"] for answer in json.loads((out / "results.json").read_text())] == [str(f) for f in files]
    for file, value, answer in zip(files, (1, 2, 3), lines(out / "results.jsonl"), strict=True):
        assert answer["file"] == str(file)
        assert answer["scores"] == pytest.approx(expected(value), abs=1e-6)
        assert answer["label"] == max(expected(value), key=expected(value).get)
    assert json.loads((out / "b" / "0001.wav.json").read_text()) == json.loads((out / "results.json").read_text())[1]
    with (out / "results.csv").open(encoding="utf-8", newline="") as table:
        assert [row["file"] for row in csv.DictReader(table)] == [str(file) for file in files]


def test_a_rerun_scores_nothing_again(tmp_path: Path):
    files, out = write(tmp_path / "in", ["1", "raise", "2"]), tmp_path / "out"
    first = run_batch(files, out, stub(), task=TASK)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.name.startswith(("0", "r", "f"))}
    (out / "0000.wav.json").unlink()
    model, failures = stub(), []
    second = run_batch(files, out, model, formats=("json", "srt"), task=TASK, on_failure=failures.append)
    assert (second.done, second.skipped, second.failed) == (0, 2, first.failed)
    assert (model.runtime.batches, failures) == ([], [])
    assert {path: path.read_bytes() for path in before} == before
    assert (out / "0002.wav.srt").is_file()
    assert len(journal(out)) == 3


def test_what_changed_is_done_again_and_nothing_else(tmp_path: Path):
    files, out = write(tmp_path / "in", ["1", "2", "raise"]), tmp_path / "out"
    run_batch(files, out, stub(), task=TASK)
    files[1].write_text("23", "utf-8")
    files[2].write_text("4", "utf-8")
    os.utime(files[2], ns=(1, 1))
    model = stub()
    result = run_batch([*files, *write(tmp_path / "in" / "more", ["5"])], out, model, task=TASK)
    assert (result.done, result.skipped, result.failed) == (3, 1, ())
    assert sum(model.runtime.batches) == 3
    answers = json.loads((out / "results.json").read_text())
    assert [answer["scores"]["sad"] for answer in answers] == pytest.approx([expected(n)["sad"] for n in (1, 23, 4, 5)])
    os.utime(files[0], ns=(1, 1))
    assert run_batch(files[:1], out, stub(), task=TASK).done == 1


def test_models_and_parameters_are_not_mixed(tmp_path: Path):
    files, out = write(tmp_path / "in", ["1"]), tmp_path / "out"
    run_batch(files, out, stub(), task=TASK)
    before = (out / JOURNAL).read_bytes()
    with pytest.raises(UsageError, match=r"holds results of another run, and now model is 'stub \(sha256"):
        run_batch(files, out, stub(temperature=2.0), task=TASK)
    with pytest.raises(UsageError, match=r"hop is 1\.0 \(was "):
        run_batch(files, out, stub(), task=Task(reader=TASK.reader, settings={"config": {"hop_s": 1.0}}))
    with pytest.raises(UsageError, match=r"kind of answer is 'whole' \(was 'read'\)"):
        run_batch(files, out, stub())
    assert (out / JOURNAL).read_bytes() == before
    assert run_batch(files, out, stub(temperature=2.0), task=TASK, restart=True).done == 1
    assert len(journal(out)) == 1


def test_restart_takes_away_what_earlier_runs_wrote_and_nothing_else(tmp_path: Path):
    files, out = write(tmp_path / "in", ["1", "2"]), tmp_path / "out"
    run_batch(files, out, stub(), formats=("json", "rttm"), task=TASK)
    run_batch(files, out, stub(), formats=("text",), task=TASK)
    own = [out / "0000.wav.csv", out / "results.csv"]
    for file in own:
        file.write_text("a user's\n", "utf-8")
    run_batch(files[:1], out, stub(temperature=2.0), formats=("jsonl",), task=TASK, restart=True)
    names = {path.name for path in out.iterdir()} - {JOURNAL, "journal.lock", "failures.jsonl"}
    assert names == {"0000.wav.jsonl", "results.jsonl", *(file.name for file in own)}
    files[0].write_text("raise", "utf-8")
    run_batch(files[:1], out, stub(temperature=2.0), formats=("json",), task=TASK)
    assert not (out / "0000.wav.jsonl").exists()
    assert all(file.read_text("utf-8") == "a user's\n" for file in own)


def test_files_that_no_run_has_written_are_not_written_over(tmp_path: Path):
    files, out = write(tmp_path / "in", ["1"]), tmp_path / "out"
    out.mkdir()
    for name in ("0000.wav.json", "results.json", "failures.jsonl"):
        (out / name).write_text("a user's\n", "utf-8")
        for _ in range(2):
            with pytest.raises(StorageError, match=f"{name}: already exists, and no run into this folder"):
                run_batch(files, out, stub(), task=TASK)
        assert (out / name).read_text("utf-8") == "a user's\n"
        (out / name).unlink()
    assert run_batch(files, out, stub(), task=TASK).done == 1
    (other,) = write(tmp_path / "in" / "more", ["raise"])
    target = out / "more" / "0000.wav.json"
    target.parent.mkdir()
    target.write_text("a user's\n", "utf-8")
    assert len(run_batch([*files, other], out, stub(), task=TASK).failed) == 1
    assert target.read_text("utf-8") == "a user's\n"


def test_an_interrupt_of_the_first_look_leaves_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs.Outputs, "check_free", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_batch(write(tmp_path / "in", ["1"]), tmp_path / "out", stub(), task=TASK)
    assert not (tmp_path / "out" / JOURNAL).exists()


def test_failures_are_named_and_their_old_answers_go(tmp_path: Path):
    files, out = write(tmp_path / "in", ["1", "2", "3", "4"]), tmp_path / "out"
    run_batch(files, out, stub(), formats=("json", "csv"), task=TASK)
    for file, poison in zip(files[1:], ["raise", "abort", "hang"], strict=True):
        file.write_text(poison, "utf-8")
    missing = tmp_path / "in" / "none.wav"
    heard: list[Failed] = []
    result = run_batch([*files, missing], out, stub(), task=TASK, limits=Limits(decode_s=1), on_failure=heard.append)
    assert [(f.file, f.kind) for f in result.failed] == [
        *zip(map(str, files[1:]), ["decode", "crash", "time"], strict=True),
        (str(missing), "missing"),
    ]
    assert sorted(heard, key=lambda f: f.file) == list(result.failed)
    assert [line["file"] for line in lines(out / "failures.jsonl")] == [f.file for f in result.failed]
    assert set(lines(out / "failures.jsonl")[0]) == {"file", "kind", "reason"}
    assert sorted(path.name for path in out.glob("0*")) == ["0000.wav.csv", "0000.wav.json"]
    assert [answer["file"] for answer in json.loads((out / "results.json").read_text())] == [str(files[0])]


def test_failures_that_may_pass_are_tried_again(tmp_path: Path):
    files, out = write(tmp_path / "in", ["raise", "abort"]), tmp_path / "out"
    run_batch(files, out, stub(), task=TASK)
    heard: list[Failed] = []
    result = run_batch(files, out, stub(), task=TASK, on_failure=heard.append)
    assert [f.kind for f in heard] == ["crash"]
    assert [f.kind for f in result.failed] == ["decode", "crash"]


def test_an_input_named_twice_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (file,), out = write(tmp_path / "in", ["1"]), tmp_path / "out"
    monkeypatch.chdir(tmp_path)
    model = stub()
    result = run_batch([file, "in/0000.wav", "in/../in/0000.wav"], out, model, task=TASK)
    assert (result.done, model.runtime.batches) == (1, [1])
    assert [answer["file"] for answer in journal(out) for answer in [answer["answer"]]] == [str(file)]


def test_an_interrupt_keeps_what_is_done(tmp_path: Path):
    files, out = write(tmp_path / "in", [str(n) for n in range(300)]), tmp_path / "out"

    def stop(progress: Progress) -> None:
        if progress.done == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(files, out, stub(), task=TASK, progress=stop)
    assert len(journal(out)) == 100
    assert not list(out.glob("results.*"))
    result = run_batch(files, out, stub(), task=TASK)
    assert (result.done, result.skipped) == (200, 100)
    assert len({line["path"] for line in journal(out)}) == len(journal(out)) == 300


def test_progress_adds_up(tmp_path: Path):
    files, out = write(tmp_path / "in", ["1", "raise", "2", "3"]), tmp_path / "out"
    run_batch(files[:1], out, stub(), task=TASK)
    seen: list[Progress] = []
    run_batch(files, out, stub(), task=TASK, progress=seen.append)
    assert seen[0] == Progress(4, 1, 0, 0, 0.0)
    assert seen[-1] == Progress(4, 1, 2, 1, 1.0)
    assert [p.skipped + p.done + p.failed for p in seen] == [1, 2, 3, 4]


def test_a_disk_that_fills_up_is_one_error_and_can_be_continued_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files, out = write(tmp_path / "in", [str(n) for n in range(50)]), tmp_path / "out"
    rename, left = Path.replace, iter(range(20))

    def replace(self: Path, target: Path) -> Path:
        if self.name.startswith(".0") and next(left, None) is None:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(StorageError, match="No space left on device"):
            run_batch(files, out, stub(), task=TASK)
    assert len(journal(out)) == 20
    assert not list(out.glob(".*.part"))
    result = run_batch(files, out, stub(), task=TASK)
    assert (result.done, result.skipped) == (30, 20)


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    files = write(tmp_path / "in", ["1"])
    with pytest.raises(StorageError, match="cannot write"):
        run_batch(files, files[0] / "out", stub(), task=TASK)


def test_unknown_formats_and_no_workers_are_refused_before_anything_is_written(tmp_path: Path):
    files, out = write(tmp_path / "in", ["1"]), tmp_path / "out"
    with pytest.raises(UsageError, match="xml"):
        run_batch(files, out, stub(), formats=("json", "xml"), task=TASK)
    assert not out.exists()
    with pytest.raises(UsageError, match="0 decode workers"):
        run_batch(files, out, stub(), task=TASK, jobs=0)


def test_one_table_and_no_file_an_input(tmp_path: Path):
    out = tmp_path / "out"
    run_batch(write(tmp_path / "in", ["1", "2"]), out, stub(), formats=("csv",), per_input=False, task=TASK)
    assert sorted(p.name for p in out.iterdir()) == ["failures.jsonl", "journal.jsonl", "journal.lock", "results.csv"]


def test_nothing_to_do(tmp_path: Path):
    result = run_batch([], tmp_path / "out", stub())
    assert (result.done, result.skipped, result.failed) == (0, 0, ())


def test_batches_fill_up_and_no_window_is_lost_or_mixed(tmp_path: Path):
    files = [str(file) for file in write(tmp_path, [str(n) for n in range(400)])]
    model = stub(delay_s=0.03)
    scored = {result.item: result for result in score(files, model, TASK, jobs=2)}
    assert sorted(scored) == list(range(400))
    for item, result in scored.items():
        assert result.answer.prediction.scores == pytest.approx(expected(item), abs=1e-6)
        assert (result.answer.source.file, result.duration_s) == (files[item], 0.5)
    assert sum(model.runtime.batches) == 400
    assert max(model.runtime.batches) == BATCH


def test_a_long_recording_is_answered_from_all_its_windows(tmp_path: Path):
    def timeline(heard: DecodedRecording, config: ModelConfig) -> tuple[Prediction, tuple[Prediction, ...]]:
        assert [note["first"] for note in heard.notes] == list(range(0, 200, 7))
        whole, _ = one_answer()(heard, config)
        one_by_one = (DecodedRecording(heard.logits[i : i + 1], (), 1.0) for i in range(len(heard.logits)))
        return whole, tuple(one_answer()(one, config)[0] for one in one_by_one)

    task = Task("tests.poison:windows", {"n_windows": 200, "in_a_part": 7}, timeline)
    (file,) = write(tmp_path / "in", [""])
    out = tmp_path / "out"
    for _ in range(2):  # as scored, then as read back from the journal
        run_batch([file], out, stub(), formats=("jsonl", "json"), task=task)
        segments = lines(out / "0000.wav.jsonl")
        assert [line["scores"]["sad"] for line in segments] == pytest.approx([expected(n)["sad"] for n in range(200)])
        assert json.loads((out / "0000.wav.json").read_text())["end"] == 200.0
        (out / "0000.wav.jsonl").unlink()


def test_windows_of_a_recording_that_fails_are_dropped(tmp_path: Path):
    files = [str(file) for file in write(tmp_path, ["late", "1", "late", "2"])]
    results = list(score(files, stub(), TASK, jobs=2))
    assert sorted((r.item, isinstance(r, Failure)) for r in results) == [(0, True), (1, False), (2, True), (3, False)]


def test_real_files_are_answered_as_one_by_one(tmp_path: Path):
    """The default reader, real decoding and the bundled model: a batch says what `predict` says of each file."""
    rng, model = np.random.default_rng(0), load_model(device="cpu")
    for number, seconds in enumerate((0.4, 2.0, 3.5, 9.0)):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * rng.standard_normal(round(16_000 * seconds)), 16_000)
    soundfile.write(tmp_path / "4.wav", np.zeros(16_000), 16_000)
    files = [str(tmp_path / f"{number}.wav") for number in range(5)]
    scored = [r for r in score(files, model, jobs=2) if isinstance(r, Scored)]
    assert len(scored) == 5
    for result in scored:
        alone = model.predict(files[result.item])
        assert result.answer.prediction.scores == pytest.approx(alone.scores, abs=1e-5)
        assert result.answer.prediction.n_windows == alone.n_windows
        assert (result.answer.prediction.label == NO_SPEECH) == (alone.label == NO_SPEECH)
        assert result.answer.prediction.end == pytest.approx(alone.end)


@pytest.mark.realdata
def test_real_recordings_are_answered_as_one_by_one(recordings: Path):
    files = [str(file) for file in sorted((recordings / "ravdess-speech").rglob("*.flac"))[:24]]
    model = load_model(device="cpu")
    for result in score(files, model, jobs=2):
        assert isinstance(result, Scored)
        assert result.answer.prediction.scores == pytest.approx(model.predict(files[result.item]).scores, abs=1e-5)


def test_output_names():
    assert output_name("/in/a/one.wav", "/in") == "a/one.wav"
    assert output_name("/elsewhere/one.wav", "/in") == "__/elsewhere/one.wav"
    assert output_name("/in/two\nlines?.wav", "/in") == "two%0Alines%3F.wav"
    assert output_name(os.fsdecode(b"/in/caf\xe9.wav"), "/in") == "caf%E9.wav"
    assert [output_name(f"/in/{name}", "/in") for name in ("results", "journal")] == ["%72esults", "%6Aournal"]
    long = output_name("/in/" + "é" * 120 + ".wav", "/in")
    assert len(long.encode()) <= 200
    assert long != output_name("/in/" + "é" * 120 + ".mp3", "/in")


@pytest.mark.skipif(sys.platform == "win32", reason="names there are not bytes")
@given(*2 * [st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=3)])
def test_no_two_inputs_share_an_output(one: list[bytes], other: list[bytes]):
    inputs = [os.path.normpath(b"/in/" + b"/".join(parts).replace(b"\0", b"0")) for parts in (one, other)]
    names = [output_name(os.fsdecode(path), "/in") for path in inputs]
    assert (names[0] == names[1]) == (inputs[0] == inputs[1]) or b"__" in inputs[0] + inputs[1]
    for name in names:
        name.encode("utf-8")
        assert not name.startswith("/")
        assert ".." not in name.split("/")


def main(folder: str) -> None:
    """Run the batch that `test_killed_at_random_moments` kills."""
    files = sorted(Path(folder, "in").iterdir())
    run_batch(files, Path(folder, "out"), stub(delay_s=0.05), formats=("json", "csv"), task=TASK, jobs=2)


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_killed_at_random_moments_and_continued(tmp_path: Path):
    rng = random.Random(0)
    words = [str(n) for n in range(300)]
    bad = {n: rng.choice(["raise", "abort", "bug"]) for n in rng.sample(range(300), 12)}
    files = write(tmp_path / "in", [bad.get(n, word) for n, word in enumerate(words)])
    out = tmp_path / "out"
    program = f"from tests.batch.test_run import main; main({str(tmp_path)!r})"
    for share in (0.0, 0.2, 0.4, 0.6, 0.8):
        process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
        enough = share * len(files) + rng.randrange(30)
        while process.poll() is None and (not (out / JOURNAL).exists() or (len(journal_lines(out)) < enough)):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    result = run_batch(files, out, stub(), formats=("json", "csv"), task=TASK, jobs=2)
    times = Counter(line["path"] for line in journal(out) if "answer" in line)
    assert times == {file.name: 1 for n, file in enumerate(files) if n not in bad}
    assert [f.file for f in result.failed] == [str(files[n]) for n in sorted(bad)]
    assert [line["file"] for line in lines(out / "failures.jsonl")] == [f.file for f in result.failed]
    run_batch(files, tmp_path / "at once", stub(), formats=("json", "csv"), task=TASK, jobs=2)
    for path in (tmp_path / "at once").glob("[0-9r]*"):
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert not list(out.glob(".*"))


def journal_lines(out: Path) -> list[bytes]:
    return (out / JOURNAL).read_bytes().split(b"\n")[1:-1]


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_real_clips_killed_five_times(recordings: Path):
    command = [sys.executable, "benchmarks/batch_kill.py", "--files", "300"]
    environment = os.environ | {"AUDIO_EMOTION_DATA": str(recordings), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "every good file scored once, every bad one named" in done.stdout


def test_writing_text_leaves_the_old_file_when_it_fails(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError), paths.writing_text(target) as file:
        file.write("new\udcff")
    assert target.read_text() == "old"
    with paths.writing_text(target) as file:
        file.write("né\n")
    assert target.read_bytes() == "né\n".encode()
    assert list(tmp_path.iterdir()) == [target]
