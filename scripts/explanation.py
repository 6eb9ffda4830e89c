"""Draw the picture of docs/explain.md: `python -m scripts.explanation` from the checkout's root.

What is explained is a synthetic sample.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from audio_emotion import explain, load_model
from audio_emotion.explanation.plot import draw_explanation
from audio_emotion.formats.plot import save

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "inference" / "samples" / "sad.wav"


def main() -> None:
    """Write docs/images/explain.png, in 256 colours."""
    with TemporaryDirectory() as scratch:
        drawn = Path(scratch) / "explain.png"
        save(draw_explanation(explain(load_model(device="cpu"), SAMPLE), SAMPLE.name), drawn)
        few = Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(ROOT / "docs" / "images" / "explain.png", optimize=True)


if __name__ == "__main__":
    main()
