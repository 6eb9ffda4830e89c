"""The pictures that ``infer`` draws."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pictures:
    """What to draw besides the text on standard output.

    Attributes:
        plot: a picture to write; None: none.
        report: a page to write; None: none.
        embed_audio: whether the page contains the recording.
    """

    plot: Path | None = None
    report: Path | None = None
    embed_audio: bool = False
