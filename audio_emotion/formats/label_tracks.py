"""Labelled segments for other tools, line by line: RTTM and Audacity."""

from pathlib import PurePath

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import Prediction
from audio_emotion.formats.result import Source, percent_encode
from audio_emotion.formats.writer import Writer, emotion_tag, percentage, speaker_of, words_with_speaker


class RttmWriter(Writer):
    """Rich Transcription Time Marked (NIST): a ``SPEAKER`` line for each segment with speech.

    Ten fields: type, file, channel, onset, duration, orthography, speaker type, name, confidence, lookahead. The
    emotion is the name; where the speaker is known, the speaker is, and the emotion stands as orthography.
    """

    suffix = ".rttm"

    def segment(self, source: Source, prediction: Prediction) -> str:
        if prediction.label == NO_SPEECH:
            return ""
        start, end = round(prediction.start, 3), round(prediction.end, 3)
        confidence = f"{prediction.score:.6f}" if prediction.label in prediction.scores else "<NA>"
        where = f"{_file_id(source.file)} {prediction.channel or 1} {start:.3f} {end - start:.3f}"
        emotion, speaker = prediction.label.replace(" ", "_"), speaker_of(prediction).replace(" ", "_")
        names = f"{emotion} <NA> {speaker}" if speaker else f"<NA> <NA> {emotion}"
        return f"SPEAKER {where} {names} {confidence} <NA>\n"


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

    def segment(self, source: Source, prediction: Prediction) -> str:
        words = words_with_speaker(prediction)
        if words:
            label = f"{emotion_tag(prediction)} {words}".strip()
        else:
            label = f"{prediction.label} {percentage(prediction)}".strip()
        return f"{prediction.start:.6f}\t{prediction.end:.6f}\t{label}\n"
