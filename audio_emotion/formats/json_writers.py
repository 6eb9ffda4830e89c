"""JSON: whole results as objects, or one line for each segment; ``schema.json`` describes both."""

import json
import textwrap
from importlib.resources import files
from typing import Any

from audio_emotion.core.paths import encodable
from audio_emotion.core.types import Prediction
from audio_emotion.formats.conversation import summarize
from audio_emotion.formats.result import Result, Source
from audio_emotion.formats.writer import Writer


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the JSON form; ``$defs/line`` is that of a line of JSONL."""
    content: dict[str, Any] = json.loads(files("audio_emotion.formats").joinpath("schema.json").read_text("utf-8"))
    return content


def as_dict(source: Source, prediction: Prediction, **more: Any) -> dict[str, Any]:
    """Return the JSON form; ``start`` and ``end`` are seconds, ``scores`` probabilities in label order."""
    content = {"file": encodable(source.file), **prediction.to_dict(), **more}
    return content | {"model": source.model, "device": source.device}


class JsonWriter(Writer):
    """One object for one recording, a list for ``many``; a timeline and turns are ``segments``.

    An object is written when its recording is done, not segment by segment: that is what JSONL is for.
    """

    suffix = ".json"
    _started = False

    def head(self) -> str:
        return "[" if self.many else ""

    def end(self, result: Result) -> str:
        more: dict[str, Any] = {}
        if result.segments is not None:
            more["segments"] = [segment.to_dict() for segment in result.segments]
        if speakers := summarize(result.segments or ()):
            more["speakers"] = [speaker.to_dict() for speaker in speakers]
        if result.notes:
            more["notes"] = list(map(str, result.notes))
        content = json.dumps(as_dict(result.source, result.prediction, **more), indent=2, ensure_ascii=False)
        if not self.many:
            return content + "\n"
        comma = "," if self._started else ""
        self._started = True
        return f"{comma}\n{textwrap.indent(content, '  ')}"

    def tail(self) -> str:
        if not self.many:
            return ""
        return "\n]\n" if self._started else "]\n"


class JsonlWriter(Writer):
    """One object a line: a recording's prediction, with the notes on it, or each segment."""

    suffix = ".jsonl"

    def result(self, result: Result) -> str:
        if result.segments is not None or not result.notes:
            return super().result(result)
        content = as_dict(result.source, result.prediction, notes=list(map(str, result.notes)))
        return json.dumps(content, ensure_ascii=False) + "\n"

    def segment(self, source: Source, prediction: Prediction) -> str:
        return json.dumps(as_dict(source, prediction), ensure_ascii=False) + "\n"
