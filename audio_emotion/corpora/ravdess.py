"""RAVDESS, audio only (Livingstone & Russo 2018, doi 10.5281/zenodo.1188976): 24 actors, speech and song.

A name is seven two-digit fields, ``modality-channel-emotion-intensity-statement-repetition-actor``; odd actors
are male, even ones female. Speech: 8 emotions, 1440 clips. Song: 6 emotions, 1012 clips, without actor 18.
"""

import re
from pathlib import Path

from audio_emotion.core.emotions import corpus_codes
from audio_emotion.corpora.adapter import Adapter, NamedFiles
from audio_emotion.corpora.base import Utterance

_NAME = re.compile(r"(?P<modality>0[123])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])"
                   r"-(?P<statement>0[12])-(?P<repetition>0[12])-(?P<actor>\d\d)")  # fmt: skip
_AUDIO_ONLY = "03"
_CHANNELS = {"01": "speech", "02": "song"}
_INTENSITIES = {"01": "normal", "02": "strong"}
LICENCE = "CC-BY-NC-SA-4.0"


def _read(path: Path, channel: str) -> Utterance | str:
    """Read a name; the speakers of speech and song are the same people, and so have the same names."""
    name = _NAME.fullmatch(path.stem)
    if not name:
        return "its name does not follow RAVDESS's convention"
    if name["modality"] != _AUDIO_ONLY:
        return "RAVDESS video, of which the audio-only recording is used"
    if name["channel"] != channel:
        return f"RAVDESS {_CHANNELS[name['channel']]}, not {_CHANNELS[channel]}"
    attributes = {
        "channel": _CHANNELS[channel],
        "intensity": _INTENSITIES[name["intensity"]],
        "statement": name["statement"],
        "repetition": name["repetition"],
        "sex": "male" if int(name["actor"]) % 2 else "female",
    }
    return Utterance(path, corpus_codes("ravdess")[name["emotion"]], f"ravdess/{name['actor']}", attributes)


def _count(actors: list[int], n_emotions: int) -> dict[tuple[str, str], int]:
    """Two statements, twice each, at two intensities; neutral has one intensity. Song has the first six emotions."""
    labels = list(corpus_codes("ravdess").values())[:n_emotions]
    return {(f"ravdess/{actor:02}", label): 4 if label == "neutral" else 8 for actor in actors for label in labels}


def _adapter(name: str, channel: str, actors: list[int], n_emotions: int) -> Adapter:
    return NamedFiles(
        name=name,
        title=f"RAVDESS, {_CHANNELS[channel]}",
        licence=LICENCE,
        obtain=f"audio-emotion data download {name}",
        read=lambda path: _read(path, channel),
        example=f"03-{channel}-05-01-02-01-07.wav",
        count=lambda: _count(actors, n_emotions),
    )


SPEECH = _adapter("ravdess", "01", list(range(1, 25)), 8)
SONG = _adapter("ravdess-song", "02", [actor for actor in range(1, 25) if actor != 18], 6)
