"""Take the pictures of the page that the documentation shows: `python -m scripts.screenshots` from the checkout's root.

Needs Chromium with its driver, and the packages for development. What is heard are the synthetic samples.
"""

import io
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from tests.conftest import ROOT
from tests.web.browser import chromium, conversation, live, look, wait

IMAGES = ROOT / "docs" / "images"
LOOKS = {"light": (1120, 900, False, 1.5), "dark": (1120, 900, True, 1.5), "phone": (390, 844, False, 2)}


def main() -> None:
    """Write one picture for each look, and one of the microphone."""
    with tempfile.TemporaryDirectory() as scratch, live() as address:
        clip = conversation(Path(scratch) / "conversation.wav")
        with chromium(Path(scratch) / "profile") as driver:
            for name, (width, height, dark, scale) in LOOKS.items():
                look(driver, width, height, dark, scale)
                driver.get(address)
                driver.find_element("id", "file").send_keys(str(clip))
                wait(driver, "!document.getElementById('segments').hidden")
                wait(driver, "document.getElementById('player').readyState >= 2")
                driver.execute_script("document.getElementById('player').currentTime = 4.2")
                take(driver, name, width, dark, scale)
        with chromium(Path(scratch) / "another", clip) as driver:
            look(driver, 1120, 600, dark=True)
            driver.get(address)
            driver.find_element("id", "microphone").click()
            wait(driver, "document.getElementById('about').textContent.includes('0:06')")
            take(driver, "live", 1120, True, 1)


def take(driver: Any, name: str, width: int, dark: bool, scale: float) -> None:
    """Write a picture of the whole page, in 256 colours."""
    time.sleep(1.0)
    look(driver, width, driver.execute_script("return document.documentElement.scrollHeight"), dark, scale)
    time.sleep(1.0)
    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # small areas keep their colours
    few.save(IMAGES / f"page-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
