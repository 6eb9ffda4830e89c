"""RAVDESS, speech (Livingstone & Russo 2018, doi 10.5281/zenodo.1188976): 24 actors, 8 emotions, 1440 clips.

A name is seven two-digit fields, ``modality-channel-emotion-intensity-statement-repetition-actor``; odd actors
are male, even ones female.
"""

import re
from pathlib import Path

from audio_emotion.audio import AUDIO_SUFFIXES
from audio_emotion.corpora.base import Corpus, Utterance
from audio_emotion.emotions import corpus_codes
from audio_emotion.errors import CorpusError

_NAME = re.compile(r"(?P<modality>0[123])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])"
                   r"-(?P<statement>0[12])-(?P<repetition>0[12])-(?P<actor>\d\d)")  # fmt: skip
_AUDIO_ONLY, _SPEECH = "03", "01"
LICENCE = "CC-BY-NC-SA-4.0"


def find(root: Path) -> Corpus:
    """Find the speech recordings below ``root``, however the ``Actor_NN`` folders are nested.

    Song and video files of the same naming, and a second file of the same name, are left out and listed.
    Raises :class:`CorpusError` where there is no speech recording at all.
    """
    labels = corpus_codes("ravdess")
    utterances, left_out, seen = [], [], set[str]()
    for path in sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES):
        name = _NAME.fullmatch(path.stem)
        if name and path.stem not in seen and (name["modality"], name["channel"]) == (_AUDIO_ONLY, _SPEECH):
            seen.add(path.stem)
            attributes = {
                "intensity": {"01": "normal", "02": "strong"}[name["intensity"]],
                "statement": name["statement"],
                "repetition": name["repetition"],
                "sex": "male" if int(name["actor"]) % 2 else "female",
            }
            utterances.append(Utterance(path, labels[name["emotion"]], f"ravdess/{name['actor']}", attributes))
        else:
            left_out.append(path)
    if not utterances:
        raise CorpusError(
            f"{root}: no RAVDESS speech recording found (names like 03-01-05-01-02-01-07.wav); "
            "run 'audio-emotion data download ravdess', or name its folder with --data"
        )
    return Corpus("ravdess", tuple(utterances), LICENCE, tuple(left_out))
