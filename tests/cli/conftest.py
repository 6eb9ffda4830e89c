"""What tests of `infer` in this process share."""

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

from audio_emotion.cli import app
from tests.sounds import RATE, voice

Run = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a clip of 2 s, a longer one, and an empty folder, to work in."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("clip.wav", voice(2), RATE)
    soundfile.write("long.wav", voice(5), RATE)
    Path("empty").mkdir()
    return tmp_path


@pytest.fixture
def infer(here: Path) -> Run:
    def run(*arguments: object, content: bytes = b"") -> Result:
        return CliRunner().invoke(app, ["infer", *map(str, arguments)], input=content, prog_name="audio-emotion")

    return run
