"""The model card, ``README.md`` in a model folder."""

from collections.abc import Mapping
from typing import Any

from audio_emotion.models import licences
from audio_emotion.models.checkpoint import ModelConfig


def render(config: ModelConfig) -> str:
    """Return the card of a model, with the YAML header for model hubs."""
    training = config.training
    return "\n".join(
        [
            "---",
            *_licence(str(training["licence"])),
            "language: en" if "ravdess" in training["corpora"] else "language: und",
            "tags: [audio-classification, speech-emotion-recognition]",
            "library_name: audio-emotion",
            "---",
            f"# {config.name}",
            "",
            f"Speech emotion recognition, {len(config.labels)} labels: {', '.join(config.labels)}. "
            f"Architecture `{config.architecture}`; {config.sampling_rate} Hz mono; "
            f"windows of {config.window_samples / config.sampling_rate:g} s.",
            "",
            "## Training data",
            f"Corpora: {', '.join(training['corpora'])}. Split: {training['split']}. "
            f"Training speakers: {', '.join(training['speakers']['train'])}.",
            f"Licence of the weights, as of the recordings: {training['licence']}.",
            *_terms(str(training["licence"])),
            *_made_from(training.get("from")),
            *_adapted_from(config.adaptation),
            "",
            "## Figures",
            *(_figures(config.figures) if "model" not in config.adaptation else [_NOT_MEASURED]),
            "",
            "## Limits",
            "Acted speech recorded in a studio is not the world: expect far lower accuracy on spontaneous speech, "
            "other languages, other rooms and other microphones. A score is the model's, not a fact about a person. "
            "The EU AI Act forbids inferring emotions at work and in education, with exceptions for medical and "
            "safety reasons.",
            "",
        ]
    )


_NOT_MEASURED = "None: it was not tested since it was adapted. See the model that it was made from."


def _adapted_from(adaptation: Mapping[str, Any]) -> list[str]:
    if "model" not in adaptation:
        return []
    return [
        "",
        f"Adapted from `{adaptation['model']}` to {adaptation['recordings']} recordings without labels "
        f"({adaptation['windows']} windows with speech, shrinkage {adaptation['shrinkage']:g}); its weights are those "
        "of that model.",
    ]


def _licence(name: str) -> list[str]:
    """Return the licence as the Hub expects it: an identifier, or ``other`` with a name."""
    known = {"ODbL-1.0": "odbl", "unknown": "unknown"}
    if name in known or (name.startswith("CC-") and " " not in name):
        return [f"license: {known.get(name, name.lower())}"]
    return ["license: other", f"license_name: {name.lower().replace(' ', '-')}"]


def _terms(licence: str) -> list[str]:
    """Return what a licence means, as a list."""
    return ["", *(f"- {part}: {licences.terms(part)}." for part in licences.parts(licence))]


def _made_from(origin: Mapping[str, Any] | None) -> list[str]:
    """Describe the base model of a fine-tuned model, and what was kept of it."""
    if not origin:
        return []
    rows = origin["labels taken over in them"]
    known = f" (but for the rows of {', '.join(rows)})" if rows else ""
    new = f"new: {', '.join(origin['new'])}{known}" if origin["new"] else "all there are"
    frozen = f"; {len(origin['frozen'])} of them were not trained" if origin["frozen"] else ""
    return [
        "",
        f"Made from `{origin['model']}` (weights {origin['sha256'][:12]}), which was trained on "
        f"{', '.join(origin.get('corpora', ['corpora that it does not record']))}, licence "
        f"{origin.get('licence', 'unknown')}: its speakers and its licence are counted above. "
        f"{origin['taken over']} tensors were taken over{frozen}; {new}.",
    ]


def _figures(figures: Mapping[str, Any]) -> list[str]:
    if not figures:
        return ["None: every speaker was trained on, so nothing is left to test on."]
    return [f"- {name}: {_number(value)}" for name, value in figures.items()]


def _number(value: object) -> str:
    if isinstance(value, list | tuple):
        return " to ".join(map(_number, value))
    return f"{value:.4f}" if isinstance(value, float) else str(value)
