import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audio_emotion.cli._app import ALL_GOOD, NOTHING_DONE, SOME_FAILED, USAGE
from audio_emotion.evaluation.report import from_json
from audio_emotion.inference.loading import load_model
from audio_emotion.models import checkpoint
from audio_emotion.models.checkpoint import read_config
from tests.conftest import ROOT
from tests.evaluations import LABELS, clip


def evaluate(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "audio_emotion", "evaluate", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env=os.environ | environment,
    )  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Tones of four loudnesses under RAVDESS's names: actors 02 and 15, eight emotions."""
    for actor in ("02", "15"):
        folder = tmp_path / "corpus" / f"Actor_{actor}"
        folder.mkdir(parents=True)
        for emotion in range(1, 9):
            clip(folder / f"03-01-{emotion:02}-01-01-01-{actor}.wav", LABELS[emotion % 4])
    return tmp_path / "corpus"


@pytest.fixture
def leaking_model(tmp_path: Path) -> Path:
    """The bundled model with actor 02 among its training speakers, trained on a random split, with a history."""
    folder = tmp_path / "leaking"
    shutil.copytree(checkpoint.find("default"), folder)
    path = folder / checkpoint.CONFIG
    content = json.loads(path.read_text("utf-8"))
    content["training"] |= {
        "split": "random",
        "speakers": {"train": ["ravdess/02"], "validation": ["ravdess/01"]},
        "history": [{"number": 1, "loss": 2.0, "validation_uar": 0.2, "seconds": 1.0}] * 2,
    }
    path.write_text(json.dumps(content), "utf-8")
    return folder


def test_text_is_plain_when_piped(corpus):
    result = evaluate(corpus)
    assert result.returncode == ALL_GOOD
    first, last = result.stderr.splitlines()
    assert first == f"audio-emotion: testing whisper-tiny on 16 utterances of {corpus} ..."
    assert re.fullmatch(rf"audio-emotion: {re.escape(str(corpus))}: tested in \d+\.\d s", last)
    assert f"Test set: {corpus}\n          16 utterances of 2 speakers, " in result.stdout
    assert "95 % interval, 2 speakers" in result.stdout
    assert not set("\x1b│┃━") & set(result.stdout)


def test_json_and_html_of_two_folders(corpus, tmp_path):
    page = tmp_path / "reports" / "r.html"
    shutil.copy(
        ROOT / "inference" / "samples" / "happy.wav", corpus / "Actor_02" / "03-01-05-01-01-01-02.wav"
    )  # as angry
    result = evaluate(corpus / "Actor_02", corpus / "Actor_15", "--json", "--html", page)
    assert result.returncode == ALL_GOOD
    reports, summary = from_json(result.stdout)
    assert summary is None
    assert [r.source for r in reports] == [str(corpus / "Actor_02"), str(corpus / "Actor_15")]
    assert [r.evaluation.speakers for r in reports] == [("ravdess/02",), ("ravdess/15",)]
    assert [len(r.evaluation.utterances) for r in reports] == [8, 8]
    for utterance, answer in zip(reports[0].evaluation.utterances, reports[0].evaluation.answers, strict=True):
        assert answer == load_model(device="cpu").predict(utterance.path).label
        assert utterance.attributes["sex"] == "female"
    assert result.stderr.splitlines()[-1] == f"audio-emotion: report written to {page}"
    html = page.read_text("utf-8")
    assert html.index(f"<h2>{reports[0].source}") < html.index(f"<h2>{reports[1].source}")
    assert "../corpus/Actor_02/03-01-05" in html
    assert list(page.parent.iterdir()) == [page]


