"""audio-emotion hears emotion in speech.

>>> from audio_emotion import load_model
>>> model = load_model()
>>> prediction = model.predict("inference/samples/happy.wav")
>>> list(prediction.scores)
['neutral', 'calm', 'happy', 'sad', 'angry', 'fearful', 'disgust', 'surprised']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio_emotion.audio import Part
    from audio_emotion.errors import AudioEmotionError
    from audio_emotion.explaining import Explanation, explain
    from audio_emotion.fitting import TrainConfig
    from audio_emotion.prediction import Model, load_model
    from audio_emotion.records import Prediction, Waveform
    from audio_emotion.streaming import Stream, TimelineConfig, timeline
    from audio_emotion.training import train

__version__ = "0.1.0"
__all__ = [
    "AudioEmotionError",
    "Explanation",
    "Model",
    "Part",
    "Prediction",
    "Stream",
    "TimelineConfig",
    "TrainConfig",
    "Waveform",
    "explain",
    "load_model",
    "timeline",
    "train",
]

_HOMES = {
    "AudioEmotionError": "errors",
    "Explanation": "explaining",
    "Model": "prediction",
    "Part": "audio",
    "Prediction": "records",
    "Stream": "streaming",
    "TimelineConfig": "streaming",
    "TrainConfig": "fitting",
    "Waveform": "records",
    "explain": "explaining",
    "load_model": "prediction",
    "timeline": "streaming",
    "train": "training",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``import audio_emotion`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'audio_emotion' has no attribute {name!r}")
    return getattr(import_module(f"audio_emotion.{_HOMES[name]}"), name)
