"""What the README says is so."""

import re
import shlex
import subprocess
import tomllib
from functools import cache

import pytest
from typer.testing import CliRunner

import audio_emotion
from audio_emotion.cli import app
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)


def test_the_two_commands_come_first():
    first = next(code for language, code in BLOCKS if language == "sh")
    assert [line.split("#")[0].strip() for line in first.strip().splitlines()][-2:] == ["make demo", "make test"]


def test_the_python_example_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    for language, code in BLOCKS:
        if language == "python":
            exec(compile(code, "README.md", "exec"), {})


def test_every_command_and_option_exists():
    commands = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
    ours = [shlex.split(line, comments=True) for line in commands if line.startswith("audio-emotion ")]
    assert ours

    @cache
    def help_of(*command: str) -> str:
        result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "300"}, prog_name="audio-emotion")
        return result.stdout if result.exit_code == 0 else ""

    for words in ours:
        path = []
        for word in words[1:]:
            if word.startswith("-") or "." in word or word.isupper() or "/" in word or word.isdigit():
                break
            path.append(word)
        help_text = ""
        while path and not help_text:
            help_text = help_of(*path)
            path = path if help_text else path[:-1]
        assert help_text, words
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"{option}\b", help_text), f"{shlex.join(words)}: no {option}"


def test_the_shown_answer_is_the_samples(cli):
    shown = next(code for language, code in BLOCKS if language == "text" and "Using device" in code)
    result = cli("infer", ROOT / "inference" / "samples" / "happy.wav", "--device", "cpu")
    number = re.compile(r"[\d.]+(?=%)")
    assert number.sub("", result.stdout.strip()) == number.sub("", shown.strip())
    said, expected = (list(map(float, number.findall(text))) for text in (result.stdout, shown))
    assert said == pytest.approx(expected, abs=0.5)  # in integers, another processor's rounding tips some of them


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == audio_emotion.__version__


def test_requirements_are_the_locks():
    lock = {
        (package["name"], package["version"])
        for package in tomllib.loads((ROOT / "poetry.lock").read_text("utf-8"))["package"]
    }
    for name in ("requirements.txt", "inference/requirements.txt"):
        pins = re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^ ;]+)", (ROOT / name).read_text(), flags=re.MULTILINE)
        assert pins
        assert set(pins) <= lock, f"{name} is not what the lock says: run `make lock`"


def test_no_index_address_stands_in_the_tree():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not files:
        pytest.skip("not a git checkout")
    hosts = re.compile(r"https?://[^\s\"']*(?:/simple\b|pypi\.org/|pythonhosted)")
    suspects = [name for name in files if name.endswith((".toml", ".lock", ".txt", ".sh", "Makefile", ".py", ".md"))]
    assert not [name for name in suspects if hosts.search((ROOT / name).read_text("utf-8"))]
