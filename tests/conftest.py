"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def recordings(request: pytest.FixtureRequest) -> Path:
    """The folder of real recordings; without it the test is skipped."""
    named = os.environ.get("AUDIO_EMOTION_DATA")
    folder = Path(named) if named else request.config.rootpath.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; set AUDIO_EMOTION_DATA")
    return folder
