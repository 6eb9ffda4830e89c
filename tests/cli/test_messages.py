"""What --quiet, --verbose and --log-file do, wherever they stand."""

import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import typer
from typer.testing import CliRunner, Result

from audio_emotion.cli import _app, _messages, app
from tests.cli.test_infer_options import commands
from tests.sounds import RATE, voice

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    soundfile.write("word.wav", voice(0.8), RATE)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], prog_name="audio-emotion")


@pytest.mark.parametrize("words", [["-q", "infer", "word.wav", "no.wav"], ["infer", "word.wav", "no.wav", "--quiet"]])
def test_quiet_tells_errors_alone(run: Run, words: list[str]):
    result = run(*words)
    assert result.exit_code == 3
    assert result.stderr == "audio-emotion: no.wav: no such file or folder; check the path\n"
    assert "Predicted emotion" in result.stdout


def test_verbose_tells_model_back_end_and_times(run: Run):
    plain, told = run("infer", "word.wav"), run("infer", "word.wav", "-v")
    assert told.stdout == plain.stdout
    assert re.search(r"audio-emotion: model whisper-tiny .*, with onnx\S* on cpu, loaded in \d+ ms\n", told.stderr)
    assert re.search(r"audio-emotion: word.wav: predicted in \d+ ms\n", told.stderr)
    assert "model whisper-tiny" not in plain.stderr


def test_they_are_forgotten_with_the_command(run: Run):
    run("infer", "word.wav", "-v", "--log-file", "log")
    size = Path("log").stat().st_size
    assert "loaded in" not in run("infer", "word.wav").stderr
    assert Path("log").stat().st_size == size
    assert not logging.getLogger("audio_emotion").handlers


def test_the_log_file_is_added_to_and_has_what_stderr_has_not(run: Run):
    Path("log").write_text("earlier\n")
    result = run("--log-file", "log", "-q", "infer", "word.wav", "no.wav", "--output-dir", "word.wav")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    lines = Path("log").read_text("utf-8").splitlines()
    assert lines[0] == "earlier"
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} "
    assert re.match(stamp + r"TRACE audio_emotion: audio-emotion \d", lines[1])
    assert any(re.match(stamp + "DEBUG audio_emotion.inference.loading: model whisper-tiny", line) for line in lines)
    assert any(re.match(stamp + "ERROR audio_emotion: word.wav: is a file, expected a folder", line) for line in lines)
    assert "Traceback (most recent call last):" in lines, "where an error came from"
    assert re.match(stamp + r"DEBUG audio_emotion: exit code 1 after \d", lines[-1])


def test_a_log_file_that_cannot_be_written_is_told_before_the_work(run: Run):
    for words in (["infer", "word.wav", "--log-file", "."], ["--log-file", "word.wav/log", "infer", "word.wav"]):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "cannot be written" in result.stderr
        assert result.stderr.endswith("use another --log-file\n")
    assert run("--log-file", ".", "infre").exit_code == 2


def test_a_module_that_is_missing_is_one_line(run: Run, capsys):
    @_app.command
    def needs_more() -> None:
        import not_installed  # noqa: F401

    with pytest.raises(typer.Exit) as end:
        needs_more()
    _messages.forget()
    assert end.value.exit_code == 1
    assert capsys.readouterr().err == (
        "audio-emotion: this command needs not_installed, which is not installed; "
        "run audio-emotion doctor to see how to install it\n"
    )


def test_quiet_and_verbose_contradict(run: Run):
    result = run("-q", "infer", "word.wav", "-v")
    assert result.exit_code == 2
    assert "--quiet cannot be used with --verbose" in result.stderr


@pytest.mark.parametrize("path", [path for path, _ in commands()])
def test_every_command_has_them(path: str):
    options = {option for name, one in commands() if name == path for given in one.params for option in given.opts}
    assert options >= {"--quiet", "-q", "--verbose", "-v", "--log-file"}


def test_quiet_draws_no_progress(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(_app, "_TOLD_EVERY_S", 0)
    monkeypatch.setattr(_app, "_FIRST_TOLD_S", 0)
    with _app.progress_bars() as advance:
        advance("files", 1, 2, "")
    assert capsys.readouterr().err == "audio-emotion: files: 1 of 2\n"
    monkeypatch.setattr(_messages._sink, "quiet", True)
    with _app.progress_bars() as advance:
        advance("files", 2, 2, "")
    assert capsys.readouterr().err == ""
    _messages.forget()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
def test_a_full_disk_under_the_log_is_told_once_and_ends_nothing(run: Run, capfd):
    result = run("infer", "word.wav", "-q", "--log-file", "/dev/full")
    assert result.exit_code == 0
    told = "audio-emotion: /dev/full: cannot be written (No space left on device); the log is incomplete\n"
    assert capfd.readouterr().err + result.stderr == told


def test_a_folder_for_the_log_is_made(run: Run):
    assert run("infer", "word.wav", "--log-file", "new/log").exit_code == 0
    assert Path("new/log").read_text("utf-8").endswith(" s\n")


def test_nothing_is_said_where_stderr_cannot_be_written(run: Run, monkeypatch: pytest.MonkeyPatch):
    class Gone:
        def write(self, text: str) -> int:
            raise OSError(32, "Broken pipe")

        flush = fileno = write

    monkeypatch.setattr(sys, "stderr", Gone())
    _messages.say("nobody hears this")
    _messages.forget()
