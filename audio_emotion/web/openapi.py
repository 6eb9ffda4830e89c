"""The service's OpenAPI document, made from the schema of ``infer``'s JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict

from audio_emotion import formats
from audio_emotion.models.checkpoint import ModelConfig

_HOME = "#/components/schemas/"
_TEXT = {"schema": {"type": "string"}}

RESULT: Mapping[str, Any] = {
    "application/json": {"schema": {"$ref": f"{_HOME}answer"}},
    "application/jsonl": _TEXT,
    "text/csv": _TEXT,
    "text/vtt": _TEXT,
    "text/plain": _TEXT,
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY: Mapping[str, Any] = {
    "required": True,
    "description": "A recording or a video (WAV, FLAC, OGG, MP3, M4A, MP4, WEBM ...), in a form or by itself.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "segments": {
                        "type": "string",
                        "format": "binary",
                        "description": "A transcript or label file, as `audio-emotion infer --segments` reads it.",
                    },
                },
            }
        },
        "audio/wav": _BINARY,
        "application/octet-stream": _BINARY,
    },
}
PROBLEM: Mapping[str, Any] = {"application/json": {"schema": {"$ref": f"{_HOME}problem"}}}

_PROBLEM_SCHEMA = {
    "description": "Why there is no result, in one line.",
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
    "additionalProperties": False,
}


class ServedModel(BaseModel):
    """One model that is served."""

    model_config = ConfigDict(extra="forbid")

    name: str
    architecture: str
    labels: list[str]
    sampling_rate: int
    window_s: float
    uar: float | None
    protocol: str | None
    adaptable: bool


class Models(BaseModel):
    """The models that are served, the default first."""

    model_config = ConfigDict(extra="forbid")

    models: list[ServedModel]

    @classmethod
    def of(cls, names: Sequence[str], configs: Sequence[ModelConfig]) -> "Models":
        """Return the models of these names and descriptions."""
        return cls(models=[_described(name, config) for name, config in zip(names, configs, strict=True)])


def _described(name: str, config: ModelConfig) -> ServedModel:
    return ServedModel(
        name=name,
        architecture=config.architecture,
        labels=list(config.labels),
        sampling_rate=config.sampling_rate,
        window_s=config.window_samples / config.sampling_rate,
        uar=config.figures.get("UAR"),
        protocol=config.figures.get("protocol"),
        adaptable=bool(config.adaptation),
    )


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the app's OpenAPI document, with the schemas of ``infer``'s JSON among its own."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    ours: dict[str, Any] = json.loads(json.dumps(formats.schema()["$defs"]).replace("#/$defs/", _HOME))
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(ours, problem=_PROBLEM_SCHEMA)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document
