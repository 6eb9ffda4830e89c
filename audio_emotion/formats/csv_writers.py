"""Tables of comma-separated values: our own, and audformat's."""

import csv
import io
from collections.abc import Iterable

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.paths import encodable
from audio_emotion.core.types import Prediction, Turn
from audio_emotion.formats.result import Source
from audio_emotion.formats.writer import Writer, clock


def _row(cells: Iterable[str]) -> str:
    """Return one line as in RFC 4180 (quotes around cells with a comma, quote or line break), ended by LF."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(_no_formula, cells))
    return line.getvalue()


def _no_formula(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: with an apostrophe before it, as OWASP advises.

    File names, labels and names of models can come from strangers. Numbers stay as they are.

    >>> _no_formula("=1+2"), _no_formula("-0.5"), _no_formula("happy.wav")
    ("'=1+2", '-0.5', 'happy.wav')
    """
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _scores(prediction: Prediction, labels: Iterable[str]) -> list[str]:
    """Return the cells of the score and of each label's; empty for ``no speech``, so that no mean counts them as 0."""
    if prediction.label == NO_SPEECH:
        return ["", *("" for _ in labels)]
    return [f"{score:.6f}" for score in (prediction.score, *(prediction.scores[label] for label in labels))]


_TURN = ("channel", "speaker", "text", "overlap")
"""The columns that turns fill; other rows leave them empty, but for the channel."""


def _turn(prediction: Prediction) -> list[str]:
    channel = "" if prediction.channel is None else str(prediction.channel)
    if not isinstance(prediction, Turn):
        return [channel, "", "", ""]
    return [channel, encodable(prediction.speaker), encodable(prediction.text), f"{prediction.overlap_s:.3f}"]


class CsvWriter(Writer):
    """A row for each recording or segment: file, start and end in seconds, label, scores, and who says what."""

    suffix = ".csv"

    def head(self) -> str:
        return _row(["file", "start", "end", "label", "score", *self.labels, "model", "device", *_TURN])

    def segment(self, source: Source, prediction: Prediction) -> str:
        times = (f"{prediction.start:.3f}", f"{prediction.end:.3f}")
        scores = _scores(prediction, self.labels)
        of_model = (source.model, source.device)
        return _row([encodable(source.file), *times, prediction.label, *scores, *of_model, *_turn(prediction)])


class AudformatWriter(Writer):
    """A segmented table of audformat: index ``file,start,end`` as pandas writes time differences, then columns."""

    suffix = ".audformat.csv"

    def head(self) -> str:
        return _row(["file", "start", "end", "emotion", "confidence", *self.labels, *_TURN])

    def segment(self, source: Source, prediction: Prediction) -> str:
        times = (_timedelta(prediction.start), _timedelta(prediction.end))
        scores = _scores(prediction, self.labels)
        return _row([encodable(source.file), *times, prediction.label, *scores, *_turn(prediction)])


def _timedelta(seconds: float) -> str:
    """Return a time as ``str(pandas.Timedelta)`` writes it.

    >>> _timedelta(90_061.5), _timedelta(3)
    ('1 days 01:01:01.500000', '0 days 00:00:03')
    """
    milliseconds = round(seconds * 1000)
    days, rest = divmod(milliseconds, 86_400_000)
    time = clock(rest / 1000)
    return f"{days} days {time.removesuffix('.000')}" + ("000" if milliseconds % 1000 else "")
