"""The calling convention of ``transformers`` for audio classification, for programs that are written for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Input, Model
from audio_emotion.models.checkpoint import DEFAULT

Scores = list[dict[str, Any]]
"""``[{"score": 0.87, "label": "happy"}, ...]``, the highest score first; empty if there is no speech."""


def pipeline(
    task: str = "audio-classification", model: str | Model = DEFAULT, device: str = "auto", top_k: int | None = None
) -> Callable[..., Any]:
    """Return a function that classifies recordings as a ``transformers`` audio-classification pipeline does.

    Args:
        task: ``audio-classification``, the only one.
        model: a name or path as in :func:`load_model`, or a loaded model.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``, for a model that is loaded here.
        top_k: number of labels to return; None: all.

    Returns:
        A function of one recording, or of a list of them, that returns a list of ``{"score", "label"}``, or a list
        of those. A recording is whatever :meth:`Model.predict` takes, or a mapping with ``array`` (or ``raw``) and
        ``sampling_rate``.

    Raises:
        ValueError: ``task`` is another one.

    >>> from audio_emotion import pipeline
    >>> classify = pipeline("audio-classification", top_k=2, device="cpu")
    >>> [entry["label"] for entry in classify("inference/samples/happy.wav")]
    ['happy', 'fearful']
    """
    if task != "audio-classification":
        raise ValueError(f"unknown task {task!r}; expected audio-classification")
    loaded = load_model(model, device) if isinstance(model, str) else model

    def classify(inputs: Input | Mapping[str, Any] | Sequence[Any], top_k: int | None = top_k) -> Any:
        if isinstance(inputs, list | tuple):
            return [_scores(loaded, item, top_k) for item in inputs]
        return _scores(loaded, inputs, top_k)

    return classify


def _scores(model: Model, source: Any, top_k: int | None) -> Scores:
    if isinstance(source, Mapping):
        samples = source["array"] if "array" in source else source["raw"]
        prediction = model.predict(samples, source["sampling_rate"])
    else:
        prediction = model.predict(source)
    if not prediction.n_windows:
        return []
    best = sorted(prediction.scores.items(), key=lambda item: item[1], reverse=True)[:top_k]
    return [{"score": score, "label": label} for label, score in best]
