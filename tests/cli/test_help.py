"""Help, completion, versions and colours: what the command line says of itself."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio_emotion import formats
from audio_emotion.cli import _completion, app
from audio_emotion.core import paths
from audio_emotion.corpora import splits
from audio_emotion.export.variants import KINDS
from audio_emotion.inference.backends import DEVICES
from audio_emotion.inference.loading import BACKENDS
from tests.cli.test_infer_options import commands

GROUPS = ["audio-emotion", *(f"audio-emotion {name}" for name in ("models", "data", "augment", "tune"))]
Complete = Callable[..., list[str]]


def help_of(path: str) -> list[str]:
    return CliRunner().invoke(app, [*path.split()[1:], "--help"], prog_name="audio-emotion").stdout.splitlines()


@pytest.mark.parametrize("path", [*GROUPS, *(path for path, _ in commands())])
def test_every_command_has_examples_last(path: str):
    shown = help_of(path)
    examples = shown[shown.index("Examples:") + 1 :]
    assert examples
    assert all(line.startswith(f"  {path} ") or line == f"  {path}" for line in examples)


@pytest.mark.parametrize("path", [path for path, _ in commands()])
def test_every_option_stands_in_a_section_that_says_what_it_is_about(path: str):
    shown = help_of(path)
    rest = shown[shown.index("Options:") + 1 : shown.index("Examples:")]
    options = [line.split()[0] for line in rest if line.startswith("  -")]
    assert [
        one for one in options if one not in ("-h,", "--help", "--yes", "-y,", "--replace", "--public", "--name")
    ] == []


@pytest.mark.parametrize("path", [*GROUPS, *(path for path, _ in commands())])
def test_help_has_a_short_option_and_plain_metavars(path: str):
    short = CliRunner().invoke(app, [*path.split()[1:], "-h"], prog_name="audio-emotion")
    assert short.exit_code == 0
    assert short.stdout.splitlines() == help_of(path)
    assert not re.findall(r"<[a-z ]+>", short.stdout), "give the option a metavar such as FILE, SECONDS or N"
    assert "--no-" not in short.stdout.replace("--gate / --no-gate", "").replace("--no-gate", "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("infer x.wav --jsno", "no such option: --jsno"),
        ("models defualt", "no such command 'defualt'. Did you mean 'default'?"),
        ("docter", "no such command 'docter'. Did you mean 'doctor'?"),
        ("train --epoch 3", "--epochs"),
    ],
)
def test_typos_get_a_suggestion(words: str, told: str):
    result = CliRunner().invoke(app, words.split(), prog_name="audio-emotion")
    assert result.exit_code == 2
    assert told in result.stderr
    assert "--json" in result.stderr or "jsno" not in words
    assert result.stderr.count("\n") == 1


# --- completion -------------------------------------------------------------------------------------------------------


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, capsys, home: Path) -> Complete:
    """Return what bash would be offered for the last word."""
    shutil.copytree(paths.bundled_model_dir(), home / "models" / "mine")

    def run(*words: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", " ".join(["audio-emotion", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        monkeypatch.setenv("_AUDIO_EMOTION_COMPLETE", "complete_bash")
        with pytest.raises(SystemExit) as end:
            app(prog_name="audio-emotion")
        assert not end.value.code
        return capsys.readouterr().out.split()

    return run


def test_names_are_completed(complete: Complete):
    assert complete("do") == ["doctor"]
    assert complete("models", "pu") == ["push", "pull"]
    assert complete("infer", "--timel") == ["--timeline"]
    assert complete("infer", "--model", "m") == ["mine"]
    assert complete("infer", "--model", "") == ["default", "open", "mine"]
    assert complete("models", "remove", "") == ["mine"]
    assert complete("models", "show", "d") == ["default"]
    assert complete("evaluate", "x", "--device", "c") == ["cpu", "cuda"]
    assert complete("infer", "x.wav", "-f", "js") == ["json", "jsonl"]
    assert complete("train", "--labels", "") == ["eight", "seven"]
    assert complete("train", "--architecture", "two") == ["two-channel-cnn"]
    assert complete("data", "download", "rav")[0] == "ravdess"


def test_nothing_is_offered_where_files_are_meant(complete: Complete):
    """The shell then offers files by itself."""
    for words in (
        ["infer", "sp"],
        ["infer", "x.wav", "--plot", ""],
        ["infer", "--model", "./"],
        ["train", "--data", ""],
    ):
        assert complete(*words) == []


def test_completing_imports_nothing_slow(home: Path):
    code = (
        "import sys\nfrom audio_emotion.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'rich', 'numpy', 'torch', 'librosa', 'logging', 'av'} & set(sys.modules)), file=sys.stderr)"
    )
    environment = {"_AUDIO_EMOTION_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "audio-emotion infer --model m"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    assert told.stderr == "[]\n"


def test_descriptions_go_to_shells_that_show_them(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("_AUDIO_EMOTION_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "audio-emotion infer --json")
    with pytest.raises(SystemExit):
        app(prog_name="audio-emotion")
    assert '"--json":"Same as --format json."' in capsys.readouterr().out


def test_names_that_stand_twice_agree():
    assert _completion.DEVICES == DEVICES
    assert _completion.BACKENDS == BACKENDS
    assert set(_completion.EXPORTS) == set(KINDS)
    assert set(_completion.FORMATS) == set(formats.FORMATS)
    assert all(splits._is_set(name) for name in _completion.FOLDS)


def test_completion_is_shown_and_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    shown = CliRunner().invoke(app, ["--show-completion"], prog_name="audio-emotion")
    assert shown.exit_code == 0
    assert "complete -o default -F _audio_emotion_completion audio-emotion" in shown.stdout
    done = CliRunner().invoke(app, ["--install-completion"], prog_name="audio-emotion")
    assert done.exit_code == 0
    script = tmp_path / ".bash_completions" / "audio-emotion.sh"
    assert script.read_text().strip() == shown.stdout.strip()
    assert str(script) in (tmp_path / ".bashrc").read_text()


# --- versions and colours ---------------------------------------------------------------------------------------------


def test_versions_are_told_without_importing_what_they_are_of():
    code = (
        "import sys\nfrom audio_emotion.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'onnxruntime', 'numpy'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True)
    assert "onnxruntime " in told.stdout
    assert "torch " in told.stdout
    assert told.stdout.endswith("[]\n")


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)

    def said() -> str:
        return CliRunner().invoke(app, ["--install-completion"], prog_name="audio-emotion", color=True).stdout

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in said()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in said()
