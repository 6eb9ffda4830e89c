"""Take the pictures of the page that the documentation shows: `python -m scripts.screenshots` from the checkout's root.

Needs Chromium with its driver, and the packages for development. The voices are the synthetic samples.
"""

import argparse
import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from tests.conftest import ROOT
from tests.web.browser import SAMPLES, chromium, conversation, live, look, wait

IMAGES = ROOT / "docs" / "images"
RATE = 16_000
LOOKS = {
    "light": (1120, False, 1.5),
    "dark": (1120, True, 1.5),
    "phone": (390, False, 2.0),
}
NAMES = (*LOOKS, "forced-colours", "empty", "call", "conversation", "five-minutes", "one-hour", "live")
TRANSCRIPT = """WEBVTT

00:00.000 --> 00:02.300
<v Anna>Good morning. You are calling about your order?

00:03.200 --> 00:05.600
<v Ben>Yes, it came today, and it is just what I hoped for!

00:06.500 --> 00:08.900
<v Anna>And the parcel that was to come with it?

00:09.800 --> 00:12.000
<v Ben>That one never came.
"""


def voices(seconds: float, seed: int = 0) -> np.ndarray:
    """Return synthetic samples one after the other in random order, with pauses."""
    generator = np.random.default_rng(seed)
    names = ("calm", "happy", "angry", "sad", "neutral", "fearful", "surprised", "disgust")
    sounds = [soundfile.read(SAMPLES / f"{name}.wav")[0] for name in names]
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * RATE:
        # the same voice for a while, as people do not change their mood with every sentence
        sound = sounds[generator.integers(len(sounds))]
        for _ in range(generator.integers(2, 7)):
            parts += [sound, np.zeros(int(RATE * generator.uniform(0.3, 1.2)))]
    return np.concatenate(parts)[: int(seconds * RATE)]


def call(target: Path) -> Path:
    """Write a stereo call: two sides that take turns."""
    sides = np.zeros((RATE * 40, 2))
    generator, at, side = np.random.default_rng(3), 0, 0
    while at < len(sides) - 4 * RATE:
        name = generator.choice(["calm", "neutral", "happy"] if side == 0 else ["angry", "sad", "fearful"])
        sound, _ = soundfile.read(SAMPLES / f"{name}.wav")
        sound = sound[: len(sides) - at]
        sides[at : at + len(sound), side] = sound
        at += len(sound) + int(0.4 * RATE)
        side = 1 - side
    soundfile.write(target, sides, RATE)
    return target


class Camera:
    """Takes pictures of a page."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver, self.address = driver, address

    def open(self, width: int, dark: bool = False, scale: float = 1.5, height: int = 900) -> None:
        """Open the page in a window of this size; a scale of 2 is a screen of twice as many pixels."""
        look(self.driver, width, height, dark, scale)
        self.driver.get(self.address)
        wait(self.driver, "document.querySelectorAll('#samples button').length")
        self.view = (width, dark, scale)

    def upload(self, *files: Path, at: float, seconds: float = 600.0) -> None:
        """Predict a recording, maybe with a transcript, and go to a second of it."""
        self.driver.find_element("id", "file").send_keys("\n".join(map(str, files)))
        wait(self.driver, "!document.getElementById('segments').hidden", seconds)
        wait(self.driver, "document.getElementById('player').readyState >= 2")
        self.driver.execute_script("document.getElementById('player').currentTime = arguments[0]", at)

    def take(self, name: str, forced: bool = False) -> None:
        """Write a picture of the whole page, in 256 colours."""
        width, dark, scale = self.view
        time.sleep(1.0)
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        look(self.driver, width, height, dark, scale)
        if forced:
            features = [{"name": "forced-colors", "value": "active"}, {"name": "prefers-color-scheme", "value": "dark"}]
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        time.sleep(1.0)
        picture = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        few = picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(IMAGES / f"page-{name}.png", optimize=True)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, help=f"of: {', '.join(NAMES)}; all if none")
    names = set(parser.parse_args().names)
    with tempfile.TemporaryDirectory() as scratch, live() as address:
        folder = Path(scratch)
        clip = conversation(folder / "conversation.wav")
        with chromium(folder / "profile") as driver:
            camera = Camera(driver, address)
            for name in names & set(LOOKS):
                camera.open(*LOOKS[name])
                camera.upload(clip, at=4.2)
                camera.take(name)
            if "empty" in names:
                camera.open(1120)
                camera.take("empty")
            if "forced-colours" in names:
                camera.open(1120)
                camera.upload(clip, at=4.2)
                camera.take("forced-colours", forced=True)
            if "call" in names:
                camera.open(1120)
                camera.upload(call(folder / "call.wav"), at=10.0)
                camera.take("call")
            if "conversation" in names:
                (folder / "conversation.vtt").write_text(TRANSCRIPT, "utf-8")
                camera.open(1120)
                camera.upload(clip, folder / "conversation.vtt", at=4.2)
                camera.take("conversation")
            for name, minutes in {"five-minutes": 5, "one-hour": 60}.items():
                if name in names:
                    soundfile.write(folder / f"{name}.flac", voices(60 * minutes), RATE)
                    camera.open(1120)
                    camera.upload(folder / f"{name}.flac", at=20.0 * minutes)
                    camera.take(name)
        if "live" in names:
            with chromium(folder / "another", clip) as driver:
                camera = Camera(driver, address)
                camera.open(1120, dark=True, scale=1.0, height=600)
                driver.find_element("id", "microphone").click()
                wait(driver, "document.getElementById('about').textContent.includes('0:06')")
                camera.take("live")


if __name__ == "__main__":
    main()
