"""What the pages say is so: messages are printed somewhere, links lead somewhere, commands and examples run."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import soundfile
from typer.main import get_command
from typer.testing import CliRunner

import audio_emotion
from audio_emotion.cli import app
from audio_emotion.core.version import __version__
from tests.conftest import ROOT
from tests.sounds import RATE, voice
from tests.test_imports import ROOMS

DOCS = ROOT / "docs"
TUTORIALS = DOCS / "tutorials"
PAGES = sorted(DOCS.rglob("*.md"))
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_LITTLE = 15  # characters: a text that says less of itself would be found in anything


def blocks(page: Path, language: str) -> list[str]:
    return [code for found, code in _BLOCK.findall(page.read_text("utf-8")) if found == language]


def commands(page: Path) -> list[list[str]]:
    """Return our commands on a page, as words, without what a shell does with their output."""
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    ours = [line for line in lines if line.startswith("audio-emotion ")]
    return [shlex.split(re.split(r" [|>] ", line)[0], comments=True)[1:] for line in ours]


def _pattern(node: ast.expr, little: int = _LITTLE) -> str | None:
    """Return what a text of the source may read once it is filled in."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    texts = [str(part.value) if isinstance(part, ast.Constant) else None for part in parts]
    if len("".join(text for text in texts if text)) < little:
        return None
    return "".join(".*" if text is None else re.escape(text) for text in texts)


def _message(call: ast.Call) -> str | None:
    """Return what an error with a hint, or a note of a fact and its consequence, may read."""
    hints = [keyword.value for keyword in call.keywords if keyword.arg == "hint"]
    is_note = isinstance(call.func, ast.Name) and call.func.id == "Note" and len(call.args) == 2
    if not call.args or not (hints or is_note):
        return None
    first, second = (_pattern(part, 0) for part in (call.args[0], hints[0] if hints else call.args[1]))
    message = f"{first}{'; ' if hints else ': '}{second}"
    return message if len(message.replace(".*", "")) >= _LITTLE else None


@cache
def _texts() -> list[re.Pattern[str]]:
    """Return what every text in the package may read; the name of a file may stand before it, with an "is"."""
    found: set[str | None] = set()
    for path in (ROOT / "audio_emotion").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                found.add(_message(node))
            elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                found.add(_pattern(node))
    return [re.compile(rf"(?:\S+:? (?:is )?)?{pattern}") for pattern in sorted(filter(None, found))]


@pytest.mark.parametrize("message", blocks(DOCS / "troubleshooting.md", "text"), ids=lambda text: text[:40])
def test_every_quoted_message_is_one_that_the_package_prints(message: str):
    said = message.strip()
    assert any(text.fullmatch(said) for text in _texts()), said


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_every_command_and_option_exists(page: Path):
    for words in commands(page):
        command, rest = get_command(app), list(words)
        while hasattr(command, "get_command") and rest and not rest[0].startswith("-"):
            name = rest.pop(0)
            command = command.get_command(None, name)
            assert command is not None, f"no command {name}"
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            option = word.partition("=")[0]
            if option.startswith("-") and option not in {"-", "--help"}:
                assert option in known, f"{' '.join(words)}: no {option}"


@pytest.mark.parametrize(
    "page", [DOCS / "timelines.md", DOCS / "reference" / "python.md", TUTORIALS / "first-answer.md"],
    ids=lambda page: page.stem,
)  # fmt: skip
def test_the_python_of_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(ROOT)
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), {})
    assert capsys.readouterr().out


@pytest.fixture
def desk(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a tutorial is followed: the samples, a folder of recordings, a second one, and a new recording."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "inference" / "samples", "inference/samples")
    for folder, speakers in (("recordings", ("anna", "ben", "carla", "dora")), ("elsewhere", ("emil",))):
        for number, label in enumerate(("neutral", "happy", "angry")):
            for person, speaker in enumerate(speakers):
                for take in range(2):
                    path = tmp_path / folder / label / speaker / f"{take}.wav"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    seed = 1_000 * len(folder) + 100 * number + 10 * take + person
                    soundfile.write(path, voice(0.7, seed=seed, pitch_hz=90.0 + 40 * number), RATE)
    soundfile.write("new.wav", voice(1.0), RATE)
    return tmp_path


def follow(page: Path) -> None:
    for words in commands(page):
        if words[:2] != ["data", "download"]:
            shorter = ["--epochs", "1", "--patience", "0"] if words[0] == "train" else []
            result = CliRunner().invoke(app, [*words, *shorter])
            assert result.exit_code == 0, (words, result.output)


def test_the_first_tutorial_can_be_followed(desk: Path):
    follow(TUTORIALS / "first-answer.md")


@pytest.mark.slow
def test_the_other_tutorials_can_be_followed(desk: Path):
    follow(TUTORIALS / "your-recordings.md")
    follow(TUTORIALS / "speaker-independent.md")
    assert (desk / "study.html").stat().st_size > 10_000


def test_every_link_leads_to_a_file():
    for page in [*PAGES, *ROOT.glob("*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("training/**/*.md")]:
        text = _BLOCK.sub("", page.read_text("utf-8"))
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


@pytest.mark.slow  # `make docs` builds the site too
def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path: Path):
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert built.returncode == 0, built.stderr
    fetched = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=.?https?://[^>]*>")
    for page in (tmp_path / "site").rglob("*.html"):
        outside = [tag for tag in fetched.findall(page.read_text("utf-8")) if 'rel="canonical"' not in tag]
        assert not outside, f"{page.name}: {outside}"
    assert "audio-emotion infer" in (tmp_path / "site" / "reference" / "cli.html").read_text("utf-8")


def test_the_repository_files_can_be_read_and_say_the_version():
    yaml = pytest.importorskip("yaml")
    files = [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"]
    read = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in files}
    assert read["CITATION.cff"]["version"] == __version__
    assert f"## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    matrix = read["ci.yml"]["jobs"]["tests"]["strategy"]["matrix"]
    assert (len(matrix["os"]), matrix["python"]) == (3, ["3.11", "3.12", "3.13", "3.14"])
    assert {"name", "description", "body"} <= set(read["bug.yml"])


def test_the_architecture_names_files_and_packages_that_exist():
    page = (DOCS / "architecture.md").read_text("utf-8")
    package = ROOT / "audio_emotion"
    files = {"tests/test_imports.py", *(str(path.relative_to(package)) for path in package.rglob("*.py"))}
    for name in re.findall(r"`([\w/]+\.py)`", page):
        assert any(f"/{file}".endswith(f"/{name}") for file in files), name
    assert re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)[-len(ROOMS) :] == list(ROOMS)


def test_the_python_reference_has_every_public_name():
    page = (DOCS / "reference" / "python.md").read_text("utf-8")
    documented = set(re.findall(r"^::: audio_emotion\.(\w+)$", page, flags=re.MULTILINE))
    assert not set(audio_emotion.__all__) - documented


def test_the_licences_of_all_that_pyproject_names_are_listed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    listed = set(re.findall(r"^\| ([\w-]+) \|", (DOCS / "licences.md").read_text("utf-8"), flags=re.MULTILINE))
    missing = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in named} - listed
    assert not missing, "run: python -m scripts.licences"


def test_the_answers_that_the_picture_of_a_terminal_shows_are_of_this_version():
    picture = (DOCS / "images" / "terminal.svg").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    (answer,) = re.findall(r"Predicted emotion: happy with [\d.]+% confidence", readme)
    assert answer in picture, "run: python -m scripts.terminal"
