"""Tables of comma-separated values: our own, and that of audformat."""

import csv
import io
from collections.abc import Iterable

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.paths import encodable
from audio_emotion.core.types import Prediction
from audio_emotion.formats.result import Source
from audio_emotion.formats.writer import Writer, clock


def _row(cells: Iterable[str]) -> str:
    """Return one line as RFC 4180 has it (quotes around what holds a comma, a quote or a line break), ended by LF."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _scores(prediction: Prediction, labels: Iterable[str]) -> list[str]:
    """Return the cells of the score and of each label's; empty for ``no speech``, so that no mean counts them as 0."""
    if prediction.label == NO_SPEECH:
        return ["", *("" for _ in labels)]
    return [f"{score:.6f}" for score in (prediction.score, *(prediction.scores[label] for label in labels))]


class CsvWriter(Writer):
    """A row a recording or segment: file, start and end in seconds, label, score, and a column for each label."""

    suffix = ".csv"

    def head(self) -> str:
        return _row(["file", "start", "end", "label", "score", *self.labels, "model", "device"])

    def segment(self, source: Source, said: Prediction) -> str:
        times = (f"{said.start:.3f}", f"{said.end:.3f}")
        scores = _scores(said, self.labels)
        return _row([encodable(source.file), *times, said.label, *scores, source.model, source.device])


class AudformatWriter(Writer):
    """A segmented table of audformat: index ``file,start,end`` as pandas writes time differences, then columns."""

    suffix = ".audformat.csv"

    def head(self) -> str:
        return _row(["file", "start", "end", "emotion", "confidence", *self.labels])

    def segment(self, source: Source, said: Prediction) -> str:
        times = (_timedelta(said.start), _timedelta(said.end))
        return _row([encodable(source.file), *times, said.label, *_scores(said, self.labels)])


def _timedelta(seconds: float) -> str:
    """Return a time as ``str(pandas.Timedelta)`` has it.

    >>> _timedelta(90_061.5), _timedelta(3)
    ('1 days 01:01:01.500000', '0 days 00:00:03')
    """
    milliseconds = round(seconds * 1000)
    days, rest = divmod(milliseconds, 86_400_000)
    time = clock(rest / 1000)
    return f"{days} days {time.removesuffix('.000')}" + ("000" if milliseconds % 1000 else "")
