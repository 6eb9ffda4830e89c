"""TESS (Toronto Emotional Speech Set, Pichora-Fuller & Dupuis 2010, doi 10.5683/SP2/E8H2MF): 2 women, 7 emotions.

A name is ``SPEAKER_word_emotion``, 200 words each, 2800 clips; ``ps``, pleasant surprise, is surprised here.
"""

import re
from pathlib import Path

from audio_emotion.core.emotions import corpus_codes
from audio_emotion.corpora.adapter import NamedFiles
from audio_emotion.corpora.base import Utterance

_NAME = re.compile(r"(?P<speaker>OAF?|YAF)_(?P<word>[a-z-]+)_(?P<emotion>neutral|happy|sad|angry|fear|disgust|ps)")


def read(path: Path) -> Utterance | str:
    """Read a name; ``OA_bite_neutral``, one F short, is the corpus's own spelling."""
    name = _NAME.fullmatch(path.stem)
    if not name:
        return "its name does not follow TESS's convention"
    speaker = "YAF" if name["speaker"] == "YAF" else "OAF"
    attributes = {"word": name["word"], "sex": "female"}
    return Utterance(path, corpus_codes("tess")[name["emotion"]], f"tess/{speaker}", attributes)


def _count() -> dict[tuple[str, str], int]:
    return {(f"tess/{speaker}", label): 200 for speaker in ("OAF", "YAF") for label in corpus_codes("tess").values()}


ADAPTER = NamedFiles(
    name="tess",
    title="TESS",
    licence="CC-BY-NC-ND-4.0",
    obtain="its files stand one by one at https://doi.org/10.5683/SP2/E8H2MF",
    read=read,
    example="OAF_back_angry.wav",
    count=_count,
)
