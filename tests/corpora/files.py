"""Files to read: empty ones, for what reads names alone, and sound."""

from pathlib import Path

import soundfile

from tests.sounds import RATE, voice


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def speak(path: Path, seconds: float = 0.5, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(seconds, seed=seed, pitch_hz=100.0 + 7 * seed), RATE)
    return path


def film(path: Path, seconds: float = 0.5, sound: bool = True) -> Path:
    """Write a video of a few dark frames, with a tone or without sound."""
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 32
        picture.pix_fmt = "yuv420p"
        voiced = container.add_stream("aac", rate=48_000) if sound else None
        for _ in range(round(10 * seconds)):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if voiced is not None:
            tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(48_000 * seconds)) / 48_000)
            frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate = 48_000
            container.mux(voiced.encode(frame))
            container.mux(voiced.encode(None))
    return path
