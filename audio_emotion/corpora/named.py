"""One's own recordings named ``{id}-{speaker}-{emotion_code}-{intensity}.wav``, with RAVDESS's codes 01 to 08."""

import re
from pathlib import Path

from audio_emotion.core.emotions import corpus_codes
from audio_emotion.corpora.adapter import NamedFiles
from audio_emotion.corpora.base import Utterance

_NAME = re.compile(r"(?P<id>[^-]+)-(?P<speaker>[^-]+)-(?P<emotion>0[1-8])-(?P<intensity>[^-]+)")


def read(path: Path) -> Utterance | str:
    """Read a name; nothing in it may hold a hyphen."""
    name = _NAME.fullmatch(path.stem)
    if not name:
        return "its name is not {id}-{speaker}-{emotion_code}-{intensity}"
    attributes = {"id": name["id"], "intensity": name["intensity"]}
    return Utterance(path, corpus_codes("named")[name["emotion"]], f"named/{name['speaker']}", attributes)


ADAPTER = NamedFiles(
    name="named",
    title="files named {id}-{speaker}-{emotion_code}-{intensity}",
    licence="unknown",
    obtain="they are your own",
    read=read,
    example="0001-anna-03-02.wav",
)
