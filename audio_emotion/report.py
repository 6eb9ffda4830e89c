"""Predictions as text and JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audio_emotion.emotions import NO_SPEECH
from audio_emotion.records import Prediction


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction with where it comes from: the file as the user named it, the model's name, the device."""

    file: str
    prediction: Prediction
    model: str
    device: str

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; ``start`` and ``end`` are seconds, ``scores`` probabilities in label order."""
        said = self.prediction
        return {
            "file": self.file,
            "start": round(said.start, 3),
            "end": round(said.end, 3),
            "label": said.label,
            "score": said.score,
            "scores": dict(said.scores),
            "model": self.model,
            "device": self.device,
        }


def text(prediction: Prediction) -> str:
    """Return a prediction as lines: the answer with its confidence, then each label's probability."""
    if prediction.label == NO_SPEECH:
        return "Predicted emotion: no speech\n"
    lines = [
        f"Predicted emotion: {prediction.label} with {100 * prediction.score:.2f}% confidence",
        "",
        "All emotion probabilities:",
        *(f"{label}: {100 * score:.2f}%" for label, score in prediction.scores.items()),
    ]
    if prediction.n_windows > 1:
        lines.insert(1, f"(mean over {prediction.n_windows} windows that hold speech)")
    return "\n".join(lines) + "\n"


def to_json(answers: Sequence[Answer], as_list: bool) -> str:
    """Return one object, or a list of them."""
    content = [answer.as_dict() for answer in answers]
    return json.dumps(content if as_list else content[0], indent=2, ensure_ascii=False)
