"""The import table of docs/architecture.md, and what the command line may load."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import soundfile

from tests.conftest import ROOT
from tests.sounds import voice

PACKAGE = ROOT / "audio_emotion"

# The rooms in import order, as in docs/architecture.md: a module imports only from its own room and from those above.
ROOMS = (
    "core",
    "audio",
    "models",
    "augment",
    "corpora",
    "inference",
    "formats",
    "batch",
    "evaluation",
    "explanation",
    "export",
    "training",
    "web",
    "cli",
)
# What a room never imports, though the order would allow it, and why.
NEVER = {
    "inference": {"augment", "corpora"},  # `infer` needs no training data
    "formats": {"inference", "augment", "corpora", "models"},  # a writer sees results alone
    "batch": {"augment", "corpora"},
    "web": {"augment", "corpora", "evaluation", "explanation", "export", "training"},
}


@cache
def imports() -> set[tuple[str, str, str]]:
    """Return every (module, its room, imported room) of the package."""
    found = set()
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
            rooms = {name.split(".")[1] for name in names if name.startswith("audio_emotion.")} - {importer}
            found |= {(str(path.relative_to(PACKAGE)), importer, room) for room in rooms}
    return {entry for entry in found if entry[1] not in {"__init__", "__main__"}}


def test_the_package_holds_these_rooms_and_no_others():
    rooms = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in PACKAGE.rglob("*.py")}
    assert rooms == set(ROOMS) | {"__init__", "__main__"}


def test_a_room_imports_only_from_rooms_above_it():
    assert not [entry for entry in imports() if ROOMS.index(entry[2]) > ROOMS.index(entry[1])]


@pytest.mark.parametrize("room", NEVER)
def test_a_room_never_imports(room: str):
    assert not [entry for entry in imports() if entry[1] == room and entry[2] in NEVER[room]]


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
        "heavy = {'torch', 'librosa', 'sklearn', 'scipy', 'matplotlib', 'pandas', 'pydantic', 'jinja2'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    arguments = [word.format(clip=clip) for word in command.split()]
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
