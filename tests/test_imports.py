"""The import table of docs/architecture.md, and what the command line may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.conftest import ROOT
from tests.sounds import voice

PACKAGE = ROOT / "audio_emotion"

# A module imports only from a lower number.
LEVELS = {
    0: {"errors", "records", "emotions", "paths"},
    1: {"inputs", "audio", "windows", "mel", "cache", "gate", "segments", "descriptors", "frontends", "augment"},
    2: {"corpora", "models", "runtime"},
    3: {"checkpoint", "card"},
    4: {"judging", "prediction", "smoothing", "streaming", "report", "journal", "workers", "readers", "batch"}
    | {"plot_timeline"}
    | {"live", "tuning", "cluster", "sharing", "doctor", "explaining", "plot_explanation"}
    | {"metrics", "evaluation", "evaluation_report", "plots", "html_report", "fitting", "export"}
    | {"training", "folds"},
    5: {"cli", "web", "weights"},
}
# What a level holds of its own: decoding behind the cache, and the signatures that both search and decoding go by; a
# runtime that builds a model; verbs that build on verbs.
ALLOWED = {
    ("paths", "errors"),
    ("audio", "inputs"),
    ("augment", "audio"),
    ("augment", "frontends"),
    ("augment", "inputs"),
    ("cache", "audio"),
    ("frontends", "descriptors"),
    ("runtime", "models"),
    ("card", "checkpoint"),
    ("explaining", "judging"),
    ("prediction", "judging"),
    ("streaming", "judging"),
    ("readers", "streaming"),
    ("smoothing", "prediction"),
    ("streaming", "prediction"),
    ("streaming", "smoothing"),
    ("batch", "streaming"),
    ("readers", "workers"),
    ("batch", "journal"),
    ("batch", "judging"),
    ("batch", "prediction"),
    ("batch", "report"),
    ("batch", "workers"),
    ("cluster", "batch"),
    ("cluster", "journal"),
    ("cluster", "prediction"),
    ("cluster", "readers"),
    ("cluster", "report"),
    ("cluster", "streaming"),
    ("cluster", "workers"),
    ("live", "prediction"),
    ("live", "streaming"),
    ("export", "metrics"),
    ("export", "prediction"),
    ("plot_timeline", "report"),
    ("explaining", "prediction"),
    ("plot_explanation", "explaining"),
    ("plot_explanation", "plot_timeline"),
    ("plot_explanation", "plots"),
    ("plots", "metrics"),
    ("evaluation", "metrics"),
    ("evaluation", "prediction"),
    ("evaluation_report", "evaluation"),
    ("evaluation_report", "metrics"),
    ("html_report", "evaluation"),
    ("html_report", "evaluation_report"),
    ("html_report", "plots"),
    ("fitting", "metrics"),
    ("fitting", "plots"),
    ("fitting", "prediction"),
    ("doctor", "live"),
    ("doctor", "prediction"),
    ("sharing", "prediction"),
    ("training", "evaluation"),
    ("training", "export"),
    ("training", "fitting"),
    ("training", "prediction"),
    ("folds", "evaluation"),
    ("folds", "evaluation_report"),
    ("folds", "fitting"),
    ("folds", "training"),
    ("tuning", "evaluation_report"),
    ("tuning", "fitting"),
    ("tuning", "plots"),
    ("tuning", "training"),
    ("cli", "web"),
}
LEVEL_OF = {room: level for level, rooms in LEVELS.items() for room in rooms}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports() -> set[tuple[str, str]]:
    """Every (importing room, imported room) of the package."""
    pairs = set()
    for path in PACKAGE.rglob("*.py"):
        importer = path.relative_to(PACKAGE).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module == "audio_emotion":
                names = [f"audio_emotion.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            pairs |= {(importer, room(name)) for name in names if name.startswith("audio_emotion.")}
    return {(a, b) for a, b in pairs if a != b and a not in {"__init__", "__main__"} and b in LEVEL_OF}


def test_every_module_has_a_level():
    rooms = {p.relative_to(PACKAGE).with_suffix("").parts[0] for p in PACKAGE.rglob("*.py")}
    assert rooms - {"__init__", "__main__"} <= set(LEVEL_OF)


def test_a_module_imports_only_from_below():
    assert {(a, b) for a, b in imports() if LEVEL_OF[b] >= LEVEL_OF[a]} == ALLOWED


def test_prediction_knows_no_training():
    assert not {b for a, b in imports() if a == "prediction"} & {"training", "fitting", "corpora", "augment"}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "clip.wav", voice(1.0), 16_000)
    return tmp_path / "clip.wav"


@pytest.mark.parametrize(
    "command",
    ["--help", "infer --help", "models list", "models list --architectures", "infer {clip} --device cpu"],
)
def test_the_command_line_loads_nothing_heavy(command: str, clip: Path):
    code = (
        "import sys\n"
        "from audio_emotion.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'librosa', 'sklearn', 'scipy', 'matplotlib', 'pandas', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    arguments = [word.format(clip=clip) for word in command.split()]
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
