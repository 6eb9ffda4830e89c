"""EmoDB (Berlin Database of Emotional Speech, Burkhardt et al. 2005): 10 German speakers, 535 clips.

A name is speaker (2 digits), text (3 characters), emotion (the first letter of its German word) and version.
Of its seven emotions boredom (81 clips) is outside the eight: it is left out, and counted.
"""

import re
from pathlib import Path

from audio_emotion.core.emotions import corpus_codes, is_outside
from audio_emotion.corpora.adapter import NamedFiles
from audio_emotion.corpora.base import Utterance

_NAME = re.compile(r"(?P<speaker>03|08|09|1[0-6])(?P<text>[ab]\d\d)(?P<emotion>[NFTWAEL])(?P<version>[a-z]?)")
_MALE = ("03", "10", "11", "12", "15")


def read(path: Path) -> Utterance | str:
    """Read a name."""
    name = _NAME.fullmatch(path.stem)
    if not name:
        return "its name does not follow EmoDB's convention"
    label = corpus_codes("emodb")[name["emotion"]]
    if is_outside(label):
        return f"{label} is outside the eight emotions"
    attributes = {
        "text": name["text"],
        "version": name["version"],
        "sex": "male" if name["speaker"] in _MALE else "female",
    }
    return Utterance(path, label, f"emodb/{name['speaker']}", attributes)


_PUBLISHED = {  # neutral, happy, sad, angry, fearful, disgust
    "03": (11, 7, 7, 14, 4, 1),
    "08": (10, 11, 9, 12, 6, 0),
    "09": (9, 4, 4, 13, 1, 8),
    "10": (4, 4, 3, 10, 8, 1),
    "11": (9, 8, 7, 11, 10, 2),
    "12": (4, 2, 4, 12, 6, 2),
    "13": (9, 10, 5, 12, 7, 8),
    "14": (7, 8, 10, 16, 12, 8),
    "15": (11, 6, 4, 13, 8, 5),
    "16": (5, 11, 9, 14, 7, 11),
}


def _count() -> dict[tuple[str, str], int]:
    labels = [label for label in corpus_codes("emodb").values() if not is_outside(label)]
    return {
        (f"emodb/{speaker}", label): n_files
        for speaker, counts in _PUBLISHED.items()
        for label, n_files in zip(labels, counts, strict=True)
        if n_files
    }


ADAPTER = NamedFiles(
    name="emodb",
    title="EmoDB",
    licence="free for research",
    obtain="audio-emotion data download emodb",
    read=read,
    example="03a01Fa.wav",
    count=_count,
)
