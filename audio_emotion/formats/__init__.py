"""Results in every format that ``infer`` writes; ``docs/output-formats.md`` shows each of them.

A format is one class, listed by its name in ``_WRITERS`` below. It renders whole results (:meth:`Writer.render`), or a
long timeline segment by segment as it is predicted, so that the first line of a ten-hour recording does not wait for
the last.
"""

from collections.abc import Sequence

from audio_emotion.core.errors import UsageError
from audio_emotion.formats.csv_writers import AudformatWriter, CsvWriter
from audio_emotion.formats.json_writers import JsonlWriter, JsonWriter, schema
from audio_emotion.formats.label_studio import LabelStudioWriter
from audio_emotion.formats.label_tracks import AudacityWriter, RttmWriter
from audio_emotion.formats.result import Result, Source, percent_encode, shares
from audio_emotion.formats.subtitles import SrtWriter, VttWriter
from audio_emotion.formats.text import TextWriter, text
from audio_emotion.formats.tiers import EafWriter, TextGridWriter
from audio_emotion.formats.writer import Writer

__all__ = [
    "FORMATS",
    "Result",
    "Source",
    "Writer",
    "get_writer",
    "percent_encode",
    "schema",
    "shares",
    "text",
    "writer_class",
]

_WRITERS: dict[str, type[Writer]] = {
    "text": TextWriter,
    "json": JsonWriter,
    "jsonl": JsonlWriter,
    "csv": CsvWriter,
    "srt": SrtWriter,
    "vtt": VttWriter,
    "rttm": RttmWriter,
    "audacity": AudacityWriter,
    "audformat": AudformatWriter,
    "textgrid": TextGridWriter,
    "eaf": EafWriter,
    "label-studio": LabelStudioWriter,
}

FORMATS = tuple(_WRITERS)
"""Names of the formats."""


def get_writer(name: str, labels: Sequence[str], *, many: bool = False, top_k: int | None = None) -> Writer:
    """Return a writer of the format ``name`` for predictions over ``labels``.

    ``many`` says that results of several recordings go into one document: JSON then is a list, and text names each
    file. ``top_k`` shortens the list of probabilities in the text form.

    Raises:
        UsageError: no such format.
    """
    return writer_class(name)(labels, many=many, top_k=top_k)


def writer_class(name: str) -> type[Writer]:
    """Return the class that writes the format ``name``.

    Raises:
        UsageError: no such format.
    """
    if name not in _WRITERS:
        raise UsageError(f"unknown output format {name!r}; choose from {', '.join(FORMATS)}")
    return _WRITERS[name]
