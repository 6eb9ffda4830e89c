"""Take the pictures of the page that the documentation shows: `python -m scripts.screenshots` from the checkout's root.

Needs Chromium with its driver, and the packages for development. What is heard are the synthetic samples.
"""

import tempfile
import time
from pathlib import Path

from tests.conftest import ROOT
from tests.web.browser import chromium, conversation, live, look, wait

IMAGES = ROOT / "docs" / "images"
LOOKS = {"light": (1120, 900, False, 1.5), "dark": (1120, 900, True, 1.5), "phone": (390, 844, False, 2)}


def main() -> None:
    """Write one picture for each look."""
    with tempfile.TemporaryDirectory() as scratch, live() as address, chromium(Path(scratch) / "profile") as driver:
        clip = conversation(Path(scratch) / "conversation.wav")
        for name, (width, height, dark, scale) in LOOKS.items():
            look(driver, width, height, dark, scale)
            driver.get(address)
            driver.find_element("id", "file").send_keys(str(clip))
            wait(driver, "!document.getElementById('segments').hidden")
            wait(driver, "document.getElementById('player').readyState >= 2")
            driver.execute_script("document.getElementById('player').currentTime = 4.2")
            time.sleep(1.5)
            tall = driver.execute_script("return document.documentElement.scrollHeight")
            look(driver, width, tall, dark, scale)
            time.sleep(1.0)
            driver.save_screenshot(str(IMAGES / f"page-{name}.png"))


if __name__ == "__main__":
    main()
