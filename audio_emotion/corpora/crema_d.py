"""CREMA-D (Cao et al. 2014, doi 10.1109/TAFFC.2014.2336244): 91 actors, 6 emotions, 12 sentences, 7442 clips.

A name is ``actor_SENTENCE_EMOTION_INTENSITY``. The first sentence, IEO, is there at three intensities, the others
at one that is not specified.
"""

import re
from pathlib import Path

from audio_emotion.core.emotions import corpus_codes
from audio_emotion.corpora.adapter import NamedFiles
from audio_emotion.corpora.base import Utterance

_NAME = re.compile(r"(?P<actor>10\d\d)_(?P<sentence>IEO|TIE|IOM|IWW|TAI|MTI|IWL|ITH|DFA|ITS|TSI|WSI)"
                   r"_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?P<intensity>LO|MD|HI|XX?)")  # fmt: skip
_INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high"}
_DEFECTIVE = {"1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_NEU_XX", "1076_MTI_SAD_XX"}
_FEMALE = frozenset(
    {"1002", "1003", "1004", "1006", "1007", "1008", "1009", "1010", "1012", "1013", "1018", "1020", "1021",
     "1024", "1025", "1028", "1029", "1030", "1037", "1043", "1046", "1047", "1049", "1052", "1053", "1054",
     "1055", "1056", "1058", "1060", "1061", "1063", "1072", "1073", "1074", "1075", "1076", "1078", "1079",
     "1082", "1084", "1089", "1091"}
)  # fmt: skip
"""From the corpus's VideoDemographics.csv: 43 of the 91."""


def read(path: Path) -> Utterance | str:
    """Read a name; ``1040_ITH_SAD_X``, one X short, is the corpus's own spelling."""
    name = _NAME.fullmatch(path.stem)
    if not name or not 1001 <= int(name["actor"]) <= 1091:
        return "its name does not follow CREMA-D's convention"
    if path.stem in _DEFECTIVE:
        return "one of the four clips of CREMA-D that are known to be defective"
    attributes = {
        "sentence": name["sentence"],
        "intensity": _INTENSITIES.get(name["intensity"], "unspecified"),
        "sex": "female" if name["actor"] in _FEMALE else "male",
    }
    return Utterance(path, corpus_codes("crema-d")[name["emotion"]], f"crema-d/{name['actor']}", attributes)


def _count() -> dict[tuple[str, str], int]:
    """82 clips an actor; 20 of them were never published, and four that were are defective (SentenceFilenames.csv)."""
    labels = corpus_codes("crema-d").values()
    counts = {(str(actor), label): 12 if label == "neutral" else 14 for actor in range(1001, 1092) for label in labels}
    for actor in ("1008", "1009", "1019"):  # a whole sentence is not there: WSI, MTI, ITH
        for label in labels:
            counts[actor, label] -= 1
    never_published = [("1002", "neutral"), ("1076", "neutral")]
    defective = [("1064", "disgust"), ("1064", "sad"), ("1076", "neutral"), ("1076", "sad")]
    for actor, label in never_published + defective:
        counts[actor, label] -= 1
    return {(f"crema-d/{actor}", label): n_files for (actor, label), n_files in counts.items()}


ADAPTER = NamedFiles(
    name="crema-d",
    title="CREMA-D",
    licence="ODbL-1.0",
    obtain="clone https://github.com/CheyneyComputerScience/CREMA-D with Git LFS and take its folder AudioWAV",
    read=read,
    example="1001_DFA_ANG_XX.wav",
    count=_count,
)
