"""Label Studio's JSON import: tasks with pre-annotations, which people check and correct there."""

import json
import textwrap
from typing import Any

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.paths import encodable
from audio_emotion.formats.result import Result
from audio_emotion.formats.writer import Writer, speaker_of, text_of


class LabelStudioWriter(Writer):
    """A list with a task for each recording; each segment is a region with its emotion, speaker and words.

    The labelling interface needs the controls ``emotion`` and ``speaker`` (Labels) and ``transcription`` (TextArea)
    for an Audio object ``audio``; ``docs/output-formats.md`` has one.
    """

    suffix = ".label-studio.json"
    _started = False

    def head(self) -> str:
        return "["

    def end(self, result: Result) -> str:
        content = json.dumps(_task(result), indent=2, ensure_ascii=False)
        comma = "," if self._started else ""
        self._started = True
        return f"{comma}\n{textwrap.indent(content, '  ')}"

    def tail(self) -> str:
        return "\n]\n" if self._started else "]\n"


def _task(result: Result) -> dict[str, Any]:
    regions: list[dict[str, Any]] = []
    for number, prediction in enumerate(result.rows, start=1):
        if prediction.label == NO_SPEECH and not text_of(prediction):
            continue
        place = {
            "start": round(prediction.start, 3),
            "end": round(prediction.end, 3),
            "channel": (prediction.channel or 1) - 1,  # it counts from 0
        }
        values: list[tuple[str, str, dict[str, Any]]] = []
        if prediction.label != NO_SPEECH:
            values.append(("emotion", "labels", {"labels": [prediction.label]}))
        if speaker := speaker_of(prediction):
            values.append(("speaker", "labels", {"labels": [encodable(speaker)]}))
        if text := text_of(prediction):
            values.append(("transcription", "textarea", {"text": [encodable(text)]}))
        for name, kind, value in values:
            region = {"id": f"segment-{number}", "from_name": name, "to_name": "audio", "type": kind}
            score = {"score": round(prediction.score, 6)} if name == "emotion" else {}
            regions.append({**region, "value": place | value, **score})
    predictions = {
        "model_version": result.source.model,
        "score": round(result.prediction.score, 6),
        "result": regions,
    }
    return {"data": {"audio": encodable(result.source.file)}, "predictions": [predictions]}
