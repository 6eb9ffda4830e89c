"""Background sounds from a folder of recordings."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audio_emotion import audio
from audio_emotion.audio.find import expand
from audio_emotion.augment.noise import add_noise
from audio_emotion.core.errors import UsageError
from audio_emotion.core.paths import display_path
from audio_emotion.core.schema import number, text
from audio_emotion.core.types import FloatArray


class BackgroundDraw(NamedTuple):
    """A signal-to-noise ratio in dB; which recording, and which place in it, as shares of all (0 to below 1)."""

    snr_db: float
    which: float
    place: float


@dataclass(frozen=True)
class Background:
    """A piece of one of the recordings in ``folder``, sub-folders included, at a drawn signal-to-noise ratio.

    As long as before. What is shorter than the utterance is repeated; what is silent adds nothing. The same draw
    gives the same sound as long as the folder stays as it is. Only the piece is decoded, again each time.
    """

    folder: str = text("the name of a folder")
    min_snr_db: float = number(5.0, -20.0, 100.0, "dB", at_most="max_snr_db")
    max_snr_db: float = number(30.0, -20.0, 100.0, "dB")

    def draw(self, rng: np.random.Generator) -> BackgroundDraw:
        return BackgroundDraw(float(rng.uniform(self.min_snr_db, self.max_snr_db)), rng.random(), rng.random())

    def apply(self, samples: FloatArray, sampling_rate: int, drawn: BackgroundDraw) -> FloatArray:
        files = recordings(self.folder)
        path = files[int(drawn.which * len(files))]
        duration = audio.probe(path).duration or 0.0
        # recording   |=============================|
        # utterance        |--------|                      anywhere that it fits, else from the beginning
        start_s = drawn.place * max(0.0, duration - len(samples) / sampling_rate)
        part = audio.AudioRegion(start_s, start_s + len(samples) / sampling_rate)
        return add_noise(samples, np.resize(audio.load(path, sampling_rate, part).samples, len(samples)), drawn.snr_db)

    def tell(self, drawn: BackgroundDraw) -> str:
        files = recordings(self.folder)
        return f"{display_path(files[int(drawn.which * len(files))].stem)}, SNR {drawn.snr_db:.1f} dB"


@lru_cache(maxsize=8)
def recordings(folder: str) -> tuple[Path, ...]:
    """Return the recordings in a folder and those below it, sorted; the folder is searched once per process.

    Raises:
        UsageError: there is no such folder, or no recording in it.
    """
    files = tuple(path for path in expand([folder], recursive=True) if path.is_file())
    if not Path(folder).is_dir() or not files:
        raise UsageError("expected a folder of recordings to use as background sounds", subject=display_path(folder))
    return files