def test_a_tested_training_speaker_stands_at_the_top(corpus, leaking_model, tmp_path):
    page = tmp_path / "r.html"
    result = evaluate(corpus, "--model", leaking_model, "--html", page, "--device", "cpu", "--seed", "7")
    assert result.returncode == ALL_GOOD
    first = result.stdout.splitlines()[0]
    assert first == (
        "CAUTION: The model was trained on 1 of the 2 speakers tested here (ravdess/02): "
        "these figures are not speaker-independent."
    )
    assert "trained on a random split, which is speaker-dependent" in result.stdout
    assert "Training curves" in page.read_text("utf-8")
    assert page.read_text("utf-8").index(first.removeprefix("CAUTION: ")) < page.read_text("utf-8").index("<main>")


def test_an_unreadable_file_is_told_and_counts_as_wrong(corpus):
    broken = corpus / "Actor_02" / "03-01-05-01-01-01-02.wav"
    broken.write_bytes(b"no sound at all")
    result = evaluate(corpus, "--json")
    assert result.returncode == SOME_FAILED
    begun, ended, problem = result.stderr.splitlines()
    assert begun.endswith(" ...")
    assert ": tested in " in ended
    assert str(broken) in problem
    (report,) = json.loads(result.stdout)["sets"]
    assert report["figures"]["unanswered"]["unreadable"] == 1
    assert report["figures"]["n_utterances"] == 16


def test_a_folder_without_recordings_does_not_stop_the_others(corpus, tmp_path):
    (tmp_path / "empty").mkdir()
    result = evaluate(tmp_path / "empty", corpus, tmp_path / "absent")
    assert result.returncode == SOME_FAILED
    assert [line.startswith("audio-emotion: ") for line in result.stderr.splitlines()] == [True] * 4
    assert result.stdout.count("Test set: ") == 1


def test_nothing_to_test_leaves_no_report(tmp_path):
    page = tmp_path / "r.html"
    page.write_text("old")
    result = evaluate(tmp_path / "absent", "--html", page)
    assert (result.returncode, result.stdout) == (NOTHING_DONE, "")
    assert result.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]
    assert page.read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["x", "--model", "no-such-model"], NOTHING_DONE, "no model 'no-such-model'"),
        (["x", "--html", "tests"], NOTHING_DONE, "is a folder, expected the name of a file"),
        (["x", "--device", "abacus"], USAGE, "unknown device 'abacus'"),
        (["x", "--seed", "-1"], USAGE, "--seed"),
        ([], USAGE, "missing argument 'SOURCE...'"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, code, words):
    result = evaluate(*arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_help_loads_nothing_heavy():
    heavy = "{'torch', 'librosa', 'sklearn', 'scipy', 'matplotlib', 'onnxruntime'}"
    code = f"import sys, audio_emotion.cli.evaluate; sys.exit({heavy} & sys.modules.keys() or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_terminal_gets_drawn_tables(corpus):
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "audio_emotion", "evaluate", str(corpus)],
        stdout=theirs, stderr=subprocess.DEVNULL, cwd=ROOT, env=os.environ | {"COLUMNS": "100", "TERM": "xterm"},
    ):  # fmt: skip
        os.close(theirs)
        drawn = b""
        while True:
            try:
                drawn += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    text = drawn.decode()
    assert "By speaker" in text
    assert "│" in text or "┃" in text


@pytest.mark.realdata
def test_real_recordings_in_and_out_of_training(recordings):
    config = read_config(checkpoint.find("default"))
    speaker = "ravdess/02"
    result = evaluate(recordings / "ravdess-speech" / "Actor_02", "--json")
    assert result.returncode == ALL_GOOD
    (report,) = json.loads(result.stdout)["sets"]
    assert (report["figures"]["n_utterances"], report["figures"]["n_speakers"]) == (60, 1)
    assert [row["support"] for row in report["figures"]["per_class"]] == [4, 8, 8, 8, 8, 8, 8, 8]
    heard = speaker in [*config.training["speakers"]["train"], *config.training["speakers"]["validation"]]
    assert report["protocol"] == ("not speaker-independent" if heard else "speaker-independent")
    assert {group["name"] for group in report["figures"]["by_intensity"]} == {"normal", "strong"}
