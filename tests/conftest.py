import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; tests that ask for it carry the mark ``realdata``."""
    folder = Path(os.environ.get("AUDIO_EMOTION_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "ravdess-speech").is_dir():
        pytest.skip(f"needs real recordings: {folder} has no ravdess-speech (set AUDIO_EMOTION_DATA)")
    return folder
