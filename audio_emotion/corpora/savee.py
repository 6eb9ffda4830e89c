"""SAVEE (Surrey Audio-Visual Expressed Emotion, Haq & Jackson 2009): 4 men, 7 emotions, 480 clips.

A name is ``SPEAKER_emotionNN``; as published, the speaker is the folder: ``DC/a01.wav``.
"""

import re
from pathlib import Path

from audio_emotion.core.emotions import corpus_codes
from audio_emotion.corpora.adapter import NamedFiles
from audio_emotion.corpora.base import Utterance

_SPEAKERS = ("DC", "JE", "JK", "KL")
_NAME = re.compile(r"((?P<speaker>DC|JE|JK|KL)_)?(?P<emotion>a|d|f|h|n|sa|su)(?P<number>\d\d)")


def read(path: Path) -> Utterance | str:
    """Read a name, and the folder's where the speaker is not in it."""
    name = _NAME.fullmatch(path.stem)
    speaker = name and (name["speaker"] or path.parent.name)
    if not name or speaker not in _SPEAKERS:
        return "its name does not follow SAVEE's convention"
    attributes = {"number": name["number"], "sex": "male"}
    return Utterance(path, corpus_codes("savee")[name["emotion"]], f"savee/{speaker}", attributes)


def _count() -> dict[tuple[str, str], int]:
    labels = corpus_codes("savee").values()
    return {(f"savee/{who}", label): 30 if label == "neutral" else 15 for who in _SPEAKERS for label in labels}


ADAPTER = NamedFiles(
    name="savee",
    title="SAVEE",
    licence="research use only",
    obtain="ask for access with the form at http://kahlan.eps.surrey.ac.uk/savee/Download.html",
    read=read,
    example="DC_a01.wav, or a01.wav in a folder DC",
    count=_count,
)
