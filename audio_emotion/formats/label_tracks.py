"""Tracks of labelled stretches for other tools: RTTM and Audacity."""

from pathlib import PurePath

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import Prediction
from audio_emotion.formats.result import Source, percent_encode
from audio_emotion.formats.writer import Writer


class RttmWriter(Writer):
    """Rich Transcription Time Marked (NIST): a ``SPEAKER`` line a stretch, the emotion where the speaker's name stands.

    Ten fields: type, file, channel, onset, duration, orthography, speaker type, name, confidence, lookahead. A stretch
    without speech has no line.
    """

    suffix = ".rttm"

    def segment(self, source: Source, said: Prediction) -> str:
        if said.label == NO_SPEECH:
            return ""
        start, end = round(said.start, 3), round(said.end, 3)
        sure = f"{said.score:.6f}" if said.label in said.scores else "<NA>"
        where = f"{_file_id(source.file)} {said.channel or 1} {start:.3f} {end - start:.3f}"
        return f"SPEAKER {where} <NA> <NA> {said.label.replace(' ', '_')} {sure} <NA>\n"


def _file_id(file: str) -> str:
    """Return a recording's name without its suffix, as one word.

    >>> _file_id("my calls/one 1.wav")
    'my%20calls/one%201'
    """
    path = PurePath(file)
    return percent_encode(str(path.with_suffix("")) if path.name else file, also=" ;")


class AudacityWriter(Writer):
    """A label track: start and end in seconds and the label, between tabs; ``no speech`` is a label like any other."""

    suffix = ".audacity.txt"
    combines = False

    def segment(self, source: Source, said: Prediction) -> str:
        sure = f" {100 * said.score:.0f}%" if said.label in said.scores else ""
        return f"{said.start:.6f}\t{said.end:.6f}\t{said.label}{sure}\n"
