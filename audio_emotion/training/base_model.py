"""The model that a run starts from: which settings it determines, and what its record passes on.

This part needs no torch; :mod:`fine_tuning` builds the network.
"""

from collections.abc import Mapping
from math import isclose
from typing import Any

from audio_emotion.core.errors import AudioEmotionError
from audio_emotion.models import checkpoint
from audio_emotion.models.checkpoint import ModelConfig

FEW_CLIPS: Mapping[str, Any] = {"epochs": 20, "patience": 0, "batch_size": 16, "optimizer": {"lr": 5e-4}}
"""The defaults of a run that starts from a model: some twenty clips per label are too few for a validation set, and
enough to learn from in a few short epochs (see training/fine_tune.py)."""

_WITHOUT = ["freeze is given without an origin, and new layers have nothing to keep; name a model with --from"]


def describe(name: str) -> ModelConfig:
    """Return the description of an available model.

    Raises:
        ModelError: there is none of that name, or it cannot be read.
    """
    return checkpoint.read_config(checkpoint.find(name))


def completed(table: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return a config's table with the settings that its ``origin`` determines, and what contradicts them.

    Architecture, sizes, frontend, sampling rate and window are the model's; shares that are dropped may differ, since
    no weight depends on them. Without an origin the table is returned as it is.
    """
    name = table.get("origin")
    if not name or not isinstance(name, str):
        return dict(table), _WITHOUT if table.get("freeze") else []
    try:
        model = describe(name)
    except AudioEmotionError as error:
        return dict(table), [f"origin: {error}"]
    settled: dict[str, Any] = {
        "architecture": model.architecture,
        "sampling_rate": model.sampling_rate,
        "window_s": model.window_samples / model.sampling_rate,
        "parameters": dict(model.parameters),
        "frontend": dict(model.frontend),
    }
    given = {key: table[key] for key in settled if table.get(key)}
    problems = [
        f"{key} is {value!r}, and the model {name!r}, which is trained further, has {has!r}: remove it"
        for key, value, has in _differing(given, settled)
    ]
    merged = {**FEW_CLIPS, **settled, **table} | {key: settled[key] for key in settled if key not in given}
    for key in ("parameters", "frontend"):
        merged[key] = {**settled[key], **given.get(key, {})}
    merged["optimizer"] = _optimizer(table.get("optimizer"))
    return merged, problems


def merge_provenance(name: str, training: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model's record of its training takes from the model it was made from.

    Corpora, speakers and licence are those of both.
    """
    before = describe(name).training
    return {
        "corpora": list(dict.fromkeys([*before.get("corpora", ()), *training["corpora"]])),
        "licence": joined(*(str(record.get("licence", "unknown")) for record in (before, training))),
        "speakers": dict(training["speakers"])
        | {
            side: sorted({*training_recordings(name, side), *training["speakers"][side]})
            for side in ("train", "validation")
        },
    }


def joined(*licences: str) -> str:
    """Return several licences as one, each named once.

    >>> joined("CC-BY-4.0 AND ODbL-1.0", "", "CC-BY-4.0")
    'CC-BY-4.0 AND ODbL-1.0'
    """
    return " AND ".join(dict.fromkeys(word for licence in licences if licence for word in licence.split(" AND ")))


def training_recordings(name: str, side: str = "train") -> tuple[str, ...]:
    """Return the speakers of one side of a model's training, those of the model it was made from among them."""
    return tuple(describe(name).training.get("speakers", {}).get(side, ()))


def _optimizer(table: Any) -> Any:
    """Return the optimizer's table with the default of few clips; what is no table is left to be refused."""
    if table is not None and not isinstance(table, Mapping):
        return table
    return {**FEW_CLIPS["optimizer"], **(table or {})}


def _differing(given: Mapping[str, Any], settled: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return (key, given, settled) of what is not the model's."""
    differing = []
    for key, value in given.items():
        has = settled[key]
        if isinstance(has, Mapping) and isinstance(value, Mapping):
            differing += [
                (f"{key}.{name}", setting, has[name])
                for name, setting in value.items()
                if name in has and _plain(setting) != _plain(has[name]) and not name.endswith("dropout")
            ]
        elif not (isclose(value, has, rel_tol=1e-6) if isinstance(value, float) else value == has):
            differing.append((key, value, has))
    return differing


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
